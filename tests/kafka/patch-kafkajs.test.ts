import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { PATCHED_VERSION, patchKafkaJs } from '../../src/kafka/patch-kafkajs.ts';

const load = createRequire(import.meta.url);
const CONNECTION = 'kafkajs/src/network/connection';
const QUEUE = 'kafkajs/src/network/requestQueue';
const POOL = 'kafkajs/src/cluster/brokerPool';

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const logger = { ...quiet, namespace: () => quiet };

beforeAll(() => {
  patchKafkaJs();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('patchKafkaJs()', () => {
  // When this fails, kafkajs was changed: read what the files do now, and whether the mends still fit.
  test.each([
    [QUEUE, 'b55986089c14f8f7'],
    [CONNECTION, '2a993b2e74421ca6'],
    [POOL, '9994863e891ac2ab'],
    ['kafkajs/src/protocol/requests/produce/v3/request.js', '993a3db997827088'],
  ])('knows the source of %s', (file, hash) => {
    expect(
      createHash('sha256')
        .update(readFileSync(load.resolve(file)))
        .digest('hex')
        .slice(0, 16),
    ).toBe(hash);
  });

  test('is applied to the installed version', () => {
    expect(patchKafkaJs()).toBe(true);
    expect(load('kafkajs/package.json').version).toBe(PATCHED_VERSION);
  });

  test('lets an idle request queue set no timer, and a waiting one its own', () => {
    vi.useFakeTimers();
    const RequestQueue = load(QUEUE);
    const queue = new RequestQueue({
      maxInFlightRequests: 0,
      requestTimeout: 1000,
      enforceRequestTimeout: false,
      clientId: 'c',
      broker: 'b',
      logger: quiet,
    });
    queue.checkPendingRequests();
    expect(vi.getTimerCount()).toBe(0);
    queue.push({ entry: { correlationId: 1 }, expectResponse: true, sendRequest: () => undefined });
    expect(vi.getTimerCount()).toBe(1);
    queue.destroy();
  });

  test('lets a pool forget brokers but the last one, which a consumer needs to begin anew', () => {
    const BrokerPool = load(POOL);
    const pool = new BrokerPool({ connectionPoolBuilder: {}, logger });
    pool.brokers = { 1: { nodeId: 1, connectionPool: { host: 'a', port: 1 } }, 2: { nodeId: 2, connectionPool: { host: 'b', port: 1 } } };
    pool.seedBroker = pool.brokers[1];
    pool.removeBroker({ host: 'a', port: 1 });
    expect(pool.getNodeIds()).toEqual(['2']);
    pool.metadataExpireAt = 1;
    pool.removeBroker({ host: 'b', port: 1 });
    expect(pool.getNodeIds()).toEqual(['2']);
    expect(pool.metadataExpireAt).toBeNull();
  });

  test('lets a connection begin anew after one that broke in the middle of an answer', async () => {
    const Connection = load(CONNECTION);
    const sockets: FakeSocket[] = [];
    const socketFactory = ({ onConnect }: { onConnect: () => void }) => {
      const socket = new FakeSocket();
      sockets.push(socket);
      queueMicrotask(onConnect);
      return socket;
    };
    const connection = new Connection({
      host: 'h',
      port: 1,
      logger,
      socketFactory,
      requestTimeout: 1000,
      connectionTimeout: 1000,
      enforceRequestTimeout: false,
    });
    await connection.connect();
    const first = ask(connection);
    await once(sockets[0] ?? new FakeSocket(), 'written');
    sockets[0]?.emit('data', answer(0).subarray(0, 6));
    sockets[0]?.emit('error', new Error('reset'));
    await expect(first).rejects.toThrow('reset');

    await connection.connect();
    const second = ask(connection);
    await once(sockets[1] ?? new FakeSocket(), 'written');
    sockets[1]?.emit('data', answer(1));
    await expect(second).resolves.toBe('hello');
  });
});

class FakeSocket extends EventEmitter {
  write(): void {
    this.emit('written');
  }
  end(): void {}
  unref(): void {}
}

function ask(connection: { send(protocol: unknown): Promise<unknown> }): Promise<unknown> {
  const request = { apiKey: 18, apiName: 'ApiVersions', apiVersion: 0, encode: async () => new (load('kafkajs/src/protocol/encoder'))() };
  return connection.send({
    request,
    response: { decode: async (payload: Buffer) => payload, parse: async (payload: Buffer) => payload.toString() },
  });
}

function answer(correlationId: number): Buffer {
  const body = Buffer.from('....hello');
  body.writeInt32BE(correlationId);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}
