import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TimeAsk } from '../../../src/core/lag/sample.ts';
import { readTimeLags, type TimeLagMemory } from '../../../src/core/lag/time-lag.ts';

const NOW_MS = Date.UTC(2026, 0, 15, 12);

/** A log as Kafka's time index answers for it; `stamps` by offset. */
function logOf(stamps: readonly number[]) {
  const asks: TimeAsk[][] = [];
  return {
    asks,
    async findByTime(asked: readonly TimeAsk[]) {
      asks.push([...asked]);
      return asked.map(({ sinceMs }) => {
        const offset = stamps.findIndex((stamp) => stamp >= sinceMs);
        return offset < 0 ? ('none' as const) : { offset: BigInt(offset), timestampMs: stamps[offset] ?? 0 };
      });
    },
  };
}

async function lagOf(
  stamps: readonly number[],
  offset: number,
  changes: { readonly limitMs?: number; readonly memory?: TimeLagMemory; readonly nowMs?: number } = {},
) {
  const source = logOf(stamps);
  const { limitMs, memory = new Map(), nowMs = NOW_MS } = changes;
  const target = { topic: 't', partition: 0, offset: BigInt(offset), end: BigInt(stamps.length) };
  const [lag] = await readTimeLags([target], { source, nowMs, memory, limitMs });
  return { lag, rounds: source.asks.length };
}

/** That many milliseconds from one to the next, the last one now. */
function stampsOf(steps: readonly number[]): number[] {
  const stamps: number[] = [];
  let stamp = NOW_MS;
  for (const step of steps.toReversed()) {
    stamps.unshift(stamp);
    stamp -= step;
  }
  return stamps;
}

/** Age of the youngest record up to there. */
function truthOf(stamps: readonly number[], offset: number): number {
  return Math.max(NOW_MS - Math.max(...stamps.slice(0, offset + 1)), 0);
}

describe('readTimeLags()', () => {
  test('leaves unknown what is not answered, and what stands behind a stamp of the future', async () => {
    const source = { findByTime: async (asks: readonly TimeAsk[]) => asks.map(() => undefined) };
    const target = { topic: 't', partition: 0, offset: 0n, end: 1n };
    expect(await readTimeLags([target], { source, nowMs: NOW_MS, memory: new Map(), limitMs: undefined })).toEqual([undefined]);
    expect((await lagOf([NOW_MS - 900_000, NOW_MS + 86_400_000, NOW_MS - 800_000, NOW_MS - 5], 2)).lag).toBeUndefined();
  });

  test('takes stamps a little ahead for now: clocks differ', async () => {
    expect((await lagOf([NOW_MS - 5_000, NOW_MS + 2_000, NOW_MS + 3_000], 1)).lag).toEqual({ minMs: 0, maxMs: 0 });
  });

  test('is exact for a log that was never loaded', async () => {
    const stamps = Array.from({ length: 500 }, (_, i) => NOW_MS - 7_200_000 + i * 1_000);
    expect(await lagOf(stamps, 0)).toMatchObject({ lag: { minMs: 7_200_000, maxMs: 7_200_000 } });
  });

  test('asks nothing again as long as the position stays, and lets it age', async () => {
    const memory: TimeLagMemory = new Map();
    const stamps = Array.from({ length: 500 }, (_, i) => NOW_MS - 7_200_000 + i * 1_000);
    const first = await lagOf(stamps, 250, { memory });
    const again = await lagOf(stamps, 250, { memory, nowMs: NOW_MS + 60_000 });
    expect(again.rounds).toBe(0);
    expect(again.lag).toEqual({ minMs: (first.lag?.minMs ?? 0) + 60_000, maxMs: (first.lag?.maxMs ?? 0) + 60_000 });
    expect((await lagOf(stamps, 251, { memory })).rounds).toBeGreaterThan(0);
  });

  test('asks for all partitions at once', async () => {
    const source = logOf(Array.from({ length: 100 }, (_, i) => NOW_MS - 100_000 + i * 1_000));
    const targets = [5, 50, 95].map((offset, partition) => ({ topic: 't', partition, offset: BigInt(offset), end: 100n }));
    await readTimeLags(targets, { source, nowMs: NOW_MS, memory: new Map(), limitMs: undefined });
    expect(source.asks[0]).toHaveLength(3);
    expect(source.asks.length).toBeLessThanOrEqual(10);
  });

  const gaps = fc.array(
    fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 4_000_000 })),
    {
      minLength: 2,
      maxLength: 80,
    },
  );

  test('holds the truth between its bounds, in ten rounds, whatever the log: in order, in bursts, out of order', async () => {
    await fc.assert(
      fc.asyncProperty(gaps, fc.array(fc.integer({ min: -60_000, max: 0 })), fc.nat(), async (steps, shifts, at) => {
        const stamps = stampsOf(steps).map((stamp, i) => stamp + (shifts[i] ?? 0));
        const offset = at % stamps.length;
        const { lag, rounds } = await lagOf(stamps, offset);
        const truth = truthOf(stamps, offset);
        expect(rounds).toBeLessThanOrEqual(10);
        if (lag === undefined) throw new Error('unknown');
        expect(lag.minMs).toBeLessThanOrEqual(truth);
        expect(lag.maxMs).toBeGreaterThanOrEqual(truth);
      }),
    );
  });

  test('is on the right side of a limit, always', async () => {
    await fc.assert(
      fc.asyncProperty(gaps, fc.nat(), fc.nat(100_000), async (steps, at, limitMs) => {
        const stamps = stampsOf(steps);
        const offset = at % stamps.length;
        const memory: TimeLagMemory = new Map();
        await lagOf(stamps, offset, { memory });
        const { lag } = await lagOf(stamps, offset, { memory, limitMs });
        expect((lag?.minMs ?? 0) > limitMs).toBe(truthOf(stamps, offset) > limitMs);
        expect((lag?.maxMs ?? 0) <= limitMs).toBe(truthOf(stamps, offset) <= limitMs);
      }),
    );
  });

  test('comes within a tenth for steady and for bursty traffic', async () => {
    const steady = Array.from({ length: 5_000 }, (_, i) => NOW_MS - 36_000_000 + i * 7_200);
    const bursty = Array.from({ length: 5_000 }, (_, i) => NOW_MS - 36_000_000 + Math.floor(i / 500) * 3_600_000 + (i % 500));
    for (const stamps of [steady, bursty]) {
      for (const offset of [1, 700, 2_499, 4_000, 4_600]) {
        const { lag } = await lagOf(stamps, offset);
        const truth = truthOf(stamps, offset);
        expect(lag?.maxMs ?? 0, `offset ${offset}`).toBeLessThanOrEqual(truth * 1.1);
        expect(lag?.minMs ?? 0, `offset ${offset}`).toBeGreaterThanOrEqual(truth * 0.9);
      }
    }
  });
});
