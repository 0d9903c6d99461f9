// What `gbx migrate` makes of the files and the history: pure, printed by status and plan, followed by up.
import type { AppliedMigration, Migration } from './migration.ts';

export type MigrationState =
  /** In the warehouse as in the file. */
  | 'applied'
  | 'pending'
  /** The file was changed after it was applied, or another one stands under its number. */
  | 'drifted'
  /** Applied by a newer gbx: this one knows no such file. */
  | 'unknown';

export interface PlanEntry {
  readonly state: MigrationState;
  readonly version: number;
  readonly name: string;
  readonly migration: Migration | undefined;
  readonly applied: AppliedMigration | undefined;
}

export interface MigrationPlan {
  /** By version. */
  readonly entries: readonly PlanEntry[];
  /** What `up` applies, in order. */
  readonly pending: readonly Migration[];
  /** Why `up` must not go on; sentences. */
  readonly drift: readonly string[];
  /** What is worth a word and stops nothing: a warehouse ahead of this gbx, so that a rollback of gbx is not blocked. */
  readonly warnings: readonly string[];
}

/** @param migrations in order and without gaps, as `parseMigrations` gives them */
export function planMigrations(migrations: readonly Migration[], history: readonly AppliedMigration[]): MigrationPlan {
  const byVersion = new Map(history.map((applied) => [applied.version, applied]));
  const entries = [
    ...migrations.map((migration) => entryOf(migration, byVersion.get(migration.version))),
    ...unknownOf(migrations, byVersion),
  ];
  return {
    entries,
    pending: entries.flatMap(({ state, migration }) => (state === 'pending' && migration ? [migration] : [])),
    drift: [...entries.flatMap(driftOf), ...twice(history), ...outOfOrder(entries)],
    warnings: entries
      .filter(({ state }) => state === 'unknown')
      .map(({ name }) => `${name} was applied by a newer gbx; this one does not know it`),
  };
}

function entryOf(migration: Migration, applied: AppliedMigration | undefined): PlanEntry {
  const state = applied === undefined ? 'pending' : applied.checksum === migration.checksum ? 'applied' : 'drifted';
  return { state, version: migration.version, name: migration.name, migration, applied };
}

function unknownOf(migrations: readonly Migration[], byVersion: ReadonlyMap<number, AppliedMigration>): PlanEntry[] {
  const newest = migrations.at(-1)?.version ?? 0;
  return [...byVersion.values()]
    .filter(({ version }) => version < 1 || version > newest)
    .sort((a, b) => a.version - b.version)
    .map((applied) => ({ state: 'unknown', version: applied.version, name: applied.name, migration: undefined, applied }));
}

function driftOf({ state, name, migration, applied }: PlanEntry): string[] {
  if (state !== 'drifted' || !migration || !applied) return [];
  const file = migration.checksum.slice(0, 12);
  const warehouse = applied.checksum.slice(0, 12);
  if (applied.name !== name) return [`number ${applied.version} was applied as ${applied.name} and is now ${name}`];
  return [`${name} was changed after it was applied: the file is ${file}, the warehouse has ${warehouse}`];
}

/** The history declares no key that Redshift would enforce. */
function twice(history: readonly AppliedMigration[]): string[] {
  const counts = new Map<number, number>();
  for (const { version } of history) counts.set(version, (counts.get(version) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > 1).map(([version, count]) => `number ${version} stands ${count} times in the history`);
}

function outOfOrder(entries: readonly PlanEntry[]): string[] {
  const newestApplied = entries.findLast(({ applied }) => applied !== undefined)?.version ?? 0;
  return entries
    .filter(({ state, version }) => state === 'pending' && version < newestApplied)
    .map(({ name }) => `${name} was never applied, though a later one was`);
}
