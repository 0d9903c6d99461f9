// Contract: what openLagSource() says of a group and of logs is what the broker has, offset for offset as Kafka's own tool
// says it; ages come out of the broker's time index as they were written; all of it in few requests, whatever the number of
// partitions. What is missing is said to be missing.
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { readTimeLags, type TimeTarget } from '../../src/core/lag/time-lag.ts';
import { openLagSource } from '../../src/kafka/lag-source.ts';
import { describeGroup } from '../support/kafka-tool.ts';
import { eventually, testStack } from '../support/stack.ts';
import { commitOffsets, remakeTopic, writeRecords } from '../support/topic-log.ts';
import { connectionTo } from './connection.ts';
import { createLedTopic, targetOf, writeAged } from './lag-topic.ts';

describe('openLagSource() where something is missing', () => {
  test('rejects with GBX_KAFKA_UNREACHABLE when nothing listens there', async () => {
    await using source = openLagSource(connectionTo({ brokers: ['127.0.0.1:1'] }), targetOf('t'));
    await expect(source.readGroup()).rejects.toMatchObject({ code: 'GBX_KAFKA_UNREACHABLE' });
  });

  test('rejects with GBX_TOPIC_MISSING for an unknown topic, and does not create it', async () => {
    const topic = `none-${randomUUID()}`;
    await using source = openLagSource(connectionTo(), targetOf(topic));
    await expect(source.readGroup()).rejects.toMatchObject({ code: 'GBX_TOPIC_MISSING', exitCode: 78 });
    const admin = new Kafka({ brokers: [testStack().brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    expect(await admin.listTopics()).not.toContain(topic);
    await admin.disconnect();
  });

  test('tells an unknown group as Dead without offsets, and leaves a missing dead-letter topic out', async () => {
    const topic = await createLedTopic({ partitions: 2 });
    await using source = openLagSource(connectionTo(), targetOf(topic));
    const group = await source.readGroup();
    expect(group).toMatchObject({ state: 'Dead', members: [] });
    expect([...(group.committed.get(topic) ?? [])]).toEqual([]);
    const logs = await source.readLogs();
    expect([...logs.keys()]).toEqual([topic]);
    expect(logs.get(topic)).toEqual([0, 1].map((partition) => ({ partition, start: 0n, end: 0n, error: undefined })));
    expect(await source.timestampType()).toBe('CreateTime');
  });

  test('sees a topic made anew: its end falls behind what the group committed', async () => {
    const topic = await createLedTopic({ partitions: 1 });
    const { brokers } = testStack();
    const target = targetOf(topic);
    await writeAged(topic, 0, [3, 2, 1]);
    await commitOffsets({ brokers, topic }, { group: target.group, offsets: new Map([[0, 3n]]) });
    await using source = openLagSource(connectionTo(), target);
    await source.readGroup();
    await remakeTopic({ brokers, topic }, { partitions: 1 });
    const end = await eventually('the end of the new log', async () => {
      const { committed } = await source.readGroup();
      const place = (await source.readLogs()).get(topic)?.[0];
      // Deleting a topic deletes its committed offsets, sooner or later.
      return place?.end === undefined ? undefined : { end: place.end, committed: committed.get(topic)?.get(0) };
    });
    expect(end.end).toBe(0n);
    expect([3n, undefined]).toContain(end.committed);
  });
});

test('openLagSource() agrees with Kafka’s own tool, offset for offset, members included', async () => {
  const topic = await createLedTopic({ partitions: 4 });
  const { brokers } = testStack();
  const target = targetOf(topic);
  for (const partition of [0, 1, 2])
    await writeAged(
      topic,
      partition,
      Array.from({ length: 5 + partition }, (_, i) => 100 - i),
    );
  await commitOffsets(
    { brokers, topic },
    { group: target.group, offsets: new Map([0, 1].map((partition) => [partition, BigInt(partition)])) },
  );
  const consumer = new Kafka({ brokers: [brokers], clientId: 'a-member', logLevel: logLevel.NOTHING }).consumer({ groupId: target.group });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic });
    await consumer.run({ autoCommit: false, eachMessage: async () => undefined });
    await using source = openLagSource(connectionTo(), target);
    await eventually('a stable group', async () => (await source.readGroup()).state === 'Stable');
    const described = await describeGroup(brokers, target.group);
    const group = await source.readGroup();
    const logs = await source.readLogs();
    const ours = (logs.get(topic) ?? []).map(({ partition, end }) => {
      const committed = group.committed.get(topic)?.get(partition);
      const lag = committed === undefined ? undefined : Number((end ?? 0n) - committed);
      const clientId = group.members.find(({ partitions }) => partitions.includes(partition))?.clientId;
      return { topic, partition, committed: committed === undefined ? undefined : Number(committed), end: Number(end), lag, clientId };
    });
    expect(ours).toEqual([...described].sort((one, other) => one.partition - other.partition));
    expect(ours.map(({ lag }) => lag)).toEqual([5, 5, undefined, undefined]);
    expect(ours[0]?.clientId).toBe('a-member');
  } finally {
    await consumer.disconnect();
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

/** Answers of a broker changed on their way, by the name of the request. */
function changeAnswers(change: (apiName: string, answer: Answers) => void): void {
  connection.prototype.send = async function changed(this: Connection, exchange) {
    const answer = (await originalSend.call(this, exchange)) as Answers;
    change(exchange.request.apiName, answer);
    return answer;
  };
}

interface Answers {
  errorCode?: number;
  readonly groups?: { errorCode: number; state: string }[];
  readonly responses?: { readonly topic: string; readonly partitions: { readonly partition: number; errorCode: number }[] }[];
}

const GROUP_AUTHORIZATION_FAILED = 30;
const NOT_COORDINATOR = 16;
const LEADER_NOT_AVAILABLE = 5;

describe('openLagSource() where the broker refuses', () => {
  test('names the rights that are missing', async () => {
    const topic = await createLedTopic({ partitions: 1 });
    await using source = openLagSource(connectionTo(), targetOf(topic));
    changeAnswers((apiName, { groups }) => {
      if (apiName === 'DescribeGroups' && groups?.[0]) groups[0].errorCode = GROUP_AUTHORIZATION_FAILED;
    });
    await expect(source.readGroup()).rejects.toMatchObject({
      code: 'GBX_KAFKA_AUTH',
      exitCode: 77,
      message: expect.stringContaining('GROUP_AUTHORIZATION_FAILED'),
      hint: expect.stringContaining('DESCRIBE the group and the topics'),
    });
  });

  test('looks the coordinator up again when it has moved', async () => {
    const topic = await createLedTopic({ partitions: 1 });
    await using source = openLagSource(connectionTo(), targetOf(topic));
    let moves = 2;
    changeAnswers((apiName, answer) => {
      if (apiName === 'OffsetFetch' && moves-- > 0) answer.errorCode = NOT_COORDINATOR;
    });
    expect(await source.readGroup()).toMatchObject({ state: 'Dead' });
    expect(moves).toBe(-1);
  });

  test('marks a partition without a leader, asks it again alone, and tells of the others', async () => {
    const topic = await createLedTopic({ partitions: 3 });
    await using source = openLagSource(connectionTo(), targetOf(topic));
    await source.readGroup();
    const asked: number[] = [];
    changeAnswers((apiName, { responses }) => {
      if (apiName !== 'ListOffsets') return;
      const partitions = responses?.[0]?.partitions ?? [];
      asked.push(partitions.length);
      for (const one of partitions) if (one.partition === 1) one.errorCode = LEADER_NOT_AVAILABLE;
    });
    const places = (await source.readLogs()).get(topic);
    expect(places?.map(({ end, error }) => error ?? end)).toEqual([0n, 'LEADER_NOT_AVAILABLE', 0n]);
    expect(asked.sort()).toEqual([1, 1, 1, 1, 3, 3]);
    expect(
      await source.findByTime([
        { topic, partition: 1, sinceMs: 0 },
        { topic, partition: 2, sinceMs: 0 },
      ]),
    ).toEqual([undefined, 'none']);
  });
});

describe('openLagSource() of 50 partitions', () => {
  let sent: string[] = [];
  beforeEach(() => {
    sent = [];
    connection.prototype.send = function counted(this: Connection, exchange) {
      sent.push(exchange.request.apiName);
      return originalSend.call(this, exchange);
    };
  });

  test('takes under 6 requests for offsets, under 20 with ages, and 4 for each look after the first', async () => {
    const topic = await createLedTopic({ partitions: 50 });
    const partitions = Array.from({ length: 50 }, (_, partition) => partition);
    const nowMs = Date.now();
    // Irregular, for the search to have something to do.
    const records = partitions.flatMap((partition) =>
      Array.from({ length: 30 }, (_, i) => ({
        partition,
        key: 'k',
        value: 'v',
        timestampMs: Math.floor(nowMs - 1.7 ** (30 - i) * (3 + partition)),
      })),
    );
    await writeRecords({ brokers: testStack().brokers, topic }, records);
    const target = targetOf(topic);
    sent = [];
    await using source = openLagSource(connectionTo(), target);
    await source.readGroup();
    await source.readLogs();
    const forOffsets = sent.filter((name) => !['ApiVersions', 'DescribeGroups'].includes(name));
    expect(forOffsets.sort()).toEqual(['GroupCoordinator', 'ListOffsets', 'ListOffsets', 'Metadata', 'OffsetFetch']);
    await source.timestampType();
    const targets = partitions.map((partition): TimeTarget => ({ topic, partition, offset: 15n, end: 30n }));
    const lags = await readTimeLags(targets, { source, nowMs: systemClock.now(), memory: new Map(), limitMs: undefined });
    expect(sent.length).toBeLessThan(20);
    for (const [partition, lag] of lags.entries()) {
      const truth = Date.now() - Math.floor(nowMs - 1.7 ** 15 * (3 + partition));
      expect(lag?.minMs, `partition ${partition}`).toBeLessThanOrEqual(truth);
      expect(lag?.maxMs, `partition ${partition}`).toBeGreaterThan(truth * 0.9);
    }
    sent = [];
    await source.readGroup();
    await source.readLogs();
    expect(sent.sort()).toEqual(['DescribeGroups', 'ListOffsets', 'ListOffsets', 'OffsetFetch']);
  });
});
