import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { patchKafkaJs } from '../../src/kafka/patch-kafkajs.ts';

const load = createRequire(import.meta.url);
const HOUR_MS = 3_600_000;
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const logger = { ...quiet, namespace: () => quiet };

beforeEach(() => {
  patchKafkaJs();
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Only the wall clock; what is waited for goes on as it was. */
function step(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

function requestQueue(requestTimeout: number) {
  const RequestQueue = load('kafkajs/src/network/requestQueue');
  return new RequestQueue({
    maxInFlightRequests: null,
    requestTimeout,
    enforceRequestTimeout: true,
    clientId: 'c',
    broker: 'b',
    logger: quiet,
  });
}

function push(queue: { push(request: object): void }, reject: (error: Error) => void, sendRequest = (): void => undefined): void {
  queue.push({ entry: { correlationId: 1, apiName: 'Fetch', apiKey: 1, apiVersion: 11, reject }, expectResponse: true, sendRequest });
}

describe('patchClock()', () => {
  test.each([-HOUR_MS, HOUR_MS])('beats the heart once in its interval though the clock steps by %i ms', async (stepMs) => {
    const ConsumerGroup = load('kafkajs/src/consumer/consumerGroup');
    const group = new ConsumerGroup({ logger, retry: {}, instrumentationEmitter: { emit: () => undefined } });
    let beats = 0;
    Object.assign(group, { memberId: 'm', coordinator: { heartbeat: async () => void beats++ } });
    await group.heartbeat({ interval: 1_000 });
    step(stepMs);
    await group.heartbeat({ interval: 1_000 });
    expect(beats).toBe(1);
    await vi.advanceTimersByTimeAsync(1_000);
    await group.heartbeat({ interval: 1_000 });
    expect(beats).toBe(2);
  });

  test.each([-HOUR_MS, HOUR_MS])('gives up a request after its time and not before, though the clock steps by %i ms', async (stepMs) => {
    const queue = requestQueue(5_000);
    const failures: string[] = [];
    queue.scheduleRequestTimeoutCheck();
    push(queue, (error) => void failures.push(error.name));
    step(stepMs);
    await vi.advanceTimersByTimeAsync(4_500);
    expect(failures).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(failures).toEqual(['KafkaJSRequestTimeoutError']);
    queue.destroy();
  });

  test('holds back for as long as the broker asked, though the clock steps back', async () => {
    const queue = requestQueue(60_000);
    let sent = false;
    queue.maybeThrottle(2_000);
    step(-HOUR_MS);
    push(
      queue,
      () => undefined,
      () => {
        sent = true;
      },
    );
    await vi.advanceTimersByTimeAsync(1_500);
    expect(sent).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toBe(true);
    queue.destroy();
  });

  test('asks for metadata by its age, and at once where somebody wants it', async () => {
    const BrokerPool = load('kafkajs/src/cluster/brokerPool');
    const pool = new BrokerPool({ connectionPoolBuilder: {}, logger, metadataMaxAge: 10_000, retry: {} });
    let asked = 0;
    const metadata = async () => {
      asked++;
      return { brokers: [], topicMetadata: [{ topic: 't' }] };
    };
    pool.findConnectedBroker = async () => ({ metadata });
    pool.seedBroker = { connectionPool: { host: 'h', port: 1 } };
    await pool.refreshMetadataIfNecessary(['t']);
    step(HOUR_MS);
    await pool.refreshMetadataIfNecessary(['t']);
    expect(asked).toBe(1);
    step(-2 * HOUR_MS);
    await vi.advanceTimersByTimeAsync(10_001);
    await pool.refreshMetadataIfNecessary(['t']);
    expect(asked).toBe(2);
    pool.metadataExpireAt = null;
    await pool.refreshMetadataIfNecessary(['t']);
    expect(asked).toBe(3);
  });
});
