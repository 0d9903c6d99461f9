// What a window of samples tells of one partition: rates and rhythm, as assessLag() reports them.
import { describe, expect, test } from 'vitest';
import { assessLag } from '../../../src/core/lag/assess.ts';
import type { LagSample } from '../../../src/core/lag/sample.ts';
import { createLagWindow } from '../../../src/core/lag/window.ts';
import { history, lagSample, OPTIONS } from './samples.ts';

function reportOf(samples: readonly LagSample[], changes: Partial<typeof OPTIONS> = {}) {
  const [one] = assessLag({ samples }, { ...OPTIONS, ...changes }).partitions;
  if (one === undefined) throw new Error('no partition');
  return one;
}

const seconds = (count: number): number[] => Array.from({ length: count }, (_, second) => second);

/** It drains 500 records/s for half a minute, and then stands still. */
const killed = (standing: number) =>
  history([...seconds(31).map((s) => [s * 500, 800_000] as const), ...seconds(standing).map(() => [15_000, 800_000] as const)]);

describe('ratesOf()', () => {
  test('tells the rates', () => {
    const { inPerSecond, outPerSecond } = reportOf(history(seconds(20).map((s) => [s * 40, 1_000 + s * 66])));
    expect([inPerSecond, outPerSecond]).toEqual([expect.closeTo(66), expect.closeTo(40)]);
  });

  test('lets the rates of a loader that has stopped fall, and promises no end', () => {
    expect(reportOf(killed(0))).toMatchObject({ verdict: 'DRAIN', outPerSecond: expect.closeTo(500), etaSeconds: expect.closeTo(1_570) });
    expect(reportOf(killed(2)).outPerSecond).toBeCloseTo(500);
    const rates = [3, 10, 60, 600].map((standing) => reportOf(killed(standing)).outPerSecond ?? 0);
    expect(rates).toEqual([...rates].sort((one, other) => other - one));
    expect(rates[0]).toBeLessThan(500);
    expect(rates[2]).toBeLessThan(150);
    expect(rates[3]).toBeLessThan(15);
    // Not yet a stall, and already slower.
    expect(reportOf(killed(10)).etaSeconds).toBeGreaterThan(1_700);
    expect(reportOf(killed(60))).toMatchObject({ verdict: 'STALL', etaSeconds: Number.POSITIVE_INFINITY });
    expect(
      reportOf(
        history([
          [0, 9_000],
          [50, 9_000],
          [90, 9_000],
          [130, 9_000],
          [20, 9_000],
        ]),
      ),
    ).toMatchObject({ verdict: 'REWIND', etaSeconds: undefined });
  });

  test('remembers the rhythm of a loader that has stopped for longer than its last points reach back', () => {
    expect(reportOf(killed(250), { expectedGapMs: 300_000 }).verdict).toBe('STALL');
  });
});

test('createLagWindow() keeps memory bounded while its span grows', () => {
  const window = createLagWindow();
  for (let second = 0; second < 2_000; second++) window.add(lagSample([{}], { second }));
  expect(window.samples.length).toBeLessThanOrEqual(300);
  expect(window.last?.elapsedMs).toBe(1_999_000);
  expect((window.last?.elapsedMs ?? 0) - (window.samples[0]?.elapsedMs ?? 0)).toBeGreaterThan(600_000);
});
