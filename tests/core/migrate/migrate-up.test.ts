import { describe, expect, it } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import { type MigrationTarget, migrateUp } from '../../../src/core/migrate/migrate-up.ts';
import { type AppliedMigration, parseMigrations } from '../../../src/core/migrate/migration.ts';

const MIGRATIONS = parseMigrations([
  { name: '0001_a.sql', text: 'A' },
  { name: '0002_b.sql', text: 'B' },
  { name: '0003_c.sql', text: 'C' },
]);

interface FakeOptions {
  readonly history?: readonly AppliedMigration[];
  readonly madeByHand?: number;
  readonly failsAt?: number;
  /** What another process does while this one waits for the lock. */
  readonly appliedMeanwhile?: number;
}

function fakeTarget({ history = [], madeByHand, failsAt, appliedMeanwhile = 0 }: FakeOptions = {}) {
  const applied = [...history];
  const steps: string[] = [];
  const enter = (version: number): void => {
    const migration = MIGRATIONS[version - 1];
    if (migration) applied.push({ ...migration, appliedAt: '', appliedBy: '' });
  };
  const target: MigrationTarget = {
    history: async () => applied,
    isMadeByHand: async ({ version }) => version === madeByHand,
    lock: async () => {
      steps.push('lock');
      for (let version = 1; version <= appliedMeanwhile; version++) enter(version);
      return {
        apply: async ({ version }) => {
          if (version === failsAt) throw new GbxError('GBX_MIGRATION_FAILED', 'no');
          steps.push(`apply ${version}`);
          enter(version);
          return { durationMs: 5 };
        },
        adopt: async ({ version }) => {
          steps.push(`adopt ${version}`);
          enter(version);
        },
        [Symbol.asyncDispose]: async () => void steps.push('unlock'),
      };
    },
  };
  return { target, steps };
}

function upWith(target: MigrationTarget, signal?: AbortSignal) {
  return migrateUp({ target, migrations: MIGRATIONS, onApplied: () => undefined }, signal);
}

describe('migrateUp()', () => {
  it('does nothing when an applied file was changed, and gives the lock back', async () => {
    const changed = { version: 1, name: '0001_a.sql', checksum: 'other', appliedAt: '', appliedBy: '' };
    const { target, steps } = fakeTarget({ history: [changed] });
    await expect(upWith(target)).rejects.toMatchObject({ code: 'GBX_MIGRATION_DRIFT', exitCode: 78 });
    expect(steps).toEqual(['lock', 'unlock']);
  });

  it('stops at the first that fails, and gives the lock back', async () => {
    const { target, steps } = fakeTarget({ failsAt: 2 });
    await expect(upWith(target)).rejects.toMatchObject({ code: 'GBX_MIGRATION_FAILED', exitCode: 1 });
    expect(steps).toEqual(['lock', 'apply 1', 'unlock']);
  });

  it('leaves out what another process applied while it waited for the lock', async () => {
    const { target, steps } = fakeTarget({ appliedMeanwhile: 2 });
    expect(await upWith(target)).toHaveLength(1);
    expect(steps).toEqual(['lock', 'apply 3', 'unlock']);
  });

  it('adopts what was made by hand', async () => {
    const { target, steps } = fakeTarget({ madeByHand: 1 });
    expect((await upWith(target)).map(({ adopted }) => adopted)).toEqual([true, false, false]);
    expect(steps).toEqual(['lock', 'adopt 1', 'apply 2', 'apply 3', 'unlock']);
  });

  it('starts no other file once it is told to stop', async () => {
    const { target, steps } = fakeTarget();
    expect(await upWith(target, AbortSignal.abort())).toEqual([]);
    expect(steps).toEqual(['lock', 'unlock']);
  });
});
