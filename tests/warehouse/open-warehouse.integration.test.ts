// The contract of the warehouse's session, on a real PostgreSQL: every way in which a server can refuse, block or vanish
// has its own code and class, says where it was and never the password, and the next call heals what can be healed.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { WarehouseConnection } from '../../src/warehouse/connection.ts';
import { openWarehouse } from '../../src/warehouse/open-warehouse.ts';
import { createAuthority } from '../support/certificates.ts';
import { collectingLog } from '../support/log.ts';
import { onStatement, openPostgresProxy } from '../support/postgres-proxy.ts';
import { eventually, openDatabase, type TestDatabase, testStack } from '../support/stack.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { claim, exposure, newScope, requestOf } from './flush-fixtures.ts';

let database: TestDatabase;
let connection: WarehouseConnection;

beforeAll(async () => {
  database = await openDatabase();
  connection = database.connection;
});
afterAll(() => database[Symbol.asyncDispose]());
afterEach(() => void vi.unstubAllEnvs());

/** What reading the ledger through this connection throws. */
async function failureOf(over: Partial<WarehouseConnection>): Promise<unknown> {
  await using warehouse = openWarehouse({ ...connection, ...over });
  return await warehouse.readLedger(newScope()).then(
    () => 'no failure',
    (error: unknown) => error,
  );
}

describe('connecting', () => {
  it('fails as GBX_WAREHOUSE_UNREACHABLE where nothing listens, and names the place', async () => {
    const proxy = await openTcpProxy({ target: connection });
    await proxy[Symbol.asyncDispose]();
    const error = await failureOf({ port: proxy.port });
    expect(error).toMatchObject({ code: 'GBX_WAREHOUSE_UNREACHABLE', failure: 'transient', exitCode: 69 });
    expect(String(error)).toContain(`gbx@127.0.0.1:${proxy.port}/${database.name}: connect ECONNREFUSED`);
  });

  it('fails as GBX_WAREHOUSE_UNREACHABLE where the server logs in and then falls silent', async () => {
    const silent = onStatement({ sql: /select version/ }, () => new Promise(() => undefined));
    await using proxy = await openPostgresProxy({ target: connection, onMessage: silent.onMessage });
    // The limit is 15 s: its clock runs fifty times as fast.
    const clock: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 50, signal) };
    expect(await failureOf({ port: proxy.port, clock })).toMatchObject({ code: 'GBX_WAREHOUSE_UNREACHABLE', failure: 'transient' });
  });

  it('fails as GBX_WAREHOUSE_UNREACHABLE where there is no such host', async () => {
    expect(await failureOf({ host: 'nowhere.invalid' })).toMatchObject({ code: 'GBX_WAREHOUSE_UNREACHABLE' });
  });

  it('fails as GBX_WAREHOUSE_AUTH with a wrong password, without printing it', async () => {
    const error = await failureOf({ password: 'wrong-password' });
    expect(error).toMatchObject({ code: 'GBX_WAREHOUSE_AUTH', failure: 'systemic', exitCode: 77 });
    expect(String(error)).not.toContain('wrong-password');
    expect(String(error)).toContain('password authentication failed for user "gbx"');
  });

  it('fails as GBX_WAREHOUSE_AUTH without a password, whatever PGPASSWORD says', async () => {
    vi.stubEnv('PGPASSWORD', testStack().postgres.password);
    const error = await failureOf({ password: undefined });
    expect(error).toMatchObject({ code: 'GBX_WAREHOUSE_AUTH' });
    expect(String(error)).toContain('none is set');
  });

  it('fails as GBX_WAREHOUSE_AUTH where the user or the database is not there', async () => {
    expect(await failureOf({ user: 'nobody-here' })).toMatchObject({ code: 'GBX_WAREHOUSE_AUTH' });
    expect(await failureOf({ database: 'no_such_database' })).toMatchObject({ code: 'GBX_WAREHOUSE_AUTH' });
  });

  it('takes nothing from PG* variables', async () => {
    vi.stubEnv('PGOPTIONS', '-c no_such_setting=1');
    vi.stubEnv('PGSSLMODE', 'no-verify');
    vi.stubEnv('PGHOST', 'nowhere.invalid');
    vi.stubEnv('PGREPLICATION', 'database');
    await using warehouse = openWarehouse(connection);
    expect(await warehouse.readLedger(newScope())).toEqual([]);
  });

  it('verifies the certificate: the right authority is taken, another one and none are refused', async () => {
    const { ca } = testStack();
    await using warehouse = openWarehouse({ ...connection, tls: { kind: 'on', ca } });
    expect(await warehouse.readLedger(newScope())).toEqual([]);
    const wrong = await failureOf({ tls: { kind: 'on', ca: createAuthority('another authority').ca } });
    expect(wrong).toMatchObject({ code: 'GBX_WAREHOUSE_TLS', exitCode: 78 });
    expect(String(wrong)).toContain('its certificate is not trusted');
    expect(await failureOf({ tls: { kind: 'on' } })).toMatchObject({ code: 'GBX_WAREHOUSE_TLS' });
  });

  it('fails as GBX_WAREHOUSE_SCHEMA where the tables are missing, with the way on', async () => {
    await using empty = await openDatabase({ migrated: false });
    await using warehouse = openWarehouse(empty.connection);
    await expect(claim(warehouse)).rejects.toMatchObject({
      code: 'GBX_WAREHOUSE_SCHEMA',
      failure: 'systemic',
      exitCode: 78,
      hint: 'bring the schema up to date: gbx migrate up',
    });
  });

  it('fails as GBX_WAREHOUSE_PERMISSION without rights, and heals once they are granted', async () => {
    const user = `u_${randomUUID().replaceAll('-', '')}`;
    await database.query(`CREATE ROLE ${user} LOGIN PASSWORD 'pw'`);
    try {
      await using warehouse = openWarehouse({ ...connection, user, password: 'pw' });
      await expect(claim(warehouse)).rejects.toMatchObject({ code: 'GBX_WAREHOUSE_PERMISSION', failure: 'systemic', exitCode: 77 });
      await database.query(`GRANT USAGE ON SCHEMA growthbook TO ${user}`);
      await database.query(`GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA growthbook TO ${user}`);
      expect(await warehouse.flush(requestOf(await claim(warehouse), [exposure()]))).toMatchObject({ kind: 'loaded', inserted: 1 });
    } finally {
      await database.query(`DROP OWNED BY ${user}`);
      await database.query(`DROP ROLE ${user}`);
    }
  });
});

describe('a session that is lost or blocked', () => {
  it('is made anew when the server ended it while it was idle', async () => {
    await using warehouse = openWarehouse({ ...connection, applicationName: 'gbx-idle' });
    const claimed = await claim(warehouse);
    await terminate('gbx-idle');
    await eventually('a flush on a new session', () =>
      warehouse.flush(requestOf(claimed, [exposure()])).then(
        ({ kind }) => kind === 'loaded' || kind === 'already-loaded',
        () => false,
      ),
    );
  });

  it('fails as transient when the server ends it during a flush, and the request again loads', async () => {
    await using blocker = await blockTable('growthbook.experiment_exposures');
    await using warehouse = openWarehouse({ ...connection, applicationName: 'gbx-killed' });
    const request = requestOf(await claim(warehouse), [exposure()]);
    const flushed = warehouse.flush(request).catch((error: unknown) => error);
    await untilWaiting('gbx-killed');
    await terminate('gbx-killed');
    expect(await flushed).toMatchObject({ code: 'GBX_WAREHOUSE_UNREACHABLE', failure: 'transient' });
    await blocker.release();
    expect(await warehouse.flush(request)).toMatchObject({ kind: 'loaded', inserted: 1 });
  });

  it('fails as contention when the lock of the ledger does not come in time', async () => {
    await using warehouse = openWarehouse({ ...connection, lockTimeoutMs: 200, statementTimeoutMs: 20_000 });
    const request = requestOf(await claim(warehouse), [exposure()]);
    await using blocker = await blockTable('growthbook.gbx_ledger');
    const startedMs = performance.now();
    await expect(warehouse.flush(request)).rejects.toMatchObject({ code: 'GBX_WAREHOUSE_BUSY', failure: 'contention', exitCode: 75 });
    // By its own limit, not by that of statements.
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    await blocker.release();
    expect(await warehouse.flush(request)).toMatchObject({ kind: 'loaded', inserted: 1 });
  });

  it('fails as GBX_WAREHOUSE_OVERLOADED when a statement takes too long, with the setting to raise', async () => {
    await using warehouse = openWarehouse({ ...connection, statementTimeoutMs: 300 });
    const request = requestOf(await claim(warehouse), [exposure()]);
    await using _blocker = await blockTable('growthbook.experiment_exposures');
    await expect(warehouse.flush(request)).rejects.toMatchObject({
      code: 'GBX_WAREHOUSE_OVERLOADED',
      failure: 'transient',
      hint: expect.stringContaining('GBX_STATEMENT_TIMEOUT_SECONDS'),
    });
  });

  it('says who holds the lock once it has waited for 30 s', async () => {
    const log = collectingLog();
    await using warehouse = openWarehouse({ ...connection, log, clock: clockWithout(30_000) });
    const request = requestOf(await claim(warehouse), [exposure()]);
    await using blocker = await blockTable('growthbook.gbx_ledger');
    const flushed = warehouse.flush(request);
    const line = await eventually('a line about the lock', () => log.lines.find(({ event }) => event === 'warehouse.lock_awaited'));
    expect(line).toMatchObject({ level: 'warn', fields: { table: 'growthbook.gbx_ledger' } });
    expect(line.fields['holders']).toEqual([expect.stringMatching(/^pid \d+, gbx \(blocker\)/)]);
    await blocker.release();
    expect(await flushed).toMatchObject({ kind: 'loaded' });
  });

  it('gives up a connection whose other end fell silent', async () => {
    await using proxy = await openTcpProxy({ target: connection });
    const limits = { statementTimeoutMs: 5_000, clock: clockWithout(20_000) };
    await using warehouse = openWarehouse({ ...connection, ...limits, host: proxy.host, port: proxy.port });
    const claimed = await claim(warehouse);
    proxy.blackHole();
    await expect(warehouse.flush(requestOf(claimed, [exposure()]))).rejects.toMatchObject({ code: 'GBX_WAREHOUSE_UNREACHABLE' });
  });

  it('fails what runs when it is closed', async () => {
    await using _blocker = await blockTable('growthbook.gbx_ledger');
    const warehouse = openWarehouse({ ...connection, applicationName: 'gbx-closed' });
    const claimed = claim(warehouse).catch((error: unknown) => error);
    await untilWaiting('gbx-closed');
    await warehouse[Symbol.asyncDispose]();
    expect(await claimed).toMatchObject({ code: 'GBX_WAREHOUSE_UNREACHABLE' });
  });
});

/** The real clock, in which waits of this length take 100 ms. */
function clockWithout(longMs: number): Clock {
  return { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms === longMs ? 100 : ms, signal) };
}

async function terminate(applicationName: string): Promise<void> {
  await database.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [applicationName]);
}

async function untilWaiting(applicationName: string): Promise<void> {
  const text = `SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'`;
  await eventually(`${applicationName} waiting for a lock`, async () => (await database.query(text, [applicationName])).length > 0);
}

/** Holds a table so that nobody else can use it. */
async function blockTable(table: string): Promise<AsyncDisposable & { release(): Promise<void> }> {
  const client = new pg.Client({ ...testStack().postgres, database: database.name, application_name: 'blocker' });
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE ${table}`);
  let released: Promise<void> | undefined;
  const release = (): Promise<void> => {
    released ??= client.end();
    return released;
  };
  return { release, [Symbol.asyncDispose]: release };
}
