// The contract: every record gets exactly one outcome, by its deadline; acked only what was acknowledged; not-sent only
// what is surely not in the log. The sender is the port (core/accept/ports), time is moved by hand.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CoalescerOptions, createCoalescer } from '../../../src/core/accept/coalescer.ts';
import type { SendOutcome, SendRecords } from '../../../src/core/accept/ports.ts';
import type { OutgoingRecord } from '../../../src/core/exposure/exposure.ts';
import { manualClock, seededRandom } from '../../support/clock.ts';
import { collectingLog } from '../../support/log.ts';
import { noMetrics } from '../../support/metrics.ts';

const ACKED: SendOutcome = { kind: 'acked' };
const NOT_SENT: SendOutcome = { kind: 'not-sent', reason: 'no leader' };
const UNKNOWN: SendOutcome = { kind: 'unknown', reason: 'timed out' };
const REFUSED: SendOutcome = { kind: 'refused', reason: 'too large' };

interface Send {
  readonly values: readonly string[];
  answer(...outcomes: SendOutcome[]): Promise<void>;
  fail(error: Error): Promise<void>;
}

function setUp(options: Partial<CoalescerOptions> = {}) {
  const clock = manualClock();
  const log = collectingLog();
  const sends: Send[] = [];
  const coalescer = createCoalescer({
    send: (records) =>
      new Promise((resolve, reject) => {
        const values = records.map(({ value }) => String(value));
        sends.push({
          values,
          answer: async (...outcomes) => {
            resolve(outcomes.length === 1 ? values.map(() => outcomes[0] ?? UNKNOWN) : outcomes);
            await clock.advance(0);
          },
          fail: async (error) => {
            reject(error);
            await clock.advance(0);
          },
        });
      }),
    clock,
    random: () => 1,
    metrics: noMetrics,
    log,
    sendMax: { recordsMax: 1000, bytesMax: 900_000 },
    pendingMax: { recordsMax: 20_000, bytesMax: 64_000_000 },
    ...options,
  });
  const push = (value: string, timeoutMs = 5000) => coalescer.push(record(value), clock.elapsed() + timeoutMs);
  const sendAt = (index: number): Send => {
    const send = sends[index];
    if (!send) throw new Error(`send ${index} has not begun; there are ${sends.length}`);
    return send;
  };
  return { clock, log, sends, sendAt, coalescer, push };
}

function record(value: string): OutgoingRecord {
  return { key: value, value, timestampMs: 0 };
}

test('push() calls a record unknown when its deadline passes under way, even if the acknowledgement comes later', async () => {
  const { clock, push, sendAt } = setUp();
  const outcome = push('a', 100);
  await clock.advance(0);
  await clock.advance(100);
  expect(await outcome).toMatchObject({ kind: 'unknown' });
  await sendAt(0).answer(ACKED);
  expect(await outcome).toMatchObject({ kind: 'unknown' });
});

test('push() calls a record not-sent when its deadline passes behind a stuck send, and never sends it', async () => {
  const { clock, push, sends, sendAt } = setUp();
  void push('stuck', 10_000);
  await clock.advance(0);
  const outcome = push('waiting', 100);
  await clock.advance(100);
  expect(await outcome).toMatchObject({ kind: 'not-sent' });
  await sendAt(0).answer(ACKED);
  await clock.advance(1000);
  expect(sends).toHaveLength(1);
});

test('push() sends a record again that surely was not sent, until its deadline', async () => {
  let attempts = 0;
  const send: SendRecords = async (records) => {
    attempts += 1;
    return records.map(() => NOT_SENT);
  };
  const { clock, log, push } = setUp({ send });
  const outcome = push('a', 1000);
  await clock.advance(0);
  await clock.advance(1000);
  expect(await outcome).toMatchObject({ kind: 'not-sent' });
  expect(attempts).toBe(6);
  expect(log.events().filter((event) => event === 'exposures.send_failed')).toHaveLength(1);
});

test('push() acknowledges a record whose second attempt comes through, whatever the first was', async () => {
  for (const first of [NOT_SENT, UNKNOWN]) {
    const { clock, log, push, sendAt } = setUp();
    const outcome = push('a');
    await clock.advance(0);
    await sendAt(0).answer(first);
    await clock.advance(25);
    await sendAt(1).answer(ACKED);
    expect(await outcome).toEqual(ACKED);
    expect(log.events()).toContain('exposures.send_recovered');
  }
});

test('push() never calls a record not-sent or refused once an attempt got no answer', async () => {
  for (const second of [NOT_SENT, REFUSED]) {
    const { clock, push, sendAt } = setUp();
    const outcome = push('a', 60);
    await clock.advance(0);
    await sendAt(0).answer(UNKNOWN);
    await clock.advance(25);
    await sendAt(1).answer(second);
    await clock.advance(60);
    expect(await outcome).toMatchObject({ kind: 'unknown' });
  }
});

test('push() tells a refusal at once, and its neighbours are acknowledged', async () => {
  const { clock, push, sendAt } = setUp();
  const outcomes = Promise.all([push('a'), push('b'), push('c')]);
  await clock.advance(0);
  await sendAt(0).answer(ACKED, REFUSED, ACKED);
  expect(await outcomes).toEqual([ACKED, REFUSED, ACKED]);
});

test('push() takes a sender that throws, or forgets a record, for one that gave no answer', async () => {
  const { clock, log, push, sendAt } = setUp();
  const outcomes = Promise.all([push('a', 50), push('b', 50)]);
  await clock.advance(0);
  await sendAt(0).fail(new Error('no'));
  await clock.advance(25);
  await sendAt(1).answer(ACKED, ...[]);
  await clock.advance(50);
  expect((await outcomes).map(({ kind }) => kind)).toEqual(['acked', 'acked']);
  expect(log.events()).toContain('exposures.send_threw');
});

test('push() sends a lone record at once, and what comes meanwhile together in the next send, in order', async () => {
  const { clock, push, sends, sendAt } = setUp();
  void push('a');
  await clock.advance(0);
  for (const value of ['b', 'c', 'd']) void push(value);
  await clock.advance(0);
  expect(sends.map(({ values }) => values)).toEqual([['a']]);
  await sendAt(0).answer(ACKED);
  expect(sends.map(({ values }) => values)).toEqual([['a'], ['b', 'c', 'd']]);
});

test('push() puts the records of one turn into one send', async () => {
  const { clock, push, sends } = setUp();
  for (let i = 0; i < 1000; i++) void push(String(i));
  await clock.advance(0);
  expect(sends.map(({ values }) => values.length)).toEqual([1000]);
});

test('push() sends what failed first, before what came later', async () => {
  const { clock, push, sends, sendAt } = setUp();
  for (const value of ['a', 'b', 'c']) void push(value);
  await clock.advance(0);
  void push('d');
  await sendAt(0).answer(NOT_SENT, ACKED, UNKNOWN);
  await clock.advance(25);
  expect(sends[1]?.values).toEqual(['a', 'c', 'd']);
});

test('push() that comes in the very turn in which the loop ends is not left lying', async () => {
  const { clock, push, sends, sendAt } = setUp();
  const first = push('a');
  await clock.advance(0);
  const second = first.then(() => push('b'));
  await sendAt(0).answer(ACKED);
  await clock.advance(0);
  expect(sends).toHaveLength(2);
  await sendAt(1).answer(ACKED);
  expect(await second).toEqual(ACKED);
});

test('drain() takes no more, finishes what is queued, and leaves no timer', async () => {
  const { clock, coalescer, push, sendAt } = setUp();
  const first = push('a');
  await clock.advance(0);
  const second = push('b');
  const drained = coalescer.drain();
  expect(await push('c')).toMatchObject({ kind: 'not-sent', reason: 'shutting down' });
  await sendAt(0).answer(ACKED);
  await sendAt(1).answer(ACKED);
  await drained;
  expect(await Promise.all([first, second])).toEqual([ACKED, ACKED]);
  await clock.advance(0);
  expect(clock.sleeping()).toBe(0);
});

test('drain() ends by the deadlines when the sender is stuck', async () => {
  const { clock, coalescer, push } = setUp();
  void push('a', 300);
  await clock.advance(0);
  const drained = coalescer.drain();
  await clock.advance(300);
  await drained;
});

test('property: one outcome each, in time and never better than what the sender said; order and bounds are kept', async () => {
  const kinds = fc.constantFrom<SendOutcome>(ACKED, ACKED, NOT_SENT, UNKNOWN, REFUSED);
  const plan = fc.record({
    seed: fc.integer(),
    pushes: fc.array(
      fc.record({ afterMs: fc.nat(40), bytes: fc.integer({ min: 1, max: 120 }), timeoutMs: fc.integer({ min: 1, max: 400 }) }),
      {
        minLength: 1,
        maxLength: 60,
      },
    ),
    sends: fc.array(fc.record({ takesMs: fc.nat(300), outcomes: fc.array(kinds, { minLength: 1, maxLength: 5 }), throws: fc.boolean() }), {
      minLength: 1,
      maxLength: 10,
    }),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ seed, pushes, sends }) => {
      const clock = manualClock();
      const limits = { recordsMax: 5, bytesMax: 900 };
      const pendingMax = { recordsMax: 12, bytesMax: 3000 };
      const said = new Map<string, SendOutcome['kind'][]>();
      const firstSent: number[] = [];
      let concurrent = 0;
      let number = 0;
      const coalescer = createCoalescer({
        send: async (records) => {
          const step = sends[number++ % sends.length];
          expect(++concurrent).toBe(1);
          expect(records.length).toBeGreaterThan(0);
          expect(records.length).toBeLessThanOrEqual(limits.recordsMax);
          const bytes = records.reduce((sum, { key, value }) => sum + String(key).length + String(value).length + 80, 0);
          if (records.length > 1) expect(bytes).toBeLessThanOrEqual(limits.bytesMax);
          const outcomes = records.map((_, i) => step?.outcomes[i % step.outcomes.length] ?? UNKNOWN);
          for (const [i, { key }] of records.entries()) {
            const before = said.get(String(key)) ?? [];
            if (before.length === 0) firstSent.push(Number(key));
            said.set(String(key), [...before, step?.throws ? 'unknown' : (outcomes[i] ?? UNKNOWN).kind]);
          }
          await clock.sleep(step?.takesMs ?? 0);
          concurrent -= 1;
          if (step?.throws) throw new Error('thrown');
          return outcomes;
        },
        clock,
        random: seededRandom(seed),
        metrics: noMetrics,
        log: collectingLog(),
        sendMax: limits,
        pendingMax,
      });
      const results = new Map<string, { kind: SendOutcome['kind']; lateMs: number }>();
      for (const [i, { afterMs, bytes, timeoutMs }] of pushes.entries()) {
        const deadlineMs = clock.elapsed() + timeoutMs;
        void coalescer.push({ key: String(i), value: 'x'.repeat(bytes), timestampMs: 0 }, deadlineMs).then(({ kind }) => {
          expect(results.has(String(i))).toBe(false);
          results.set(String(i), { kind, lateMs: clock.elapsed() - deadlineMs });
        });
        await clock.advance(afterMs);
      }
      await clock.advance(500);
      expect(results.size).toBe(pushes.length);
      for (const [key, { kind, lateMs }] of results) {
        const heard = said.get(key) ?? [];
        expect(lateMs).toBeLessThanOrEqual(0);
        if (kind === 'acked') expect(heard.at(-1)).toBe('acked');
        if (kind === 'refused') expect(heard).toEqual([...heard.slice(0, -1).map(() => 'not-sent'), 'refused']);
        if (kind === 'not-sent') expect(heard.every((one) => one === 'not-sent')).toBe(true);
        if (kind === 'unknown') expect(heard.length).toBeGreaterThan(0);
      }
      expect(firstSent).toEqual([...firstSent].sort((a, b) => a - b));
    }),
    { numRuns: 300 },
  );
});
