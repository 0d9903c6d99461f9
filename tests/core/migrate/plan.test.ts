import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AppliedMigration, Migration } from '../../../src/core/migrate/migration.ts';
import { planMigrations } from '../../../src/core/migrate/plan.ts';

function migration(version: number, checksum = `sum-${version}`): Migration {
  return { version, name: `${String(version).padStart(4, '0')}_m.sql`, sql: '', checksum };
}

function applied(version: number, over: Partial<AppliedMigration> = {}): AppliedMigration {
  return {
    version,
    name: migration(version).name,
    checksum: `sum-${version}`,
    appliedAt: '2026-01-15 12:00:00',
    appliedBy: 'etl',
    ...over,
  };
}

const FILES = [migration(1), migration(2), migration(3)];

describe('planMigrations()', () => {
  it('finds drift when an applied file was changed, renamed, applied twice or passed over', () => {
    expect(planMigrations(FILES, [applied(1, { checksum: 'other' })]).drift).toEqual([
      '0001_m.sql was changed after it was applied: the file is sum-1, the warehouse has other',
    ]);
    expect(planMigrations(FILES, [applied(1, { name: '0001_x.sql', checksum: 'other' })]).drift).toEqual([
      'number 1 was applied as 0001_x.sql and is now 0001_m.sql',
    ]);
    expect(planMigrations(FILES, [applied(1), applied(1)]).drift).toEqual(['number 1 stands 2 times in the history']);
    expect(planMigrations(FILES, [applied(1), applied(3)]).drift).toEqual(['0002_m.sql was never applied, though a later one was']);
  });

  it('warns of a newer one that it does not know, and goes on', () => {
    const plan = planMigrations(FILES, [applied(1), applied(2), applied(3), applied(4)]);
    expect(plan).toMatchObject({ pending: [], drift: [], warnings: ['0004_m.sql was applied by a newer gbx; this one does not know it'] });
    expect(plan.entries.map(({ state }) => state)).toEqual(['applied', 'applied', 'applied', 'unknown']);
  });

  it('has everything pending where nothing was applied', () => {
    expect(planMigrations(FILES, [])).toMatchObject({ pending: FILES, drift: [], warnings: [] });
  });

  it('has pending what follows the applied ones, and no drift, for every history that up can leave', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 8 }), (files, done) => {
        const migrations = Array.from({ length: files }, (_, at) => migration(at + 1));
        const history = Array.from({ length: Math.min(files, done) }, (_, at) => applied(at + 1));
        expect(planMigrations(migrations, history)).toMatchObject({ pending: migrations.slice(done), drift: [], warnings: [] });
      }),
    );
  });
});
