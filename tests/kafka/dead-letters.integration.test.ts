// Contract: a dead letter on the broker has the bytes, key and headers of the record it was, and says where it came from and why.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { LogRecord } from '../../src/core/exposure/exposure.ts';
import type { DeadLetter, SourceEvent } from '../../src/core/load/ports.ts';
import { createDeadLetterWriter } from '../../src/kafka/dead-letters.ts';
import { openProducer } from '../../src/kafka/open-producer.ts';
import { openSource } from '../../src/kafka/open-source.ts';
import { createTopic, eventually } from '../support/stack.ts';
import { connectionTo } from './connection.ts';

async function readAll(topic: string, count: number): Promise<LogRecord[]> {
  await using source = await openSource(connectionTo(), {
    topic,
    group: `g-${topic}`,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    bufferBytesMax: 1e6,
  });
  const records: LogRecord[] = [];
  await eventually(`${count} records in ${topic}`, async () => {
    const event: SourceEvent | undefined = await source.take(100);
    if (event?.kind === 'joined') source.seek(new Map(event.partitions.map((partition) => [partition, 0n])));
    if (event?.kind === 'records') records.push(...event.records);
    return records.length >= count;
  });
  return records;
}

const letter = (record: Partial<LogRecord>): DeadLetter => ({
  record: { partition: 1, offset: 42n, timestampMs: 1000, key: Buffer.from('k'), value: Buffer.from('v'), headers: {}, ...record },
  code: 'GBX_NOT_JSON',
  message: 'it is not JSON',
  stage: 'decode',
});

describe('createDeadLetterWriter()', () => {
  test('cuts the reason short for a record that just fits', async () => {
    const topic = await createTopic({ partitions: 1, config: { 'max.message.bytes': '2000' } });
    await using producer = await openProducer(connectionTo(), { topics: [topic] });
    const write = createDeadLetterWriter(producer, { topic, sourceTopic: 'exposures', clock: systemClock, random: Math.random });
    await write([{ ...letter({ value: Buffer.alloc(1600) }), message: 'x'.repeat(250) }], () => undefined);
    const [stored] = await readAll(topic, 1);
    expect([stored?.value?.length, stored?.headers['gbx-error-message'], stored?.headers['gbx-error-code']?.toString()]).toEqual([
      1600,
      undefined,
      'GBX_NOT_JSON',
    ]);
    await expect(write([letter({ value: randomBytes(2500) })], () => undefined)).rejects.toMatchObject({ code: 'GBX_RECORD_TOO_LARGE' });
  });

  test('compresses a record that fits no other way: it may have come compressed', async () => {
    const topic = await createTopic({ partitions: 1 });
    await using producer = await openProducer(connectionTo(), { topics: [topic] });
    const write = createDeadLetterWriter(producer, { topic, sourceTopic: 'exposures', clock: systemClock, random: Math.random });
    await write([letter({ value: Buffer.alloc(3_000_000, 'x') }), letter({ value: Buffer.from('small') })], () => undefined);
    expect((await readAll(topic, 2)).map(({ value }) => value?.length).sort()).toEqual([3_000_000, 5]);
  });

  test('keeps bytes, key and headers, nulls and bytes that are no text', async () => {
    const topic = await createTopic({ partitions: 3 });
    await using producer = await openProducer(connectionTo(), { topics: [topic] });
    const write = createDeadLetterWriter(producer, { topic, sourceTopic: 'exposures', clock: systemClock, random: Math.random });
    const bytes = Buffer.from([0, 0xff, 0xfe]);
    await write(
      [letter({ value: bytes, headers: { trace: bytes } }), letter({ key: null, value: null, partition: 5, offset: 7n })],
      () => undefined,
    );
    const stored = await readAll(topic, 2);
    expect(stored.find(({ key }) => key !== null)).toMatchObject({ key: Buffer.from('k'), value: bytes, headers: { trace: bytes } });
    const other = stored.find(({ key }) => key === null);
    expect(other).toMatchObject({ value: null, partition: 5 % 3 });
    expect(other?.headers['gbx-origin']?.toString()).toBe('exposures/5/7/1000');
    expect(Math.abs(Date.now() - (other?.timestampMs ?? 0))).toBeLessThan(60_000);
  });
});
