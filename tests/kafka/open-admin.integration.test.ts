// Contract: what the admin says of topics and offsets is what the broker holds; a missing topic is an answer, not an error.
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { openAdmin } from '../../src/kafka/open-admin.ts';
import { openProducer } from '../../src/kafka/open-producer.ts';
import { connectionTo } from './connection.ts';

describe('openAdmin()', () => {
  test('refuses a name that Kafka does not take', async () => {
    await using admin = await openAdmin(connectionTo());
    await expect(admin.topicPartitions('not a topic')).rejects.toMatchObject({ code: 'GBX_CONFIG' });
  });

  test('knows no partitions and no offsets of a topic that does not exist', async () => {
    await using admin = await openAdmin(connectionTo());
    const topic = `missing-${randomUUID()}`;
    expect(await admin.topicPartitions(topic)).toBeUndefined();
    await expect(admin.logRanges(topic)).rejects.toMatchObject({ code: 'GBX_TOPIC_MISSING' });
    expect(await admin.topicPartitions(topic)).toBeUndefined();
  });

  test('creates a topic once, with its settings', async () => {
    await using admin = await openAdmin(connectionTo());
    const topic = `made-${randomUUID()}`;
    const made = { topic, partitions: 5, replication: 1, config: { 'retention.ms': '60000' } };
    expect([await admin.createTopic(made), await admin.topicPartitions(topic), await admin.createTopic(made)]).toEqual([true, 5, false]);
  });

  test('tells where each log starts and ends', async () => {
    await using admin = await openAdmin(connectionTo());
    const topic = `ranges-${randomUUID()}`;
    await admin.createTopic({ topic, partitions: 2, replication: 1 });
    await using producer = await openProducer(connectionTo(), { topics: [topic] });
    await producer.send(
      topic,
      [0, 1, 1].map((partition) => ({ key: null, value: 'v', partition, timestampMs: 1_700_000_000_000 })),
    );
    const ranges = await admin.logRanges(topic);
    expect([...ranges].sort((a, b) => a.partition - b.partition)).toEqual([
      { partition: 0, start: 0n, end: 1n },
      { partition: 1, start: 0n, end: 2n },
    ]);
    expect(await admin.committedOffsets(`nobody-${randomUUID()}`, topic)).toEqual(new Map());
  });

  test('reads settings of a topic by their names', async () => {
    await using admin = await openAdmin(connectionTo());
    const topic = `made-${randomUUID()}`;
    await admin.createTopic({ topic, partitions: 1, replication: 1, config: { 'retention.ms': '60000' } });
    expect(await admin.topicConfig(topic, ['retention.ms', 'cleanup.policy', 'no.such.setting'])).toEqual(
      new Map([
        ['retention.ms', '60000'],
        ['cleanup.policy', 'delete'],
      ]),
    );
    await expect(admin.topicConfig(`missing-${randomUUID()}`, ['retention.ms'])).rejects.toMatchObject({ code: 'GBX_TOPIC_MISSING' });
  });

  test('finds where a time begins in each log', async () => {
    await using admin = await openAdmin(connectionTo());
    const topic = `times-${randomUUID()}`;
    await admin.createTopic({ topic, partitions: 2, replication: 1 });
    await using producer = await openProducer(connectionTo(), { topics: [topic] });
    const times = [1_000, 2_000, 3_000].map((ms) => ({ key: null, value: 'v', partition: 0, timestampMs: 1_700_000_000_000 + ms }));
    await producer.send(topic, times);
    const at = async (ms: number) => [...(await admin.offsetsAtTimestamp(topic, 1_700_000_000_000 + ms))].sort();
    expect([await at(1_500), await at(9_000)]).toEqual([
      [
        [0, 1n],
        [1, 0n],
      ],
      [
        [0, 3n],
        [1, 0n],
      ],
    ]);
    await expect(admin.offsetsAtTimestamp(`missing-${randomUUID()}`, 0)).rejects.toMatchObject({ code: 'GBX_TOPIC_MISSING' });
  });
});
