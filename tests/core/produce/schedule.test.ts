import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSchedule, peakPerSecond, type Schedule } from '../../../src/core/produce/schedule.ts';

const even = (perSecond: number, durationMs: number) => ({ fromPerSecond: perSecond, toPerSecond: perSecond, durationMs });

/** All dues, ten thousand at most. */
function duesOf(schedule: Schedule): number[] {
  const dues: number[] = [];
  for (let due = schedule.peek(); due !== undefined && dues.length < 10_000; due = schedule.peek()) {
    dues.push(due);
    schedule.advance();
  }
  return dues;
}

describe('createSchedule()', () => {
  test('has nothing for a rate of 0', () => {
    expect(duesOf(createSchedule([even(0, 1000)]))).toEqual([]);
  });

  test('gives event i at i / rate, as many as the stage holds', () => {
    const dues = duesOf(createSchedule([even(500, 2000)]));
    expect(dues).toHaveLength(1000);
    expect(dues[1]).toBe(2);
    expect(dues.at(-1)).toBeCloseTo(1998, 9);
  });

  test('goes on from stage to stage without a gap or a double', () => {
    const dues = duesOf(createSchedule([even(100, 1000), even(0, 500), even(1000, 1000)]));
    expect(dues).toHaveLength(1100);
    expect(dues[99]).toBe(990);
    expect(dues[100]).toBe(1500);
    expect(dues[101]).toBe(1501);
  });

  test('ramps: the events of a stretch are the area under the rate', () => {
    const dues = duesOf(createSchedule([{ fromPerSecond: 0, toPerSecond: 1000, durationMs: 2000 }]));
    expect(dues).toHaveLength(1000);
    expect(dues.filter((due) => due < 1000)).toHaveLength(250);
  });

  test('ramps down as up', () => {
    const dues = duesOf(createSchedule([{ fromPerSecond: 1000, toPerSecond: 0, durationMs: 2000 }]));
    expect(dues.filter((due) => due < 1000)).toHaveLength(750);
  });

  test('adds bursts, all at their moment', () => {
    const dues = duesOf(createSchedule([even(10, 5000)], { count: 30, everyMs: 2000 }));
    expect(dues).toHaveLength(50 + 60);
    expect(dues.filter((due) => due === 2000)).toHaveLength(31);
    expect(dues.filter((due) => due === 4000)).toHaveLength(31);
  });

  test('has a bounded end only where its stages have one', () => {
    expect(duesOf(createSchedule([even(1000, Number.POSITIVE_INFINITY)]))).toHaveLength(10_000);
  });

  test('never goes back, and never gives event i before i / peak', () => {
    const rate = fc.integer({ min: 0, max: 300 });
    const stage = fc.record({ fromPerSecond: rate, toPerSecond: rate, durationMs: fc.integer({ min: 1, max: 3000 }) });
    const burst = fc.option(fc.record({ count: fc.integer({ min: 1, max: 50 }), everyMs: fc.integer({ min: 100, max: 3000 }) }), {
      nil: undefined,
    });
    fc.assert(
      fc.property(fc.array(stage, { minLength: 1, maxLength: 4 }), burst, (stages, often) => {
        const peak = peakPerSecond(stages, often);
        const dues = duesOf(createSchedule(stages, often));
        for (const [i, due] of dues.entries()) {
          expect(due).toBeGreaterThanOrEqual((dues[i - 1] ?? 0) - 1e-6);
          expect(due).toBeGreaterThanOrEqual((i / peak) * 1000 - 1000 / peak - 1e-3);
        }
      }),
    );
  });
});
