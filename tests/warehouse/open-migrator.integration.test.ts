// The contract of migrations, on a real PostgreSQL: a file is applied whole or not at all, once however many try at the
// same moment, and what stands there by hand is adopted only when gbx can load into it.
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrateUp } from '../../src/core/migrate/migrate-up.ts';
import { type Migration, parseMigrations } from '../../src/core/migrate/migration.ts';
import { planMigrations } from '../../src/core/migrate/plan.ts';
import { readMigrationFiles } from '../../src/files/read-migrations.ts';
import type { WarehouseConnection } from '../../src/warehouse/connection.ts';
import { openMigrator } from '../../src/warehouse/open-migrator.ts';
import { openWarehouse } from '../../src/warehouse/open-warehouse.ts';
import { eventually, openDatabase, type TestDatabase, testStack } from '../support/stack.ts';
import { claim, exposure, requestOf } from './flush-fixtures.ts';

const MIGRATIONS = parseMigrations(await readMigrationFiles());
const NEXT = MIGRATIONS.length + 1;

let database: TestDatabase;
beforeEach(async () => {
  database = await openDatabase({ migrated: false });
});
afterEach(() => database[Symbol.asyncDispose]());

async function up(migrations: readonly Migration[] = MIGRATIONS, over: Partial<WarehouseConnection> = {}) {
  await using target = openMigrator({ ...database.connection, ...over });
  return await migrateUp({ target, migrations, onApplied: () => undefined });
}

async function history() {
  await using target = openMigrator(database.connection);
  return await target.history();
}

function withNext(sql: string): Migration[] {
  return [
    ...MIGRATIONS,
    ...parseMigrations(
      [...MIGRATIONS, { name: `${String(NEXT).padStart(4, '0')}_next.sql`, sql }].map(({ name, sql: text }) => ({ name, text })),
    ).slice(-1),
  ];
}

describe('openMigrator()', () => {
  it('writes nothing when it is only asked', async () => {
    expect(await history()).toEqual([]);
    expect(await database.query(`SELECT 1 FROM pg_namespace WHERE nspname = 'growthbook'`)).toEqual([]);
  });

  it('rolls a file back whole and names file, line and the server’s words', async () => {
    const migrations = withNext(
      '-- Why: test\nCREATE TABLE growthbook.half (a INTEGER);\n\nCREATE TABLE growthbook.other (\n  a INTEGER,\n  b NO_SUCH_TYPE\n);',
    );
    await expect(up(migrations)).rejects.toMatchObject({
      code: 'GBX_MIGRATION_FAILED',
      exitCode: 1,
      message: expect.stringMatching(/^sql\/\d{4}_next\.sql:6: type "no_such_type" does not exist .*rolled back, nothing of it remains$/),
    });
    expect(await database.query(`SELECT to_regclass('growthbook.half') AS found`)).toEqual([{ found: null }]);
    expect(await history()).toHaveLength(MIGRATIONS.length);
  });

  it('refuses a table made by hand that gbx cannot load into, and leaves it as it is', async () => {
    await database.query('CREATE SCHEMA growthbook');
    await database.query('CREATE TABLE growthbook.experiment_exposures (exposure_id VARCHAR(64), ts TIMESTAMPTZ)');
    await expect(up()).rejects.toMatchObject({
      code: 'GBX_WAREHOUSE_SCHEMA',
      exitCode: 78,
      message: expect.stringContaining('ds_user_id is missing'),
    });
    expect(await history()).toEqual([]);
  });

  it('gives up the lock after its time and names who holds it', async () => {
    await up();
    const holder = new pg.Client({ ...testStack().postgres, database: database.name, application_name: 'ci-job' });
    await holder.connect();
    await holder.query('BEGIN; LOCK TABLE growthbook.gbx_migration_lock');
    await expect(up(MIGRATIONS, { lockTimeoutMs: 200 })).rejects.toMatchObject({
      code: 'GBX_WAREHOUSE_BUSY',
      exitCode: 75,
      message: expect.stringMatching(/held by pid \d+, gbx \(ci-job\).*waited 0\.2 s/),
    });
    // Status needs no lock.
    expect(await history()).toHaveLength(MIGRATIONS.length);
    await holder.end();
    expect(await up()).toEqual([]);
  });

  it('stops waiting for the lock when it is told to', async () => {
    await up();
    await using holding = openMigrator(database.connection);
    await using _lock = await holding.lock();
    await using target = openMigrator({ ...database.connection, applicationName: 'gbx-waiting' });
    const stopping = new AbortController();
    const waiting = target.lock(stopping.signal).catch((error: unknown) => error);
    const text = `SELECT 1 FROM pg_stat_activity WHERE application_name = 'gbx-waiting' AND wait_event_type = 'Lock'`;
    await eventually('the wait for the lock', async () => (await database.query(text)).length > 0);
    stopping.abort();
    expect(await waiting).toMatchObject({ code: 'GBX_WAREHOUSE_UNREACHABLE' });
  });

  it('applies nothing more when the connection that holds the lock is lost', async () => {
    await using target = openMigrator({ ...database.connection, applicationName: 'gbx-migrator' });
    const lock = await target.lock();
    const [first] = MIGRATIONS;
    if (!first) throw new Error('no migration');
    await database.query(
      `SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
       WHERE a.application_name = 'gbx-migrator' AND l.relation = 'growthbook.gbx_migration_lock'::regclass`,
    );
    await eventually('the loss to be noticed', () =>
      lock.apply(first).then(
        () => false,
        (error: unknown) => error instanceof Error && error.message.includes('holds the lock'),
      ),
    );
    await lock[Symbol.asyncDispose]();
  });

  it('applies each file once when several processes come at the same moment, to an empty warehouse', async () => {
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => up()));
    expect(outcomes.map((applied) => applied.length).sort()).toEqual([0, 0, 0, MIGRATIONS.length]);
    expect((await history()).map(({ version }) => version)).toEqual(MIGRATIONS.map(({ version }) => version));
  });

  it('makes a warehouse that takes a flush, and has nothing to do the second time', async () => {
    expect((await up()).map(({ adopted }) => adopted)).toEqual(MIGRATIONS.map(() => false));
    expect(planMigrations(MIGRATIONS, await history())).toMatchObject({ pending: [], drift: [] });
    expect(await up()).toEqual([]);
    await using warehouse = openWarehouse(database.connection);
    expect(await warehouse.flush(requestOf(await claim(warehouse), [exposure()]))).toMatchObject({ kind: 'loaded', inserted: 1 });
  });

  it('adopts the table that was made by hand from the architecture, its rows included', async () => {
    await database.query(MIGRATIONS[0]?.sql ?? '');
    await database.query(`INSERT INTO growthbook.experiment_exposures VALUES ('old', 'u', 'e', '1', '2026-01-01')`);
    expect((await up()).map(({ adopted }) => adopted)).toEqual([true, ...MIGRATIONS.slice(1).map(() => false)]);
    expect(await history()).toHaveLength(MIGRATIONS.length);
    expect(await database.query('SELECT exposure_id FROM growthbook.experiment_exposures')).toEqual([{ exposure_id: 'old' }]);
  });

  it('lets a user migrate who may not create schemas, where the schema is theirs', async () => {
    const user = `${database.name}_owner`;
    await database.query(`CREATE ROLE ${user} LOGIN PASSWORD 'pw'`);
    try {
      await expect(up(MIGRATIONS, { user, password: 'pw' })).rejects.toMatchObject({ code: 'GBX_WAREHOUSE_PERMISSION', exitCode: 77 });
      await database.query(`CREATE SCHEMA growthbook AUTHORIZATION ${user}`);
      expect(await up(MIGRATIONS, { user, password: 'pw' })).toHaveLength(MIGRATIONS.length);
    } finally {
      await database.query(`REASSIGN OWNED BY ${user} TO gbx`);
      await database.query(`DROP OWNED BY ${user}`);
      await database.query(`DROP ROLE ${user}`);
    }
  });
});
