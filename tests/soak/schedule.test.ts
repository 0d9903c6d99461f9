import { describe, expect, it } from 'vitest';
import { planSoak } from './schedule.ts';

describe('planSoak()', () => {
  it('is the same for the same seed, and another one for another seed', () => {
    expect(planSoak({ minutes: 10, seed: 7 })).toEqual(planSoak({ minutes: 10, seed: 7 }));
    expect(planSoak({ minutes: 10, seed: 7 })).not.toEqual(planSoak({ minutes: 10, seed: 8 }));
  });

  it.each([1, 2, 3, 42, 1_000_003])('has at least 20 kills and 10 outages in ten minutes, seed %i', (seed) => {
    const faults = planSoak({ minutes: 10, seed });
    const count = (pattern: RegExp): number => faults.filter(({ kind }) => pattern.test(kind)).length;
    expect(count(/^kill-/)).toBeGreaterThanOrEqual(20);
    expect(count(/^(warehouse|kafka)-/)).toBeGreaterThanOrEqual(10);
  });

  it('lets each fault end before the next one', () => {
    const faults = planSoak({ minutes: 20, seed: 3 });
    for (const [index, { atMs, lastsMs }] of faults.entries()) expect(atMs + lastsMs).toBeLessThan(faults[index + 1]?.atMs ?? 20 * 60_000);
  });
});
