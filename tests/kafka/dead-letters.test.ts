import { describe, expect, test } from 'vitest';
import type { SendOutcome } from '../../src/core/accept/ports.ts';
import type { DeadLetter } from '../../src/core/load/ports.ts';
import { createDeadLetterWriter } from '../../src/kafka/dead-letters.ts';
import type { SendOptions } from '../../src/kafka/open-producer.ts';
import type { ProducerRecord } from '../../src/kafka/plan-sends.ts';
import { type ManualClock, manualClock, seededRandom } from '../support/clock.ts';

const ACKED: SendOutcome = { kind: 'acked' };
const DOWN: SendOutcome = { kind: 'not-sent', reason: 'kafka:9092 refuses connections' };
const UNKNOWN: SendOutcome = { kind: 'unknown', reason: 'no answer' };
const TOO_LARGE: SendOutcome = { kind: 'refused', reason: 'a record is larger than the topic takes' };

function letter(offset: number): DeadLetter {
  const record = { partition: 1, offset: BigInt(offset), timestampMs: 1, key: Buffer.from('k'), value: Buffer.from([0xff]), headers: {} };
  return { record, code: 'GBX_NOT_JSON', message: 'not JSON', stage: 'decode' };
}

/** A producer whose sends end as the script says, then well. */
function writer(...script: SendOutcome[][]) {
  const sent: ProducerRecord[][] = [];
  const compressed: boolean[] = [];
  const clock = manualClock();
  const state: { partitions: number | undefined } = { partitions: 3 };
  const producer = {
    send: async (_topic: string, records: readonly ProducerRecord[], options?: SendOptions) => {
      sent.push([...records]);
      compressed.push(options?.isCompressed ?? false);
      return script.shift() ?? records.map(() => ACKED);
    },
    isUp: () => true,
    partitionCount: async () => state.partitions,
  };
  const write = createDeadLetterWriter(producer, { topic: 'dlq', sourceTopic: 'exposures', clock, random: seededRandom(1) });
  return { write, sent, compressed, clock, state };
}

const nobody = (): void => undefined;

/** Moves the clock until the work is through. */
async function drive(clock: ManualClock, work: Promise<unknown>): Promise<void> {
  let through = false;
  const end = work.finally(() => {
    through = true;
  });
  while (!through) await clock.advance(1_000);
  await end;
}

describe('createDeadLetterWriter()', () => {
  test('throws when the topic is missing instead of waiting for it', async () => {
    const { write, state } = writer([DOWN]);
    state.partitions = undefined;
    await expect(write([letter(1)], nobody)).rejects.toMatchObject({ code: 'GBX_TOPIC_MISSING' });
  });

  test('throws once aborted while a letter is not acknowledged', async () => {
    const { write } = writer([UNKNOWN]);
    await expect(write([letter(1)], nobody, AbortSignal.abort())).rejects.toMatchObject({
      code: 'GBX_SEND_UNKNOWN',
      message: expect.stringContaining('no answer'),
    });
  });

  test('leaves the message out of a letter that is too large, and throws where that is not enough', async () => {
    const { write, sent, compressed, clock } = writer([TOO_LARGE], [TOO_LARGE]);
    const outcome = expect(write([letter(7)], nobody)).rejects.toMatchObject({
      code: 'GBX_RECORD_TOO_LARGE',
      message: expect.stringContaining('partition 1, offset 7'),
    });
    await drive(clock, outcome);
    expect(sent.map(([record]) => 'gbx-error-message' in (record?.headers ?? {}))).toEqual([true, false]);
    expect(compressed).toEqual([false, true]);
  });

  test('says so where it is not the size that the topic refuses', async () => {
    const refused: SendOutcome = { kind: 'refused', reason: 'it has no key', code: 'GBX_RECORD_REFUSED' };
    const { write, clock } = writer([refused], [refused]);
    await drive(clock, expect(write([letter(7)], nobody)).rejects.toMatchObject({ code: 'GBX_RECORD_REFUSED', failure: 'row' }));
  });

  test('says at once where its login may not write, and has told of those that are written', async () => {
    const denied: SendOutcome = { kind: 'not-sent', reason: 'the broker does not allow it', code: 'GBX_KAFKA_AUTH' };
    const { write, sent } = writer([ACKED, denied]);
    const told: bigint[] = [];
    await expect(write([letter(1), letter(2)], ({ record }) => void told.push(record.offset))).rejects.toMatchObject({
      code: 'GBX_KAFKA_AUTH',
      failure: 'systemic',
      exitCode: 77,
      message: 'No dead letters can be written: the broker does not allow it',
    });
    expect([told, sent.length]).toEqual([[1n], 1]);
  });

  test('tries those again that were not acknowledged, and only those', async () => {
    const { write, sent, clock } = writer([ACKED, DOWN, UNKNOWN]);
    const told: bigint[] = [];
    const done = write([letter(1), letter(2), letter(3)], ({ record }) => void told.push(record.offset));
    await drive(clock, done);
    expect(sent.map((records) => records.map(({ headers }) => headers?.['gbx-origin']))).toEqual([
      ['exposures/1/1/1', 'exposures/1/2/1', 'exposures/1/3/1'],
      ['exposures/1/2/1', 'exposures/1/3/1'],
    ]);
    expect(told).toEqual([1n, 2n, 3n]);
  });

  test('gives up after a few attempts without an answer, and has told of those that are written', async () => {
    const { write, sent, clock } = writer([ACKED, UNKNOWN], [UNKNOWN], [UNKNOWN], [UNKNOWN], [UNKNOWN]);
    const told: bigint[] = [];
    const outcome = expect(write([letter(1), letter(2)], ({ record }) => void told.push(record.offset))).rejects.toMatchObject({
      code: 'GBX_SEND_UNKNOWN',
    });
    await drive(clock, outcome);
    expect([sent.length, told]).toEqual([5, [1n]]);
  });

  test('keeps key, bytes and partition, and stamps the letter with the present', async () => {
    const { write, sent, clock } = writer();
    await write([letter(1)], nobody);
    expect(sent[0]?.[0]).toMatchObject({ key: Buffer.from('k'), value: Buffer.from([0xff]), partition: 1, timestampMs: clock.now() });
  });

  test('keeps the count of retries that a record went through', async () => {
    const { write, sent } = writer();
    const { record, ...why } = letter(1);
    await write([{ ...why, record: { ...record, headers: { 'gbx-retry-count': '3' } } }], nobody);
    expect(sent[0]?.[0]?.headers?.['gbx-retry-count']).toBe('3');
  });

  test('asks for nothing when there is nothing to write', async () => {
    const { write, sent } = writer();
    await write([], nobody);
    expect(sent).toEqual([]);
  });
});
