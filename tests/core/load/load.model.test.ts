import { describe, expect, it } from 'vitest';
import { simulate } from './simulation/simulate.ts';

const SEEDS = Number(process.env['GBX_SIM_SEEDS'] ?? 300);
const FIRST_SEED = Number(process.env['GBX_SIM_FIRST_SEED'] ?? 1);

describe('runLoad()', () => {
  it(`loads each exposure once under ${SEEDS} random histories of faults`, { timeout: 3_600_000 }, async () => {
    const seen: Record<string, number> = {};
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const report = await simulate(seed);
      expect(report.violations, `seed ${seed}; run it alone with GBX_SIM_FIRST_SEED=${seed} GBX_SIM_SEEDS=1`).toEqual([]);
      for (const [what, count] of Object.entries(report.seen)) seen[what] = (seen[what] ?? 0) + count;
    }
  });
});
