// Contract: a copy on the broker has the bytes, key and headers of the record it was, whatever their names, beside what gbx says of
// it; it stands in the partition of its key, or in its own where it has none; one that is too large is told apart from its neighbours.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { LogRecord } from '../../src/core/exposure/exposure.ts';
import type { RequeuedRecord } from '../../src/core/load/ports.ts';
import { openLogReader } from '../../src/kafka/open-log-reader.ts';
import { openProducer } from '../../src/kafka/open-producer.ts';
import { createRequeuer } from '../../src/kafka/requeue.ts';
import { createTopic } from '../support/stack.ts';
import { connectionTo } from './connection.ts';

function refused(record: Partial<LogRecord>): RequeuedRecord {
  const whole = { partition: 0, offset: 5n, timestampMs: 1000, key: Buffer.from('k'), value: Buffer.from('v'), headers: {}, ...record };
  return { kind: 'refused', record: whole, retryCount: 1, notBeforeMs: 7, code: 'GBX_ROW_REFUSED', message: 'too long' };
}

async function readOne(topic: string, partition: number): Promise<LogRecord | undefined> {
  await using reader = await openLogReader(connectionTo());
  for await (const { records } of reader.read({ topic, partition, from: 0n, to: 1n }, AbortSignal.timeout(10_000))) return records[0];
  return undefined;
}

describe('createRequeuer()', () => {
  test('keeps bytes, key and headers of any name, and the partition of a record without a key', async () => {
    const topic = await createTopic({ partitions: 3 });
    await using producer = await openProducer(connectionTo(), { topics: [topic] });
    const requeue = createRequeuer(producer, { topic, sourceTopic: topic, clock: systemClock, random: Math.random });
    const bytes = Buffer.from([0, 0xff, 0xfe]);
    const headers: LogRecord['headers'] = JSON.parse('{"__proto__":"p","many":["a","b"]}');
    await requeue([refused({ key: null, value: bytes, partition: 2, headers })], () => undefined);
    const stored = await readOne(topic, 2);
    expect([stored?.key, stored?.value]).toEqual([null, bytes]);
    expect(Object.fromEntries(Object.entries(stored?.headers ?? {}).map(([name, value]) => [name, String(value)]))).toMatchObject(
      JSON.parse(`{"__proto__":"p","many":"a,b","gbx-origin":"${topic}/2/5/1000","gbx-retry-count":"1","gbx-not-before":"7"}`),
    );
    expect(Object.keys(stored?.headers ?? {})).toContain('__proto__');
  });

  test('writes the neighbours of a record that is too large, and tells of them alone', async () => {
    const topic = await createTopic({ partitions: 1, config: { 'max.message.bytes': '2000' } });
    await using producer = await openProducer(connectionTo(), { topics: [topic] });
    const requeue = createRequeuer(producer, { topic, sourceTopic: topic, clock: systemClock, random: Math.random });
    const told: bigint[] = [];
    const records = [refused({ offset: 1n, value: randomBytes(2_500) }), refused({ offset: 2n })];
    await expect(requeue(records, ({ record }) => void told.push(record.offset))).rejects.toMatchObject({
      code: 'GBX_RECORD_TOO_LARGE',
      message: expect.stringContaining('offset 1'),
    });
    expect(told).toEqual([2n]);
  });
});
