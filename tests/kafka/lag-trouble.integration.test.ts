// Contract: what is wrong with a topic, a group or a clock comes out of the broker's own answers as what it is: in a report,
// with a word about it, and never as a number that is not so.
import { createRequire } from 'node:module';
import { type Consumer, Kafka, logLevel } from 'kafkajs';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { assessLag, type LagReport } from '../../src/core/lag/assess.ts';
import { createSampler } from '../../src/core/lag/read-sample.ts';
import type { LagTarget, LagWarehouse } from '../../src/core/lag/sample.ts';
import { createLagWindow } from '../../src/core/lag/window.ts';
import { openLagSource } from '../../src/kafka/lag-source.ts';
import { eventually, testStack } from '../support/stack.ts';
import { commitOffsets, remakeTopic } from '../support/topic-log.ts';
import { connectionTo } from './connection.ts';
import { createLedTopic, targetOf, writeAged } from './lag-topic.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

interface Looking extends AsyncDisposable {
  look(): Promise<LagReport>;
}

/** Looks at the real broker again and again, as `gbx lag --watch` does. */
function openLooking(target: LagTarget, warehouse?: LagWarehouse): Looking {
  const source = openLagSource(connectionTo(), target);
  const assess = { allowedLag: 0, stallAfterMs: undefined, expectedGapMs: 1_000, startFrom: 'earliest' } as const;
  const poll = createSampler({
    ...{ source, warehouse, target, by: 'ledger', isTimed: true, limitMs: undefined, warehouseEveryMs: 0, clock: systemClock },
  });
  const window = createLagWindow();
  return {
    look: async () => {
      window.add(await poll());
      return assessLag(window, assess);
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
}

async function commit({ topic, group }: LagTarget, offsets: readonly (readonly [number, bigint])[]): Promise<void> {
  await commitOffsets({ brokers: testStack().brokers, topic }, { group, offsets: new Map(offsets) });
}

test('a topic made anew with fewer partitions: what the ledger knows of the others is said, while watching and at first sight', async () => {
  const topic = await createLedTopic({ partitions: 3 });
  const target = targetOf(topic);
  for (const partition of [0, 1, 2]) await writeAged(topic, partition, [3, 2, 1]);
  const warehouse: LagWarehouse = {
    readLedger: async () => {
      const clusterId = (await testCluster()).clusterId;
      return [0, 1, 2].map((partition) => ({ clusterId, topic, partition, nextOffset: 3n, updatedAtMs: Date.now() }));
    },
    readFreshness: async () => ({ newestTsMs: undefined, loadDelayMs: undefined }),
  };
  await using watching = openLooking(target, warehouse);
  expect(await watching.look()).toMatchObject({ total: { lag: 0, verdict: 'OK' }, sample: { gone: [] } });
  await remakeTopic({ brokers: testStack().brokers, topic }, { partitions: 1 });
  const report = await eventually('the topic as it is now', async () => {
    const seen = await watching.look();
    return seen.partitions.length === 1 && seen.partitions[0]?.verdict === 'AHEAD' ? seen : undefined;
  });
  const gone = expect.stringMatching(/^p1, p2: in the ledger, but not in the topic/u);
  expect(report).toMatchObject({ sample: { gone: [1, 2] }, total: { lag: undefined, severity: 'error' } });
  expect(report.warnings).toContainEqual(gone);
  await using once = openLooking(target, warehouse);
  expect((await once.look()).warnings).toContainEqual(gone);
});

async function testCluster(): Promise<{ readonly clusterId: string }> {
  const admin = new Kafka({ brokers: [testStack().brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  return admin.describeCluster().finally(() => admin.disconnect());
}

describe('clocks that differ', () => {
  test('with LogAppendTime it is the broker’s that counts, whatever the producers stamped', async () => {
    const topic = await createLedTopic({ partitions: 1, config: { 'message.timestamp.type': 'LogAppendTime' } });
    const target = targetOf(topic);
    await writeAged(topic, 0, [5 * HOUR_MS, -5 * HOUR_MS]);
    await commit(target, [[0, 0n]]);
    await using looking = openLooking(target);
    const { sample, total } = await looking.look();
    expect(sample.timestampType).toBe('LogAppendTime');
    expect(total.behindMs).toBeGreaterThanOrEqual(0);
    expect(total.behindMs).toBeLessThan(MINUTE_MS);
  });

  test('records that come from the future are no age below zero', async () => {
    const topic = await createLedTopic({ partitions: 1 });
    const target = targetOf(topic);
    await writeAged(topic, 0, [-30 * MINUTE_MS, -20 * MINUTE_MS]);
    await commit(target, [[0, 0n]]);
    await using looking = openLooking(target);
    const { sample, partitions } = await looking.look();
    expect(sample.timestampType).toBe('CreateTime');
    expect(partitions[0]).toMatchObject({ lag: 2 });
    expect(partitions[0]?.sample.timeLag ?? { minMs: 0, maxMs: 0 }).toEqual({ minMs: 0, maxMs: 0 });
  });

  test('a record loaded from the future hides the age of what follows: it is not known, and neither zero nor guessed', async () => {
    const topic = await createLedTopic({ partitions: 2 });
    const target = targetOf(topic);
    await writeAged(topic, 0, [-30 * MINUTE_MS, 2 * MINUTE_MS]);
    await writeAged(topic, 1, [3 * MINUTE_MS, 2 * MINUTE_MS]);
    await commit(target, [
      [0, 1n],
      [1, 1n],
    ]);
    await using looking = openLooking(target);
    const { partitions, total } = await looking.look();
    expect(partitions.map(({ lag }) => lag)).toEqual([1, 1]);
    expect(partitions[0]?.sample.timeLag).toBeUndefined();
    expect(partitions[1]?.sample.timeLag?.maxMs).toBeGreaterThan(1.9 * MINUTE_MS);
    expect(total.behindMs).toBeUndefined();
  });
});

test('a group that shares its partitions out during the call: told as it is, its offsets and lag known all the same', async () => {
  const topic = await createLedTopic({ partitions: 2 });
  const target = targetOf(topic);
  await writeAged(topic, 0, [3, 2, 1]);
  await commit(target, [
    [0, 1n],
    [1, 0n],
  ]);
  const kafka = new Kafka({ brokers: [testStack().brokers], logLevel: logLevel.NOTHING });
  // The first hears of the second at its next heartbeat only: so long the group waits for it.
  const consumers = [25_000, 3_000].map((heartbeatInterval) =>
    kafka.consumer({ groupId: target.group, heartbeatInterval, sessionTimeout: 30_000 }),
  );
  try {
    const join = async (consumer: Consumer | undefined): Promise<void> => {
      await consumer?.connect();
      await consumer?.subscribe({ topic });
      void consumer?.run({ autoCommit: false, eachMessage: async () => undefined });
    };
    await using looking = openLooking(target);
    await join(consumers[0]);
    await eventually('a stable group', async () => (await looking.look()).sample.state === 'Stable');
    await join(consumers[1]);
    const report = await eventually('a group that rebalances', async () => {
      const seen = await looking.look();
      return seen.sample.state === 'PreparingRebalance' ? seen : undefined;
    });
    expect(report.partitions.map(({ lag, sample: { committed } }) => ({ lag, committed }))).toEqual([
      { lag: 2, committed: 1n },
      { lag: 0, committed: 0n },
    ]);
    expect(report.total).toMatchObject({ lag: 2, verdict: 'UNKNOWN' });
    expect(report.warnings).toEqual([]);
  } finally {
    for (const consumer of consumers) await consumer.disconnect();
  }
});

interface Connection {
  send(exchange: { readonly request: { readonly apiName: string } }): Promise<unknown>;
}
const connection: { readonly prototype: Connection } = createRequire(import.meta.url)('kafkajs/src/network/connection');
const originalSend = connection.prototype.send;
afterEach(() => {
  connection.prototype.send = originalSend;
});

interface Answer {
  readonly topicMetadata?: { topicErrorCode: number }[];
  readonly responses?: { readonly partitions: { errorCode: number }[] }[];
}

const TOPIC_AUTHORIZATION_FAILED = 29;

describe('no right to see the topic', () => {
  test.each([
    [
      'Metadata',
      ({ topicMetadata = [] }: Answer) => topicMetadata.map((one) => Object.assign(one, { topicErrorCode: TOPIC_AUTHORIZATION_FAILED })),
    ],
    [
      'OffsetFetch',
      ({ responses = [] }: Answer) =>
        responses.map(({ partitions }) => partitions.map((one) => Object.assign(one, { errorCode: TOPIC_AUTHORIZATION_FAILED }))),
    ],
  ] as const)('is GBX_KAFKA_AUTH where the answer to %s says so, with the right that is missing', async (api, refuse) => {
    const topic = await createLedTopic({ partitions: 1 });
    await using source = openLagSource(connectionTo(), targetOf(topic));
    let refused = 0;
    connection.prototype.send = async function changed(this: Connection, exchange) {
      const answer = (await originalSend.call(this, exchange)) as Answer;
      if (exchange.request.apiName === api) refused += refuse(answer).length;
      return answer;
    };
    await expect(source.readGroup()).rejects.toMatchObject({
      ...{ code: 'GBX_KAFKA_AUTH', exitCode: 77, message: expect.stringContaining('TOPIC_AUTHORIZATION_FAILED') },
      hint: expect.stringContaining('DESCRIBE the group and the topics'),
    });
    expect(refused).toBeGreaterThan(0);
  });
});
