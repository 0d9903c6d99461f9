import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { PATCHED_VERSION, patchKafkaJs } from '../../src/kafka/patch-kafkajs.ts';
import { encodeBatch } from './batches.ts';

const load = createRequire(import.meta.url);
const CONNECTION = 'kafkajs/src/network/connection';
const QUEUE = 'kafkajs/src/network/requestQueue';
const POOL = 'kafkajs/src/cluster/brokerPool';
const BATCH = 'kafkajs/src/consumer/batch';
const RUNNER = 'kafkajs/src/consumer/runner';
const FETCH = 'kafkajs/src/protocol/requests/fetch';

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
    ['kafkajs/src/consumer/consumerGroup', 'f3e461738585a8dc'],
    ['kafkajs/src/consumer/offsetManager/index', 'bd1041968ae32232'],
    ['kafkajs/src/network/connectionPool', 'ecba4ba6fc4f2a6e'],
    ['kafkajs/src/broker/index', '9cbea8898528c439'],
    [RUNNER, 'fad3247df2e3ba48'],
    [BATCH, '04ee865724744159'],
    ['kafkajs/src/cluster/index', '3831a6845e4e9fb0'],
    ['kafkajs/src/network/requestQueue/socketRequest', 'dde28f8e26c6d17f'],
    ['kafkajs/src/protocol/requests/fetch/index', 'b0961e16fca52023'],
    [`${FETCH}/v4/decodeMessages`, 'd9fede59bebf84ee'],
    [`${FETCH}/v11/response`, '9cb972647500104e'],
    ['kafkajs/src/index', '38d0022e448f0aaa'],
  ])('knows the source of %s', (file, hash) => {
    expect(
      createHash('sha256')
        .update(readFileSync(load.resolve(file)))
        .digest('hex')
        .slice(0, 16),
    ).toBe(hash);
  });

  test('gives kafkajs a clock that does not step', () => {
    const queue = { pending: [], throttledUntil: Date.now() + 3_600_000 };
    load(QUEUE).prototype.scheduleCheckPendingRequests.call(queue);
    expect(queue.throttledUntil).toBe(-1);
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

  test('decodes fetched batches by itself, of all versions that hold them, and leaves older formats to kafkajs', async () => {
    const Decoder = load('kafkajs/src/protocol/decoder');
    const Encoder = load('kafkajs/src/protocol/encoder');
    const batch = await encodeBatch({ offset: 3, records: [{ value: Buffer.from('v') }] });
    batch.writeUInt8(0x55, 65);
    const answer = new Encoder().writeInt32(0).writeInt16(0).writeInt32(0);
    answer.writeInt32(1).writeString('t').writeInt32(1).writeInt32(0).writeInt16(0).writeInt64(4).writeInt64(4).writeInt64(0);
    answer.writeInt32(0).writeInt32(-1).writeBytes(batch);
    const { responses } = await load(`${FETCH}/v11/response`).decode(answer.buffer);
    expect(responses[0].partitions[0].messages[0].unreadable).toEqual({ offset: 3n, lastOffset: 3n, reason: 'its checksum is wrong' });
    const old = load('kafkajs/src/protocol/messageSet')({ messageVersion: 1, compression: 0, entries: [{ key: null, value: 'old' }] });
    const messages = await load(`${FETCH}/v4/decodeMessages`)(new Decoder(new Encoder().writeBytes(old.buffer).buffer));
    expect(messages.map(({ value }: { value: Buffer }) => String(value))).toEqual(['old']);
  });

  test('lets a batch without records say from where it was fetched, not what stands first in it', () => {
    const Batch = load(BATCH);
    const firstOffset = (isControlRecord: boolean): string => {
      const messages = [{ offset: '7', isControlRecord, batchContext: {} }];
      return new Batch('t', '5', { partition: 0, highWatermark: '8', abortedTransactions: [], messages }).firstOffset();
    };
    expect([firstOffset(true), firstOffset(false)]).toEqual(['5', '7']);
  });

  test('tells of a crash though closing the connections fails, and throws nothing into the void', async () => {
    const Runner = load(RUNNER);
    const told: string[] = [];
    const consumerGroup = { connect: () => Promise.reject(new Error('first')) };
    const noisy = { ...quiet, namespace: () => noisy, error: (message: string) => void told.push(message) };
    const runner = new Runner({
      logger: noisy,
      consumerGroup,
      concurrency: 1,
      retry: {},
      onCrash: () => Promise.reject(new Error('second')),
    });
    await runner.start();
    expect(told).toEqual(['Crash could not be told: second']);
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
