// The contract of Warehouse.tryRows, on a real PostgreSQL, for both dialects: it says whether the table would take rows,
// writes nothing and moves nothing, says `row` only for the rows' sake, and keeps its session, so that looking for one bad
// row of many costs no connections.
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GbxError } from '../../src/core/errors.ts';
import type { Warehouse } from '../../src/core/load/ports.ts';
import type { WarehouseConnection } from '../../src/warehouse/connection.ts';
import { openWarehouse } from '../../src/warehouse/open-warehouse.ts';
import { collectingLog } from '../support/log.ts';
import { onStatement, openPostgresProxy } from '../support/postgres-proxy.ts';
import { openDatabase, type TestDatabase } from '../support/stack.ts';
import { claim, exposure, HOUR_MICROS, NOON_MS, requestOf } from './flush-fixtures.ts';

const DAY_MICROS = 24 * HOUR_MICROS;
/** Refused by the stage itself: gbx validates in bytes, this is longer than any limit. */
const LONG_SOURCE = 'x'.repeat(33);

const TABLE = 'growthbook.experiment_exposures';
const RULES: Readonly<Record<string, string>> = {
  'a trigger raises': `CREATE FUNCTION growthbook.known() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF NEW.ds_user_id = 'nobody' THEN RAISE 'who is %', NEW.ds_user_id; END IF; RETURN NEW; END $$;
    CREATE TRIGGER known BEFORE INSERT ON ${TABLE} FOR EACH ROW EXECUTE FUNCTION growthbook.known()`,
  'a deferred constraint refuses': `CREATE TABLE growthbook.users (id varchar(128) PRIMARY KEY);
    INSERT INTO growthbook.users VALUES ('user-0'), ('user-1'), ('user-2');
    ALTER TABLE ${TABLE} ADD FOREIGN KEY (ds_user_id) REFERENCES growthbook.users DEFERRABLE INITIALLY DEFERRED`,
  'another unique constraint refuses': `ALTER TABLE ${TABLE} ADD UNIQUE (ds_user_id, experiment_id)`,
};

describe.each(['postgres', 'redshift'] as const)('tryRows() of the %s dialect', (dialect) => {
  let database: TestDatabase;
  let connection: WarehouseConnection;
  let warehouse: Warehouse & AsyncDisposable;
  const log = collectingLog();

  beforeAll(async () => {
    database = await openDatabase();
    await database.query(`ALTER TABLE growthbook.experiment_exposures ADD CHECK (variation_id <> 'poison')`);
    connection = { ...database.connection, dialect, log };
    warehouse = openWarehouse(connection);
  });
  afterAll(async () => {
    await warehouse[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  async function countRows(): Promise<number> {
    const [row] = await database.query<{ count: number }>('SELECT count(*)::int AS count FROM growthbook.experiment_exposures');
    return row?.count ?? -1;
  }

  const connects = (): number => log.lines.filter(({ event }) => event === 'warehouse.connected').length;
  const tried = (...rows: Parameters<Warehouse['tryRows']>[0]): Promise<unknown> =>
    warehouse.tryRows(rows).then(
      () => 'taken',
      (error: unknown) => error,
    );

  it('says GBX_ROW_REFUSED without the value where a constraint refuses one row of several', async () => {
    const error = await tried(exposure(), exposure({ variationId: 'poison', dsUserId: 'somebody' }), exposure());
    expect(error).toMatchObject({ code: 'GBX_ROW_REFUSED', failure: 'row' });
    expect(String(error)).not.toMatch(/poison|somebody/);
  });

  it('says GBX_ROW_REFUSED where the stage refuses a value, in the first of many rows as in the last', async () => {
    const many = Array.from({ length: 20_000 }, () => exposure());
    const bad = exposure({ source: LONG_SOURCE });
    for (const rows of [[bad, ...many], [...many, bad], [bad]]) {
      expect(await tried(...rows)).toMatchObject({ code: 'GBX_ROW_REFUSED', failure: 'row' });
    }
    expect(await tried(...many)).toBe('taken');
  });

  it('writes nothing, leaves the ledger alone and the stage empty, and the next flush writes its own rows only', async () => {
    const claimed = await claim(warehouse);
    const before = await countRows();
    expect(await tried(exposure(), exposure())).toBe('taken');
    expect(await tried(exposure({ variationId: 'poison' }), exposure())).toMatchObject({ code: 'GBX_ROW_REFUSED' });
    expect(await tried(exposure(), exposure({ source: LONG_SOURCE }))).toMatchObject({ code: 'GBX_ROW_REFUSED' });
    expect(await tried()).toBe('taken');
    expect(await countRows()).toBe(before);
    expect(await warehouse.readLedger(claimed.scope)).toMatchObject([{ nextOffset: 0n, epoch: 1 }]);
    expect(await warehouse.flush(requestOf(claimed, [exposure()]))).toMatchObject({ kind: 'loaded', inserted: 1 });
    expect(await countRows()).toBe(before + 1);
  });

  it('takes rows that stand in the table already, and finds a row of another year', async () => {
    const claimed = await claim(warehouse);
    const [known, old] = [exposure(), exposure({ tsMicros: NOON_MS * 1000 - 400 * DAY_MICROS })];
    await warehouse.flush(requestOf(claimed, [known, old]));
    expect(await tried(known, old, exposure())).toBe('taken');
    const poison = exposure({ variationId: 'poison', tsMicros: NOON_MS * 1000 - 800 * DAY_MICROS });
    expect(await tried(known, old, poison)).toMatchObject({ code: 'GBX_ROW_REFUSED' });
  });

  it('names the rows that stand in the table, of any year, and neither writes nor keeps anything in the stage', async () => {
    const claimed = await claim(warehouse);
    const [known, old] = [exposure(), exposure({ tsMicros: NOON_MS * 1000 - 400 * DAY_MICROS })];
    await warehouse.flush(requestOf(claimed, [known, old]));
    const before = await countRows();
    const copy = { ...known, tsMicros: known.tsMicros + HOUR_MICROS };
    expect(await warehouse.findLoaded([copy, old, exposure()])).toEqual(new Set([known.exposureId, old.exposureId]));
    expect(await warehouse.findLoaded([exposure({ variationId: 'poison' })])).toEqual(new Set());
    expect(await warehouse.findLoaded([])).toEqual(new Set());
    await expect(warehouse.findLoaded([exposure({ source: LONG_SOURCE }), known])).rejects.toMatchObject({ code: 'GBX_ROW_REFUSED' });
    expect(await warehouse.flush(requestOf(claimed, [exposure()], { from: 10n }))).toMatchObject({ inserted: 1 });
    expect(await countRows()).toBe(before + 1);
  });

  it('says contention for an id that stands outside the horizon, then takes it', async () => {
    const far = exposure();
    await warehouse.flush(requestOf(await claim(warehouse), [far]));
    const again = { ...far, tsMicros: far.tsMicros + 3 * DAY_MICROS };
    expect(await tried(again)).toMatchObject({ code: 'GBX_WAREHOUSE_BUSY', failure: 'contention' });
    expect(await tried(again)).toBe('taken');
  });

  it.each([
    ['P0001', 'a trigger raises'],
    ['23503', 'a deferred constraint refuses'],
    ['23505', 'another unique constraint refuses'],
  ])('says GBX_ROW_REFUSED of one row of several where %s: %s', async (_, what) => {
    await using own = await openDatabase();
    await own.query(RULES[what] ?? '');
    await using other = openWarehouse({ ...own.connection, dialect, log: collectingLog() });
    const good = Array.from({ length: 3 }, (_row, index) => exposure({ dsUserId: `user-${index}` }));
    const claimed = await claim(other);
    await other.flush(requestOf(claimed, [good[0] ?? exposure()]));
    const bad = exposure({ dsUserId: what === 'another unique constraint refuses' ? 'user-0' : 'nobody' });
    const request = requestOf(claimed, [...good, bad], { from: 10n });
    const refusals: unknown[] = [];
    for (let attempt = 0; attempt < 2; attempt++) refusals.push(await other.flush(request).catch((error: GbxError) => error.failure));
    expect(refusals.at(-1)).toBe('row');
    await expect(other.tryRows([...good, bad])).rejects.toMatchObject({ code: 'GBX_ROW_REFUSED' });
    await expect(other.tryRows([bad])).rejects.toMatchObject({ code: 'GBX_ROW_REFUSED' });
    expect(await other.tryRows(good)).toBe(2);
    expect(await other.flush(requestOf(claimed, good, { from: 10n }))).toMatchObject({ kind: 'loaded', inserted: 2 });
  });

  it('does not wait for the lock of the ledger', async () => {
    await using other = openWarehouse({ ...connection, log: collectingLog() });
    const holder = await blockLedger(database);
    try {
      await other.tryRows([exposure()]);
    } finally {
      await holder.release();
    }
  });

  it('keeps its session through refusals of either kind', async () => {
    await warehouse.tryRows([exposure()]);
    const before = connects();
    for (let round = 0; round < 50; round++) {
      const bad = round % 2 === 0 ? { variationId: 'poison' } : { source: LONG_SOURCE };
      expect(await tried(exposure(), exposure(bad))).toMatchObject({ code: 'GBX_ROW_REFUSED' });
    }
    expect(connects()).toBe(before);
  });

  it('says transient when it is cut, and the next call heals', async () => {
    const { onMessage } = onStatement({ sql: /^(COPY|INSERT INTO) gbx_stage/ }, () => 'cut');
    await using proxy = await openPostgresProxy({ target: connection, onMessage });
    await using behind = openWarehouse({ ...connection, host: proxy.host, port: proxy.port });
    await expect(behind.tryRows([exposure()])).rejects.toMatchObject({ code: 'GBX_WAREHOUSE_UNREACHABLE', failure: 'transient' });
    await behind.tryRows([exposure()]);
  });
});

/** Another consumer's transaction that holds the ledger. */
async function blockLedger(database: TestDatabase): Promise<{ release(): Promise<void> }> {
  const { host, port, user, password, database: name } = database.connection;
  const client = new pg.Client({ host, port, user, password, database: name });
  await client.connect();
  await client.query('BEGIN; LOCK TABLE growthbook.gbx_ledger IN SHARE ROW EXCLUSIVE MODE');
  return { release: () => client.end() };
}
