// Contract: each record's outcome is true. Acked is in the log of its key's partition; not-sent and refused are not;
// and a broker that is gone or frozen costs seconds, after which the same producer goes on.
import { Kafka, logLevel } from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { openAdmin } from '../../src/kafka/open-admin.ts';
import { openProducer, type RecordProducer } from '../../src/kafka/open-producer.ts';
import { partitionOfKey } from '../../src/kafka/partitioner.ts';
import type { ProducerRecord } from '../../src/kafka/plan-sends.ts';
import { freeze } from '../support/freeze.ts';
import { createTopic, eventually, testStack } from '../support/stack.ts';
import { connectionTo } from './connection.ts';
import { openOwnBroker } from './own-broker.ts';

interface Stored {
  readonly partition: number;
  readonly key: string | undefined;
  readonly value: string | undefined;
  readonly timestamp: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** All of a topic, read by plain kafkajs. */
async function readAll(topic: string, count: number): Promise<Stored[]> {
  const consumer = new Kafka({ brokers: [testStack().brokers], logLevel: logLevel.NOTHING }).consumer({
    groupId: `read-${topic}`,
    maxWaitTimeInMs: 100,
  });
  const stored: Stored[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message: { key, value, timestamp, headers = {} } }) =>
      void stored.push({ partition, key: key?.toString(), value: value?.toString(), timestamp, headers }),
  });
  await eventually(`${count} records in ${topic}`, () => stored.length >= count);
  await consumer.disconnect();
  return stored;
}

async function recordCount(topic: string): Promise<bigint> {
  await using admin = await openAdmin(connectionTo());
  return (await admin.logRanges(topic)).reduce((sum, { start, end }) => sum + end - start, 0n);
}

/** A broker that has just begun to lead says for a moment that it does not. */
async function acked(producer: RecordProducer, topic: string): Promise<void> {
  const isAcked = async (): Promise<boolean> => (await producer.send(topic, [record('k')]))[0]?.kind === 'acked';
  await eventually('an acknowledgement', isAcked, { timeoutMs: 15_000 });
}

const record = (key: string, value: string | Buffer = 'v'): ProducerRecord => ({ key, value, timestampMs: 1_700_000_000_000 });

describe('openProducer()', () => {
  test('fails where a topic is missing, and names it', async () => {
    await expect(openProducer(connectionTo(), { topics: ['not-there'] })).rejects.toMatchObject({
      code: 'GBX_TOPIC_MISSING',
      message: expect.stringContaining('not-there'),
    });
  });

  test('fails where no broker is', async () => {
    await expect(openProducer(connectionTo({ brokers: ['127.0.0.1:1'] }), { topics: [] })).rejects.toMatchObject({
      code: 'GBX_KAFKA_UNREACHABLE',
    });
  });
});

describe('send()', () => {
  test('writes each record to its key’s partition, as it was given', async () => {
    const topic = await createTopic({ partitions: 7 });
    await using producer = await openProducer(connectionTo(), { topics: [topic] });
    const records = Array.from({ length: 60 }, (_, index) => ({
      ...record(`user ${index} ü`),
      headers: { a: String(index), b: ['1', '2'] },
    }));
    expect(new Set((await producer.send(topic, records)).map(({ kind }) => kind))).toEqual(new Set(['acked']));
    const stored = await readAll(topic, records.length);
    expect(stored).toHaveLength(records.length);
    for (const { key = '', partition } of stored) expect(partition).toBe(partitionOfKey(key, 7));
    expect(stored.find(({ key }) => key === 'user 3 ü')).toMatchObject({
      value: 'v',
      timestamp: '1700000000000',
      headers: { a: Buffer.from('3'), b: [Buffer.from('1'), Buffer.from('2')] },
    });
  });

  test('refuses only the record that is too large, and writes its neighbours', async () => {
    const topic = await createTopic({ partitions: 1, config: { 'max.message.bytes': '20000' } });
    await using producer = await openProducer(connectionTo(), { topics: [topic] });
    const records = Array.from({ length: 40 }, (_, index) => record(`k${index}`, 'x'.repeat(index === 17 ? 30_000 : 1_000)));
    const outcomes = await producer.send(topic, records);
    expect(outcomes.flatMap(({ kind }, index) => (kind === 'acked' ? [] : [[index, kind]]))).toEqual([[17, 'refused']]);
    expect(await recordCount(topic)).toBe(39n);
  });

  test('refuses only the record that is too large where several partitions go together', async () => {
    const topic = await createTopic({ partitions: 3, config: { 'max.message.bytes': '20000' } });
    await using producer = await openProducer(connectionTo(), { topics: [topic] });
    const records = Array.from({ length: 30 }, (_, index) => record(`k${index}`, 'x'.repeat(index === 17 ? 30_000 : 100)));
    const outcomes = await producer.send(topic, records);
    expect(outcomes.flatMap(({ kind }, index) => (kind === 'acked' ? [] : [[index, kind]]))).toEqual([[17, 'refused']]);
    // Those of other partitions may be there twice: they were sent before and with it.
    const stored = await readAll(topic, Number(await recordCount(topic)));
    expect(new Set(stored.map(({ key }) => key))).toEqual(new Set(records.map(({ key }) => key).filter((key) => key !== 'k17')));
  });

  test('refuses only the record whose time the topic does not take, and says that it is not its size', async () => {
    const topic = await createTopic({ partitions: 1, config: { 'message.timestamp.before.max.ms': '60000' } });
    await using producer = await openProducer(connectionTo(), { topics: [topic] });
    const outcomes = await producer.send(topic, [record('old'), { ...record('new'), timestampMs: Date.now() }]);
    expect(outcomes).toEqual([
      { kind: 'refused', code: 'GBX_RECORD_REFUSED', reason: expect.stringContaining('INVALID_TIMESTAMP') },
      { kind: 'acked' },
    ]);
    expect(await recordCount(topic)).toBe(1n);
  });

  test('takes more than one batch can hold', async () => {
    const topic = await createTopic({ partitions: 1 });
    await using producer = await openProducer(connectionTo(), { topics: [topic] });
    const outcomes = await producer.send(
      topic,
      Array.from({ length: 2_500 }, () => record('k', 'x'.repeat(900))),
    );
    expect(outcomes.filter(({ kind }) => kind === 'acked')).toHaveLength(2_500);
    expect(await recordCount(topic)).toBe(2_500n);
  });

  test('sends nothing to a topic that is missing, and everything once it is there', async () => {
    await using producer = await openProducer(connectionTo(), { topics: [] });
    await using admin = await openAdmin(connectionTo());
    const topic = `late-${crypto.randomUUID()}`;
    expect(await producer.send(topic, [record('k')])).toEqual([{ kind: 'not-sent', reason: `there is no topic ${topic}` }]);
    expect(await admin.topicPartitions(topic)).toBeUndefined();
    await admin.createTopic({ topic, partitions: 1, replication: 1 });
    await acked(producer, topic);
  });

  test('says not-sent while the broker is gone, at once after the first time, and goes on when it is back', async () => {
    await using own = await openOwnBroker();
    await using producer = await openProducer(connectionTo({ brokers: [own.broker.brokers] }), { topics: [own.topic] });
    await acked(producer, own.topic);
    await own.broker.stop();
    await eventually('the producer to know', async () => {
      const [outcome] = await producer.send(own.topic, [record('k')]);
      return outcome?.kind === 'not-sent' && outcome.reason.includes('refuses connections') && !producer.isUp();
    });
    const startMs = performance.now();
    expect((await producer.send(own.topic, [record('k')]))[0]?.kind).toBe('not-sent');
    expect(performance.now() - startMs).toBeLessThan(100);
    await own.restart();
    await eventually('the producer to heal', () => producer.isUp());
    await acked(producer, own.topic);
  });

  test('says unknown within seconds when the broker freezes, and goes on when it thaws', async () => {
    await using own = await openOwnBroker();
    await using producer = await openProducer(connectionTo({ brokers: [own.broker.brokers] }), { topics: [own.topic] });
    await acked(producer, own.topic);
    await freeze(own.broker.pid);
    try {
      const startMs = performance.now();
      expect((await producer.send(own.topic, [record('k')]))[0]?.kind).toBe('unknown');
      expect(performance.now() - startMs).toBeLessThan(7_000);
      await eventually('the producer to know', () => !producer.isUp());
    } finally {
      process.kill(own.broker.pid, 'SIGCONT');
    }
    await acked(producer, own.topic);
  });
});
