// `gbx migrate up`: under the lock, read the history again, plan, and apply one file after the other.
import { GbxError } from '../errors.ts';
import type { AppliedMigration, Migration } from './migration.ts';
import { type MigrationPlan, planMigrations } from './plan.ts';

/** The warehouse as migrations need it. */
export interface MigrationTarget {
  /** Empty where nothing was ever applied. Writes nothing. @throws {GbxError} */
  history(): Promise<readonly AppliedMigration[]>;
  /**
   * What stands where this migration would make something: true when it was made by hand as the file has it.
   * @throws {GbxError} GBX_WAREHOUSE_SCHEMA when it stands there but differs
   */
  isMadeByHand(migration: Migration): Promise<boolean>;
  /**
   * Makes the runner's own tables where missing and waits for the lock, so that one process at a time migrates.
   * @throws {GbxError} GBX_WAREHOUSE_BUSY, naming who holds it; GBX_WAREHOUSE_UNREACHABLE also when the signal ends the wait
   */
  lock(signal?: AbortSignal): Promise<MigrationLock>;
}

export interface MigrationLock extends AsyncDisposable {
  /** In one transaction with its row of the history. @throws {GbxError} GBX_MIGRATION_FAILED: nothing of the file remains */
  apply(migration: Migration): Promise<{ readonly durationMs: number }>;
  /** Enters what stands there already. */
  adopt(migration: Migration): Promise<void>;
}

export interface AppliedNow {
  readonly migration: Migration;
  readonly adopted: boolean;
  readonly durationMs: number;
}

interface MigrateUpDeps {
  readonly target: MigrationTarget;
  readonly migrations: readonly Migration[];
  /** Called after each one. */
  readonly onApplied: (applied: AppliedNow) => void;
}

/**
 * @returns what was applied, in order; empty when all was up to date
 * @throws {GbxError} GBX_MIGRATION_DRIFT before anything is done; GBX_MIGRATION_FAILED, earlier files stay applied
 */
export async function migrateUp({ target, migrations, onApplied }: MigrateUpDeps, signal?: AbortSignal): Promise<readonly AppliedNow[]> {
  await using lock = await target.lock(signal);
  // Another process may have applied some while this one waited.
  const plan = planMigrations(migrations, await target.history());
  assertNoDrift(plan);
  const done: AppliedNow[] = [];
  for (const migration of plan.pending) {
    if (signal?.aborted) break;
    const applied = await applyOne({ target, lock, migration });
    done.push(applied);
    onApplied(applied);
  }
  return done;
}

/** @throws {GbxError} GBX_MIGRATION_DRIFT with every reason */
export function assertNoDrift({ drift }: MigrationPlan): void {
  if (drift.length > 0) throw new GbxError('GBX_MIGRATION_DRIFT', `the warehouse does not match the migrations: ${drift.join('; ')}`);
}

interface ApplyOne {
  readonly target: MigrationTarget;
  readonly lock: MigrationLock;
  readonly migration: Migration;
}

async function applyOne({ target, lock, migration }: ApplyOne): Promise<AppliedNow> {
  if (await target.isMadeByHand(migration)) {
    await lock.adopt(migration);
    return { migration, adopted: true, durationMs: 0 };
  }
  return { migration, adopted: false, ...(await lock.apply(migration)) };
}
