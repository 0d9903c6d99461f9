import { describe, expect, test } from 'vitest';
import type { SendOutcome } from '../../src/core/accept/ports.ts';
import type { RequeuedRecord } from '../../src/core/load/ports.ts';
import type { ProducerRecord } from '../../src/kafka/plan-sends.ts';
import { createRequeuer } from '../../src/kafka/requeue.ts';
import { type ManualClock, manualClock, seededRandom } from '../support/clock.ts';

const ACKED: SendOutcome = { kind: 'acked' };
const UNKNOWN: SendOutcome = { kind: 'unknown', reason: 'no answer' };
const TOO_LARGE: SendOutcome = { kind: 'refused', reason: 'a record is larger than the topic takes' };

const record = (offset: number, headers: RequeuedRecord['record']['headers'] = {}): RequeuedRecord['record'] => ({
  partition: 1,
  offset: BigInt(offset),
  timestampMs: 1,
  key: Buffer.from('k'),
  value: Buffer.from([0xff]),
  headers,
});

function refused(offset: number, headers?: RequeuedRecord['record']['headers']): RequeuedRecord {
  const why = { retryCount: 2, notBeforeMs: 9_000.4, code: 'GBX_ROW_REFUSED', message: 'value too long' } as const;
  return { kind: 'refused', record: record(offset, headers), ...why };
}

/** A producer whose sends end as the script says, then well. */
function requeuer(...script: SendOutcome[][]) {
  const sent: { topic: string; records: readonly ProducerRecord[] }[] = [];
  const clock = manualClock();
  const producer = {
    send: async (topic: string, records: readonly ProducerRecord[]) => {
      sent.push({ topic, records });
      return script.shift() ?? records.map(() => ACKED);
    },
    isUp: () => true,
    partitionCount: async () => 3,
  };
  const requeue = createRequeuer(producer, { topic: 'retries', sourceTopic: 'exposures', clock, random: seededRandom(1) });
  return { requeue, sent, clock };
}

async function drive(clock: ManualClock, work: Promise<unknown>): Promise<void> {
  let through = false;
  const end = work.finally(() => {
    through = true;
  });
  while (!through) await clock.advance(1_000);
  await end;
}

describe('createRequeuer()', () => {
  test('writes all the others before it throws for what is too large, even in short: so the untold are those', async () => {
    const { requeue, sent, clock } = requeuer([TOO_LARGE, UNKNOWN, ACKED], [TOO_LARGE, ACKED]);
    const told: bigint[] = [];
    const work = requeue([refused(1), refused(2), refused(3)], ({ record: { offset } }) => void told.push(offset));
    const outcome = expect(work).rejects.toMatchObject({
      code: 'GBX_RECORD_TOO_LARGE',
      failure: 'row',
      message: expect.stringContaining('partition 1, offset 1'),
    });
    await drive(clock, outcome);
    expect(told).toEqual([3n, 2n]);
    expect(sent[1]?.records.map(({ headers }) => 'gbx-error-message' in (headers ?? {}))).toEqual([false, true]);
  });

  test('throws where no acknowledgement comes, and has told of those that are written', async () => {
    const { requeue, clock } = requeuer([ACKED, UNKNOWN], [UNKNOWN], [UNKNOWN], [UNKNOWN], [UNKNOWN]);
    const told: bigint[] = [];
    const work = requeue([refused(1), refused(2)], ({ record: { offset } }) => void told.push(offset));
    await drive(clock, expect(work).rejects.toMatchObject({ code: 'GBX_SEND_UNKNOWN' }));
    expect(told).toEqual([1n]);
  });

  test('says so where its login may not write to the retry topic', async () => {
    const { requeue } = requeuer([{ kind: 'not-sent', reason: 'the broker does not allow it', code: 'GBX_KAFKA_AUTH' }]);
    await expect(requeue([refused(1)], () => undefined)).rejects.toMatchObject({ code: 'GBX_KAFKA_AUTH' });
  });

  test('keeps key, bytes and partition, stamps the copy with the present, and says when to try again and why', async () => {
    const { requeue, sent, clock } = requeuer();
    await requeue([refused(7, { trace: Buffer.from('t'), 'gbx-first-failed-at': '77', 'gbx-retry-count': '1' })], () => undefined);
    const now = String(clock.now());
    expect(sent).toEqual([
      {
        topic: 'retries',
        records: [
          {
            key: Buffer.from('k'),
            value: Buffer.from([0xff]),
            partition: 1,
            timestampMs: clock.now(),
            headers: {
              trace: Buffer.from('t'),
              'gbx-origin': 'exposures/1/7/1',
              'gbx-retry-count': '2',
              'gbx-not-before': '9001',
              'gbx-first-failed-at': '77',
              'gbx-last-failed-at': now,
              'gbx-error-code': 'GBX_ROW_REFUSED',
              'gbx-error-message': 'value too long',
              'gbx-error-stage': 'load',
            },
          },
        ],
      },
    ]);
  });

  test('leaves the headers of a record that is not due as they are, and adds where it comes from once', async () => {
    const { requeue, sent } = requeuer();
    const copied = { 'gbx-origin': 'exposures/0/3/9', 'gbx-not-before': '5', trace: 't' };
    await requeue(
      [record(1, { a: 'b' }), record(2, copied)].map((one) => ({ kind: 'not-due', record: one })),
      () => undefined,
    );
    expect(sent[0]?.records.map(({ headers }) => headers)).toEqual([{ a: 'b', 'gbx-origin': 'exposures/1/1/1' }, copied]);
  });
});
