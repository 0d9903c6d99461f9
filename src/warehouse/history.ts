// growthbook.gbx_migrations, which files were applied, and growthbook.gbx_migration_lock: two tables that the migrator makes
// for itself before any file runs. The lock is a table of its own: Redshift locks readers out too, and `status` reads on.
import type { AppliedMigration, Migration } from '../core/migrate/migration.ts';
import type { Session } from './session.ts';
import { sqlstateOf } from './translate-error.ts';

export const LOCK_TABLE = 'growthbook.gbx_migration_lock';

const CREATE_HISTORY = `CREATE TABLE IF NOT EXISTS growthbook.gbx_migrations (
  version INTEGER NOT NULL,
  name VARCHAR(256) NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  applied_at TIMESTAMP NOT NULL,
  applied_by VARCHAR(256) NOT NULL
)`;
const CREATE_LOCK = `CREATE TABLE IF NOT EXISTS ${LOCK_TABLE} (held_by VARCHAR(256))`;

/** Makes what is missing. @throws {GbxError} also when another process makes it at this moment: see `isRace` */
export async function createOwnTables(session: Session): Promise<void> {
  // Without the right to create schemas one may not even say IF NOT EXISTS.
  if (!(await hasSchema(session))) await session.run('CREATE SCHEMA IF NOT EXISTS growthbook');
  if (!(await hasTable(session, 'gbx_migrations'))) await session.run(CREATE_HISTORY);
  if (!(await hasTable(session, 'gbx_migration_lock'))) await session.run(CREATE_LOCK);
}

/** IF NOT EXISTS does not hold against a second process: it fails on a key of the catalogue, or as a duplicate. */
export function isRace(error: unknown): boolean {
  return ['23505', '42P06', '42P07', '42710', 'XX000', '40001'].includes(sqlstateOf(error) ?? '');
}

async function hasSchema(session: Session): Promise<boolean> {
  return (await session.query(`SELECT 1 FROM pg_namespace WHERE nspname = 'growthbook'`)).count > 0;
}

export async function hasTable(session: Session, table: string): Promise<boolean> {
  const text = `SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'growthbook' AND c.relname = $1`;
  return (await session.query(text, { values: [table] })).count > 0;
}

/** In the order in which they were applied; empty where there is no history yet. Writes nothing. */
export async function readHistory(session: Session): Promise<readonly AppliedMigration[]> {
  if (!(await hasTable(session, 'gbx_migrations'))) return [];
  const { rows } = await session.query(
    'SELECT version, name, checksum, applied_at, applied_by FROM growthbook.gbx_migrations ORDER BY version, applied_at',
  );
  return rows.map((row) => ({
    version: Number(row['version']),
    name: row['name'] ?? '',
    checksum: row['checksum'] ?? '',
    appliedAt: (row['applied_at'] ?? '').slice(0, 'YYYY-MM-DD HH:MM:SS'.length),
    appliedBy: row['applied_by'] ?? '',
  }));
}

interface Applied {
  readonly at: string;
  readonly by: string;
}

/** Inside the transaction of the migration itself. */
export async function writeHistory(session: Session, { version, name, checksum }: Migration, { at, by }: Applied): Promise<void> {
  await session.query(
    'INSERT INTO growthbook.gbx_migrations (version, name, checksum, applied_at, applied_by) VALUES ($1::integer, $2, $3, $4::timestamp, $5)',
    { values: [version, name, checksum, at, by], doing: `enter ${name} into the history` },
  );
}
