// With '/read-entries.ts', '/outcomes.ts', '/check-plan.ts', '/copy.ts' and '/make-plan.ts': a plan carried out, in memory, with a
// consumer that loads or refuses what is sent.
import { describe, expect, test } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import { decodeRecord } from '../../../src/core/exposure/decode.ts';
import { runDocument } from '../../../src/core/replay/documents.ts';
import { type JournalEntry, NOTHING_DONE, progressOf, readJournal } from '../../../src/core/replay/journal.ts';
import type { Plan } from '../../../src/core/replay/plan.ts';
import type { ReplayCopy } from '../../../src/core/replay/ports.ts';
import { type RunDeps, type RunOrder, type RunResult, runPlan } from '../../../src/core/replay/run.ts';
import { formatRun } from '../../../src/ui/replay-report.ts';
import { createWorld, exposure, NOON_MS, type World } from './world.ts';

const ORDER = { progress: NOTHING_DONE, ratePerSecond: 100_000, canary: 0, refailMax: 0.02, waitMs: 10_000, by: 'host' };

interface Bench {
  readonly world: World;
  readonly copies: ReplayCopy[];
  journal: JournalEntry[];
  elapsedMs: number;
  /** What becomes of a copy that was written. */
  consume: (copy: ReplayCopy, plan: Plan) => void;
  run(plan: Plan, order?: Partial<RunOrder>, over?: Partial<RunDeps>): Promise<RunResult>;
}

function createBench(letters: number): Bench {
  const world = createWorld();
  for (let of = 0; of < letters; of++)
    world.letter(exposure(`e${of}`), { of, headers: { traceparent: 'x', 'kafka_dlt-exception-stacktrace': 'long' } });
  const bench: Bench = {
    world,
    copies: [],
    journal: [],
    elapsedMs: 0,
    consume: load(world),
    run: (plan, order = {}, over = {}) =>
      runPlan(
        { ...ORDER, plan, ...order },
        {
          ...{ logs: world.logs, clusterId: 'c', table: world.table, isCancelled: async () => false, onProgress: () => undefined },
          clock: {
            now: () => NOON_MS,
            elapsed: () => bench.elapsedMs,
            sleep: async (ms) => {
              bench.elapsedMs += Math.max(0, ms);
            },
          },
          signal: new AbortController().signal,
          append: async (line) => void bench.journal.push(...readJournal(Buffer.from(line)).entries),
          write: async (copies, onWritten) => {
            for (const copy of copies) {
              bench.copies.push(copy);
              onWritten(copy);
              bench.consume(copy, plan);
            }
          },
          ...over,
        },
      ),
  };
  return bench;
}

function load(world: World): Bench['consume'] {
  return ({ record, headers }) => {
    const decoded = decodeRecord({ ...record, headers }, { clusterId: 'c', topic: 't' });
    if (decoded.kind === 'exposure') world.load(decoded.exposure);
  };
}

function refuse(world: World): Bench['consume'] {
  return ({ record, headers }) => {
    world.put(record.value?.toString() ?? null, {
      headers: { ...headers, 'gbx-error-code': 'GBX_ROW_REFUSED', 'gbx-last-failed-at': '9' },
    });
  };
}

describe('runPlan() sends nothing', () => {
  test('of another cluster, or of a topic that is gone, ends before the plan, or holds other records', async () => {
    const bench = createBench(3);
    const plan = bench.world.plan();
    await expect(bench.run(plan, {}, { clusterId: 'other' })).rejects.toThrow('cluster other');
    await expect(bench.run({ ...plan, sourceTopic: 'none' })).rejects.toThrow('there is none');
    await expect(bench.run({ ...plan, ranges: [{ partition: 0, start: 0n, end: 4n }] })).rejects.toThrow('ended at 4');
    await expect(bench.run({ ...plan, ranges: [{ partition: 1, start: 0n, end: 1n }] })).rejects.toThrow('no partition 1');
    bench.world.topics.set('dlq', []);
    for (const id of ['x', 'y', 'z']) bench.world.letter(exposure(id), { of: 0 });
    await expect(bench.run(plan)).rejects.toThrow('another record stands at dlq/0/0');
    expect(bench.copies).toEqual([]);
  });
});

describe('runPlan()', () => {
  test('writes bytes and key as they were, the origin kept, one replay more, and what the failure left gone', async () => {
    const bench = createBench(1);
    const result = await bench.run(bench.world.plan());
    expect(result).toMatchObject({ verdict: 'done', outcome: { sent: 1, loaded: 1, failedAgain: 0, pending: 0 } });
    expect(bench.copies[0]?.record.value).toEqual(bench.world.topics.get('dlq')?.[0]?.value);
    expect({ ...bench.copies[0]?.headers }).toEqual({
      'gbx-origin': `t/0/0/${NOON_MS}`,
      'gbx-replay-id': 'replay-1',
      'gbx-replay-count': '1',
      traceparent: 'x',
    });
  });

  test('goes on after a kill at every batch, and every torn line, with no record lost and none but one batch sent twice', async () => {
    const bench = createBench(40);
    const plan = bench.world.plan();
    for (let kill = 0; kill < 7; kill++) {
      let batches = 0;
      const write: RunDeps['write'] = async (copies, onWritten) => {
        for (const copy of copies) {
          bench.copies.push(copy);
          onWritten(copy);
          if (!bench.world.rows.some(({ exposureId }) => exposureId === idOf(copy))) bench.consume(copy, plan);
        }
        if (++batches === 2) throw new Error('killed before the journal');
      };
      const progress = progressOf(bench.journal, plan);
      await expect(bench.run(plan, { progress, ratePerSecond: 8 }, { write })).rejects.toThrow('killed');
    }
    const progress = progressOf(bench.journal, plan);
    expect(progress.next).toBe(28);
    expect(await bench.run(plan, { progress })).toMatchObject({
      verdict: 'done',
      outcome: { sent: 40, loaded: 40, failedAgain: 0, pending: 0 },
    });
    expect(new Set(bench.copies.map(idOf)).size).toBe(40);
  });

  test('stops by its canaries when they are dead again, and goes on by those that it sends next', async () => {
    const bench = createBench(50);
    const plan = bench.world.plan();
    bench.consume = refuse(bench.world);
    expect(await bench.run(plan, { canary: 5 })).toMatchObject({
      verdict: 'stopped',
      why: '5 of 5 failed again: GBX_ROW_REFUSED 5',
      progress: { next: 5 },
    });
    bench.consume = load(bench.world);
    const result = await bench.run(plan, { canary: 5, progress: progressOf(bench.journal, plan) });
    expect(result).toMatchObject({
      verdict: 'incomplete',
      outcome: { sent: 50, loaded: 45, failedAgain: 5, codes: { GBX_ROW_REFUSED: 5 } },
    });
  });

  test('stops later on too, once too many of all are dead again', async () => {
    const bench = createBench(300);
    const plan = bench.world.plan();
    const refused = refuse(bench.world);
    bench.consume = (copy) => (bench.copies.length > 100 ? refused(copy, plan) : load(bench.world)(copy, plan));
    const result = await bench.run(plan, { canary: 10, ratePerSecond: 20 });
    expect(result).toMatchObject({ verdict: 'stopped' });
    expect(result.progress.next).toBeLessThan(150);
  });

  test('gives up on canaries that come nowhere, and on an end that does not come', async () => {
    const bench = createBench(20);
    const plan = bench.world.plan();
    bench.consume = () => undefined;
    expect(await bench.run(plan, { canary: 5 })).toMatchObject({
      verdict: 'canary-timeout',
      progress: { next: 5, stopped: expect.stringContaining('5 of the first 5') },
    });
    expect(await bench.run(plan)).toMatchObject({ verdict: 'pending', outcome: { pending: 20 }, progress: { ended: undefined } });
    expect(await bench.run(plan, { waitMs: 0 })).toMatchObject({ verdict: 'sent' });
  });

  test('leaves out what is loaded by now, names what is gone or too large, and sends the rest', async () => {
    const bench = createBench(10);
    const plan = bench.world.plan();
    bench.world.start = 2n;
    bench.world.load(exposure('e5'));
    const write: RunDeps['write'] = async (copies, onWritten) => {
      for (const copy of copies.filter((one) => idOf(one) !== 'e7')) {
        bench.consume(copy, plan);
        onWritten(copy);
      }
      throw new GbxError('GBX_RECORD_TOO_LARGE', 'one');
    };
    const result = await bench.run(plan, {}, { write });
    expect(result).toMatchObject({
      verdict: 'incomplete',
      progress: { gone: [0, 1], tooLarge: [7], loadedBefore: 1, sent: 6 },
      outcome: { loaded: 7 },
    });
    // Asked for all, it sends those that are loaded as well.
    expect(await bench.run({ ...plan, resendsLoaded: true })).toMatchObject({ progress: { loadedBefore: 0, sent: 8 } });
  });

  test('does not call too large what the topic refuses for another reason', async () => {
    const bench = createBench(3);
    const plan = bench.world.plan();
    const write: RunDeps['write'] = async (copies, onWritten) => {
      for (const copy of copies.filter((one) => idOf(one) !== 'e1')) {
        bench.consume(copy, plan);
        onWritten(copy);
      }
      throw new GbxError('GBX_RECORD_REFUSED', 'INVALID_TIMESTAMP');
    };
    const result = await bench.run(plan, {}, { write });
    expect(result).toMatchObject({ verdict: 'incomplete', progress: { tooLarge: [], refused: [1], sent: 2 } });
    expect(runDocument(plan, result)).toMatchObject({ tooLarge: [], refused: ['0/1'] });
    const text = formatRun(plan, 'p', { result, hasColor: false });
    expect(text).toContain('1 are refused by the topic, for another reason than their size: 0/1');
    expect(text).not.toContain('too large');
    // Nor does who resumes it count it among those that were sent.
    expect(progressOf(bench.journal, plan)).toMatchObject({ refused: [1], sent: 2 });
  });

  test('ends by a right that is missing, to write or to read what became of them, and can be resumed', async () => {
    const bench = createBench(3);
    const plan = bench.world.plan();
    const auth = new GbxError('GBX_KAFKA_AUTH', 'not allowed');
    const refused = { code: 'GBX_KAFKA_AUTH', exitCode: 77 };
    await expect(bench.run(plan, {}, { write: () => Promise.reject(auth) })).rejects.toMatchObject(refused);
    expect(progressOf(bench.journal, plan)).toMatchObject({ next: 0, ended: undefined, stopped: undefined });
    const { ranges } = bench.world.logs;
    const mayNotSee: typeof ranges = (topic) => (bench.copies.length > 0 ? Promise.reject(auth) : ranges(topic));
    const progress = progressOf(bench.journal, plan);
    await expect(bench.run(plan, { progress }, { logs: { ...bench.world.logs, ranges: mayNotSee } })).rejects.toMatchObject(refused);
    expect(progressOf(bench.journal, plan)).toMatchObject({ next: 3, sent: 3, ended: undefined });
    expect(await bench.run(plan, { progress: progressOf(bench.journal, plan) })).toMatchObject({ verdict: 'done', outcome: { loaded: 3 } });
    expect(bench.copies).toHaveLength(3);
  });

  test('keeps to its rate, ends between batches when it is cancelled, and at a signal', async () => {
    const bench = createBench(40);
    const plan = bench.world.plan();
    await bench.run(plan, { ratePerSecond: 10 });
    expect(bench.elapsedMs).toBe(4_000);
    const cancelled = await bench.run(plan, { ratePerSecond: 10 }, { isCancelled: async () => true, table: undefined });
    expect(cancelled).toMatchObject({ verdict: 'cancelled' });
    expect(cancelled.progress.next).toBeLessThan(20);
    const stopping = new AbortController();
    const append = async (): Promise<void> => stopping.abort();
    expect(await bench.run(plan, {}, { signal: stopping.signal, append })).toMatchObject({ verdict: 'interrupted', progress: { next: 0 } });
  });
});

function idOf({ record }: ReplayCopy): string {
  return JSON.parse(record.value?.toString() ?? '{}').exposure_id;
}
