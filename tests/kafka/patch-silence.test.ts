import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { patchKafkaJs } from '../../src/kafka/patch-kafkajs.ts';
import { isSuspect } from '../../src/kafka/patch-silence.ts';

const load = createRequire(import.meta.url);
const LIMIT_MS = 4_000;
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const logger = { ...quiet, namespace: () => quiet };

beforeEach(() => {
  patchKafkaJs();
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

interface Ask {
  readonly api: string;
  readonly requestTimeout?: number;
}

/** A connection whose peer says what the test says; `failures` are the requests given up, in their order. */
function connect() {
  const Connection = load('kafkajs/src/network/connection');
  const connection = new Connection({ host: 'h', port: 1, logger, requestTimeout: LIMIT_MS, clientId: 'c' });
  const queue = connection.requestQueue;
  queue.isConnected = () => true;
  queue.scheduleRequestTimeoutCheck();
  const failures: string[] = [];
  let correlationId = 0;
  return {
    failures,
    queue,
    broker: { connectionPool: { pool: [connection] } },
    ask: ({ api, requestTimeout }: Ask) => {
      const entry = {
        correlationId,
        apiName: api,
        apiKey: 1,
        apiVersion: 1,
        resolve: () => undefined,
        reject: () => void failures.push(api),
      };
      queue.push({ entry, requestTimeout, expectResponse: true, sendRequest: () => undefined });
      return correlationId++;
    },
    /** Begins an answer that is still to be completed. */
    trickle: () => connection.processData(Buffer.from([0])),
    answer: (id: number) => {
      const bytes = Buffer.alloc(8);
      bytes.writeInt32BE(4);
      bytes.writeInt32BE(id, 4);
      connection.processData(bytes);
    },
  };
}

describe('patchSilence()', () => {
  test('gives up a request once nothing came for its time, and suspects the broker from then on', async () => {
    const { ask, broker, failures } = connect();
    ask({ api: 'Fetch' });
    await vi.advanceTimersByTimeAsync(LIMIT_MS - 500);
    expect([failures, isSuspect(broker)]).toEqual([[], false]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([failures, isSuspect(broker)]).toEqual([['Fetch'], true]);
  });

  test('lets an answer last for as long as bytes of it come', async () => {
    const { ask, trickle, failures } = connect();
    ask({ api: 'Fetch' });
    for (let n = 0; n < 3; n++) {
      await vi.advanceTimersByTimeAsync(LIMIT_MS - 500);
      trickle();
    }
    expect(failures).toEqual([]);
    await vi.advanceTimersByTimeAsync(LIMIT_MS + 500);
    expect(failures).toEqual(['Fetch']);
  });

  test('lets wait what stands behind a request that may last longer', async () => {
    const { ask, failures } = connect();
    ask({ api: 'JoinGroup', requestTimeout: 30_000 });
    ask({ api: 'OffsetCommit' });
    await vi.advanceTimersByTimeAsync(29_000);
    expect(failures).toEqual([]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(failures).toEqual(['JoinGroup', 'OffsetCommit']);
  });

  test('gives a SyncGroup, which waits for another member, 10 s', async () => {
    const { ask, failures } = connect();
    ask({ api: 'SyncGroup' });
    await vi.advanceTimersByTimeAsync(9_500);
    expect(failures).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(failures).toEqual(['SyncGroup']);
  });

  test('gives a broker that was too slow 10 s for what a consumer repeats, until it answers in time again', async () => {
    const { ask, answer, broker, failures } = connect();
    ask({ api: 'Fetch' });
    await vi.advanceTimersByTimeAsync(LIMIT_MS + 500);
    for (let n = 0; n < 3; n++) {
      const id = ask({ api: 'Fetch' });
      await vi.advanceTimersByTimeAsync(9_000);
      answer(id);
    }
    expect([failures, isSuspect(broker)]).toEqual([['Fetch'], true]);
    const id = ask({ api: 'Fetch' });
    await vi.advanceTimersByTimeAsync(500);
    answer(id);
    expect(isSuspect(broker)).toBe(false);
    ask({ api: 'Fetch' });
    await vi.advanceTimersByTimeAsync(LIMIT_MS + 500);
    expect(failures).toEqual(['Fetch', 'Fetch']);
  });

  test('does not wait for what a silent broker owes when its connection is closed', async () => {
    const { ask, queue, failures } = connect();
    ask({ api: 'Metadata' });
    await vi.advanceTimersByTimeAsync(LIMIT_MS + 500);
    ask({ api: 'Fetch' });
    const closing = queue.waitForPendingRequests();
    await vi.advanceTimersByTimeAsync(1);
    await closing;
    expect(failures).toEqual(['Metadata', 'Fetch']);
  });

  test('asks for metadata a broker that answers, though the silent one is connected', async () => {
    const silent = connect();
    silent.ask({ api: 'Fetch' });
    await vi.advanceTimersByTimeAsync(LIMIT_MS + 500);
    const BrokerPool = load('kafkajs/src/cluster/brokerPool');
    const pool = new BrokerPool({ connectionPoolBuilder: {}, logger, retry: {} });
    const node = (nodeId: number, broker: object, isConnected: boolean) => ({ nodeId, ...broker, isConnected: () => isConnected });
    pool.brokers = { 1: node(1, silent.broker, true), 2: node(2, connect().broker, false) };
    pool.connectBroker = async () => undefined;
    for (let n = 0; n < 20; n++) expect((await pool.findConnectedBroker()).nodeId).toBe(2);
    pool.brokers = { 1: node(1, silent.broker, true) };
    expect((await pool.findConnectedBroker()).nodeId).toBe(1);
  });
});
