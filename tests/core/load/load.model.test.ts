import { describe, expect, it } from 'vitest';
import { type Report, simulate } from './simulation/simulate.ts';
import type { Guards } from './simulation/world.ts';

const SEEDS = Number(process.env['GBX_SIM_SEEDS'] ?? 1500);
const FIRST_SEED = Number(process.env['GBX_SIM_FIRST_SEED'] ?? 1);

async function firstViolation(seeds: number, guards: Guards): Promise<Report | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    const report = await simulate(seed, guards);
    if (report.violations.length > 0) return report;
  }
  return undefined;
}

describe('runLoad()', () => {
  it(`loads each exposure once under ${SEEDS} random histories of faults`, { timeout: 300_000 }, async () => {
    const seen: Record<string, number> = {};
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const report = await simulate(seed);
      expect(report.violations, `seed ${seed}; run it alone with GBX_SIM_FIRST_SEED=${seed} GBX_SIM_SEEDS=1`).toEqual([]);
      for (const [what, count] of Object.entries(report.seen)) seen[what] = (seen[what] ?? 0) + count;
    }
    // A run in which a fault never came would prove nothing about it.
    if (SEEDS < 500) return;
    for (const what of [
      'joins',
      'kills',
      'outages',
      'sleeps',
      'transient',
      'lost answers',
      'already loaded',
      'fenced',
      'reused ids',
      'dead letters',
      'flushes',
    ]) {
      expect(seen[what] ?? 0, `times '${what}' happened`).toBeGreaterThan(SEEDS / 50);
    }
  });

  it.each<[string, Guards]>([
    ['the ledger is not compared before it moves', { compareAndSwap: false }],
    ['nothing asks whether the exposure stands in the table', { antiJoin: false }],
    ['two flushes run at the same time', { lock: false }],
    ['a dead letter is taken for written when it is not', { deadLetterFirst: false }],
  ])('is seen to lose or double exposures when %s', { timeout: 120_000 }, async (_, guards) => {
    const report = await firstViolation(400, guards);
    expect(report?.violations.join('; ')).toMatch(/lost|doubled|stepped back/);
  });
});
