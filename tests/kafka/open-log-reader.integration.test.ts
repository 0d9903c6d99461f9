// Contract: every record of a stretch of a partition once, in order, without a group, whatever is compacted, withdrawn, expired
// or larger than a fetch; it ends where it is told to, and fails within a limit where no broker answers.
import { CompressionTypes, Kafka, logLevel } from 'kafkajs';
import { describe, expect, test } from 'vitest';
import type { LogRecord } from '../../src/core/exposure/exposure.ts';
import { type LogReader, openLogReader, type ReadRange } from '../../src/kafka/open-log-reader.ts';
import { openProducer } from '../../src/kafka/open-producer.ts';
import { createTopic, eventually, testStack } from '../support/stack.ts';
import { connectionTo } from './connection.ts';
import { openOwnBroker } from './own-broker.ts';

const client = (): Kafka => new Kafka({ brokers: [testStack().brokers], clientId: 'gbx-tests', logLevel: logLevel.NOTHING });

async function write(topic: string, values: readonly string[], partition = 0): Promise<void> {
  await using producer = await openProducer(connectionTo(), { topics: [topic] });
  const records = values.map((value) => ({ key: null, value, partition, timestampMs: 1_700_000_000_000 }));
  await eventually('the records to be acknowledged', async () =>
    (await producer.send(topic, records)).every(({ kind }) => kind === 'acked'),
  );
}

async function deleteBefore(topic: string, offset: bigint): Promise<void> {
  const admin = client().admin();
  await admin.connect();
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
  await admin.disconnect();
}

async function readAll(reader: LogReader, range: ReadRange): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  let next = range.from;
  for await (const chunk of reader.read(range, AbortSignal.timeout(40_000))) {
    expect(chunk.nextOffset).toBeGreaterThan(next);
    next = chunk.nextOffset;
    records.push(...chunk.records);
  }
  expect(next).toBe(range.to);
  return records;
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `v${index}`);

describe('openLogReader()', () => {
  test('fails within seconds where no broker answers', async () => {
    await expect(openLogReader(connectionTo({ brokers: ['127.0.0.1:1'] }))).rejects.toMatchObject({ code: 'GBX_KAFKA_UNREACHABLE' });
  });
});

describe('read()', () => {
  test('throws where the topic or the partition is missing, or the log ends before the offset', async () => {
    const topic = await createTopic({ partitions: 1 });
    await using reader = await openLogReader(connectionTo(), { patienceMs: 500 });
    await expect(readAll(reader, { topic: 'not-there', partition: 0, from: 0n, to: 1n })).rejects.toMatchObject({
      code: 'GBX_TOPIC_MISSING',
      message: expect.stringContaining('not-there'),
    });
    await expect(readAll(reader, { topic, partition: 7, from: 0n, to: 1n })).rejects.toMatchObject({ code: 'GBX_TOPIC_MISSING' });
    await expect(readAll(reader, { topic, partition: 0, from: 5n, to: 9n })).rejects.toMatchObject({ code: 'GBX_TOPIC_CHANGED' });
  });

  test('ends at once where there is nothing to read, and when its signal aborts while it waits', async () => {
    const topic = await createTopic({ partitions: 1 });
    await using reader = await openLogReader(connectionTo());
    expect(await readAll(reader, { topic, partition: 0, from: 0n, to: 0n })).toEqual([]);
    const stop = new AbortController();
    const reading = (async () => {
      for await (const chunk of reader.read({ topic, partition: 0, from: 0n, to: 2n }, stop.signal)) return chunk;
      return undefined;
    })();
    stop.abort();
    expect(await reading).toBeUndefined();
  });

  test('gives the records from one offset up to another, and no more', async () => {
    const topic = await createTopic({ partitions: 2 });
    await write(topic, numbered(3_000), 1);
    await using reader = await openLogReader(connectionTo());
    const records = await readAll(reader, { topic, partition: 1, from: 10n, to: 2_990n });
    expect(records.map(({ value }) => String(value))).toEqual(numbered(3_000).slice(10, 2_990));
    expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 2_980 }, (_, index) => BigInt(index + 10)));
    expect(records[0]).toMatchObject({ partition: 1, timestampMs: 1_700_000_000_000 });
  });

  test('waits for records that are not there yet', async () => {
    const topic = await createTopic({ partitions: 1 });
    await using reader = await openLogReader(connectionTo());
    const reading = readAll(reader, { topic, partition: 0, from: 0n, to: 2n });
    await write(topic, ['a']);
    await write(topic, ['b']);
    expect((await reading).map(({ value }) => String(value))).toEqual(['a', 'b']);
  });

  test('begins where the log does once what it was asked for has expired', async () => {
    const topic = await createTopic({ partitions: 1 });
    await write(topic, numbered(9));
    await deleteBefore(topic, 4n);
    await using reader = await openLogReader(connectionTo());
    expect((await readAll(reader, { topic, partition: 0, from: 1n, to: 9n })).map(({ offset }) => offset)).toEqual([4n, 5n, 6n, 7n, 8n]);
    expect(await readAll(reader, { topic, partition: 0, from: 1n, to: 3n })).toEqual([]);
  });

  test('passes over marks of transactions and what they withdrew', async () => {
    const topic = await createTopic({ partitions: 1 });
    const producer = client().producer({ transactionalId: `tx-${topic}`, maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    for (const end of ['commit', 'abort', 'abort', 'commit', 'abort'] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value: end }] });
      await transaction[end]();
    }
    await producer.disconnect();
    await using reader = await openLogReader(connectionTo());
    const records = await readAll(reader, { topic, partition: 0, from: 0n, to: 10n });
    expect(records.map(({ value }) => String(value))).toEqual(['commit', 'commit']);
    expect(await readAll(reader, { topic, partition: 0, from: 2n, to: 6n })).toEqual([]);
  });

  test('gives up after its patience where a transaction stays open, or where nothing comes after the end of the log', async () => {
    const topic = await createTopic({ partitions: 1 });
    await write(topic, ['before']);
    const producer = client().producer({ transactionalId: `tx-${topic}`, maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: 'hidden' }] });
    await using reader = await openLogReader(connectionTo(), { patienceMs: 1_500 });
    await expect(readAll(reader, { topic, partition: 0, from: 0n, to: 2n })).rejects.toMatchObject({
      code: 'GBX_KAFKA_UNREACHABLE',
      message: expect.stringContaining('transaction'),
    });
    await transaction.commit();
    await producer.disconnect();
    expect((await readAll(reader, { topic, partition: 0, from: 0n, to: 3n })).map(({ value }) => String(value))).toEqual([
      'before',
      'hidden',
    ]);
    await expect(readAll(reader, { topic, partition: 0, from: 3n, to: 4n })).rejects.toMatchObject({
      code: 'GBX_TOPIC_CHANGED',
      message: expect.stringContaining('ends at 3'),
    });
  });

  test('gives a record that is larger than a fetch', async () => {
    const topic = await createTopic({ partitions: 1, config: { 'max.message.bytes': '8000000' } });
    const producer = client().producer();
    await producer.connect();
    await producer.send({ topic, messages: [{ value: 'x'.repeat(5_000_000) }, { value: 'after' }] });
    await producer.disconnect();
    await using reader = await openLogReader(connectionTo());
    const records = await readAll(reader, { topic, partition: 0, from: 0n, to: 2n });
    expect(records.map(({ value }) => value?.length)).toEqual([5_000_000, 5]);
  });

  test('reads several partitions at a time, and joins no group', async () => {
    const topic = await createTopic({ partitions: 3 });
    for (const partition of [0, 1, 2]) await write(topic, numbered(500), partition);
    await using reader = await openLogReader(connectionTo());
    const all = await Promise.all([0, 1, 2].map((partition) => readAll(reader, { topic, partition, from: 0n, to: 500n })));
    expect(all.map((records) => records.length)).toEqual([500, 500, 500]);
  });

  test('gives what comes before a batch that cannot be read, then throws and names the place', async () => {
    const topic = await createTopic({ partitions: 1 });
    await write(topic, ['before']);
    const producer = client().producer();
    await producer.connect();
    await producer.send({ topic, compression: CompressionTypes.GZIP, messages: [{ value: Buffer.alloc(70_000_000) }] });
    await producer.disconnect();
    await using reader = await openLogReader(connectionTo());
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { records } of reader.read({ topic, partition: 0, from: 0n, to: 2n })) {
        seen.push(...records.map(({ value }) => String(value)));
      }
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'GBX_BATCH_UNREADABLE',
      message: expect.stringContaining(`offsets 1 to 1 in partition 0 of the topic ${topic}`),
    });
    expect(seen).toEqual(['before']);
  });

  test('goes on when its broker comes back, and fails within its patience while it does not', async () => {
    await using own = await openOwnBroker();
    const connection = connectionTo({ brokers: [own.broker.brokers] });
    await using producer = await openProducer(connection, { topics: [own.topic] });
    const acked = async (value: string): Promise<boolean> =>
      (await producer.send(own.topic, [{ key: null, value, partition: 0, timestampMs: 1 }])).every(({ kind }) => kind === 'acked');
    await eventually('the first record', () => acked('a'));
    await using reader = await openLogReader(connection);
    await using hasty = await openLogReader(connection, { patienceMs: 1_000 });
    const range = { topic: own.topic, partition: 0, from: 0n, to: 2n };
    const reading = readAll(reader, range);
    await readAll(hasty, { ...range, to: 1n });
    await own.broker.stop();
    await expect(readAll(hasty, range)).rejects.toMatchObject({ code: 'GBX_KAFKA_UNREACHABLE' });
    await own.restart();
    await eventually('the second record', () => acked('b'), { timeoutMs: 20_000 });
    expect((await reading).map(({ value }) => String(value))).toEqual(['a', 'b']);
  }, 60_000);
});
