// The whole of loading against a model of Kafka and of the warehouse, under random faults (simulation/simulate.ts). Contract:
// every exposure ends in the table once, or in the dead letters for a reason that holds; whatever dies, is cut or lies.
import { describe, expect, it } from 'vitest';
import { unseen } from './simulation/coverage.ts';
import { simulate } from './simulation/simulate.ts';

/** Some seconds; more of them: `npm run simulate -- --seeds 5000`. */
const SEEDS = 600;

describe('runLoad()', () => {
  it(`loads each exposure once under ${SEEDS} random histories of faults`, { timeout: 120_000 }, async () => {
    const seen: Record<string, number> = {};
    for (let seed = 1; seed <= SEEDS; seed++) {
      const report = await simulate(seed);
      expect(report.violations, `seed ${seed}; run it alone with npm run simulate -- --first ${seed} --seeds 1`).toEqual([]);
      for (const [what, count] of Object.entries(report.seen)) seen[what] = (seen[what] ?? 0) + count;
    }
    expect(unseen(seen, SEEDS)).toEqual([]);
  });
});
