// The queue alone: bounds, deadlines, one outcome each.
import { expect, test } from 'vitest';
import { createPending, enqueue, putBack, settle, takeBatch, untilEmpty } from '../../../src/core/accept/pending.ts';
import { manualClock } from '../../support/clock.ts';

const RECORD = { key: 'u1', value: '{}', timestampMs: 0 };
const LARGE = { recordsMax: 100, bytesMax: 100_000 };

test('enqueue() answers not-sent at once when the records are at their bound', async () => {
  const pending = createPending(manualClock(), { recordsMax: 2, bytesMax: 100_000 });
  void enqueue(pending, RECORD, 1000);
  void enqueue(pending, RECORD, 1000);
  expect(await enqueue(pending, RECORD, 1000)).toMatchObject({ kind: 'not-sent' });
  expect(pending.queue).toHaveLength(2);
});

test('enqueue() answers not-sent at once when the bytes are at their bound, yet takes a large record when nothing waits', async () => {
  const pending = createPending(manualClock(), { recordsMax: 100, bytesMax: 200 });
  void enqueue(pending, { ...RECORD, value: 'x'.repeat(300) }, 1000);
  expect(pending.records).toBe(1);
  expect(await enqueue(pending, RECORD, 1000)).toMatchObject({ kind: 'not-sent' });
});

test('a record under way counts against the bound until it is settled', async () => {
  const pending = createPending(manualClock(), { recordsMax: 1, bytesMax: 100_000 });
  void enqueue(pending, RECORD, 1000);
  const [entry] = takeBatch(pending, LARGE);
  expect(await enqueue(pending, RECORD, 1000)).toMatchObject({ kind: 'not-sent' });
  if (entry) settle(pending, entry, { kind: 'acked' });
  expect(pending.records).toBe(0);
  expect(pending.bytes).toBe(0);
});

test('takeBatch() keeps to records and bytes, and gives a larger record alone', () => {
  const pending = createPending(manualClock(), LARGE);
  for (const value of ['1', '2', '3', 'x'.repeat(500), '4']) void enqueue(pending, { ...RECORD, value }, 1000);
  const values = () => takeBatch(pending, { recordsMax: 2, bytesMax: 400 }).map((entry) => String(entry.record.value).length);
  expect([values(), values(), values(), values(), values()]).toEqual([[1, 1], [1], [500], [1], []]);
});

test('a deadline in the queue is not-sent, under way it is unknown, and put back after a silent attempt it stays unknown', async () => {
  const clock = manualClock();
  const pending = createPending(clock, LARGE);
  const silent = enqueue(pending, RECORD, 100);
  const [first] = takeBatch(pending, LARGE);
  if (first) first.isUnsure = true;
  putBack(pending, first ? [first] : []);
  const queued = enqueue(pending, RECORD, 100);
  await clock.advance(99);
  expect(pending.records).toBe(2);
  await clock.advance(1);
  expect(await silent).toMatchObject({ kind: 'unknown' });
  expect(await queued).toMatchObject({ kind: 'not-sent' });

  const underWay = enqueue(pending, RECORD, 200);
  takeBatch(pending, LARGE);
  await clock.advance(100);
  expect(await underWay).toMatchObject({ kind: 'unknown' });
  expect(pending.records).toBe(0);
});

test('deadlines out of order are each kept', async () => {
  const clock = manualClock();
  const pending = createPending(clock, LARGE);
  const order: number[] = [];
  for (const deadlineMs of [300, 100, 200]) void enqueue(pending, RECORD, deadlineMs).then(() => order.push(clock.elapsed()));
  await clock.advance(1000);
  expect(order).toEqual([100, 200, 300]);
});

test('a thousand records share one timer', () => {
  const clock = manualClock();
  const pending = createPending(clock, { recordsMax: 5000, bytesMax: 1e9 });
  for (let i = 0; i < 1000; i++) void enqueue(pending, RECORD, 1000 + i);
  expect(clock.sleeping()).toBe(1);
});

test('settle() keeps the first outcome, and untilEmpty() resolves with the last record', async () => {
  const pending = createPending(manualClock(), LARGE);
  await untilEmpty(pending);
  const outcome = enqueue(pending, RECORD, 1000);
  const [entry] = takeBatch(pending, LARGE);
  if (!entry) throw new Error('the record was not taken');
  const empty = untilEmpty(pending);
  settle(pending, entry, { kind: 'acked' });
  settle(pending, entry, { kind: 'unknown', reason: 'late' });
  await empty;
  expect(await outcome).toEqual({ kind: 'acked' });
});
