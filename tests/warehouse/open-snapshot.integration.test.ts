// The contract of the snapshot that verify reads: the table as it stood at one moment, however long it is read and whoever
// writes meanwhile; every row of a window once, doubled ones twice; what the reader throws ends the reading; a writer waits
// for none of it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StoredExposure } from '../../src/core/exposure/stored.ts';
import { openSnapshot, type Snapshot } from '../../src/warehouse/open-snapshot.ts';
import { openWarehouse } from '../../src/warehouse/open-warehouse.ts';
import { onStatement, openPostgresProxy } from '../support/postgres-proxy.ts';
import { openDatabase, type TestDatabase } from '../support/stack.ts';
import { claim, exposure, HOUR_MICROS, NOON_MS, requestOf } from './flush-fixtures.ts';

const NOON = NOON_MS * 1000;
let database: TestDatabase;

beforeAll(async () => {
  database = await openDatabase({ primaryKey: false });
});
afterAll(() => database[Symbol.asyncDispose]());

async function rowsOf(snapshot: Snapshot, fromMicros?: number, toMicros?: number): Promise<StoredExposure[]> {
  const rows: StoredExposure[] = [];
  await snapshot.streamRows({ fromMicros, toMicros }, (row) => rows.push(row));
  return rows;
}

describe('openSnapshot()', () => {
  it('fails by class where there is no table and where there is no server', async () => {
    await using empty = await openDatabase({ migrated: false });
    await expect(openSnapshot(empty.connection)).rejects.toMatchObject({ code: 'GBX_WAREHOUSE_SCHEMA' });
    await expect(openSnapshot({ ...database.connection, port: 1 })).rejects.toMatchObject({ code: 'GBX_WAREHOUSE_UNREACHABLE' });
  });

  it('throws what the reader throws, once the statement is through, and reads on', async () => {
    await using own = await openDatabase();
    await using warehouse = openWarehouse(own.connection);
    await warehouse.flush(requestOf(await claim(warehouse), [exposure(), exposure()]));
    await using snapshot = await openSnapshot(own.connection);
    const failed = snapshot.streamRows({ fromMicros: undefined, toMicros: undefined }, () => {
      throw new Error('enough');
    });
    await expect(failed).rejects.toThrow('enough');
    expect(await rowsOf(snapshot)).toHaveLength(2);
  });

  it('fails as transient when the server goes in the midst of the rows', async () => {
    const { onMessage } = onStatement({ sql: /^SELECT exposure_id/ }, () => 'cut');
    await using proxy = await openPostgresProxy({ target: database.connection, onMessage });
    await using snapshot = await openSnapshot({ ...database.connection, host: proxy.host, port: proxy.port });
    await expect(rowsOf(snapshot)).rejects.toMatchObject({ code: 'GBX_WAREHOUSE_UNREACHABLE', failure: 'transient' });
  });

  it('gives rows to the microsecond, in windows that meet, the doubled twice, wherever they lie by id', async () => {
    await using own = await openDatabase({ primaryKey: false });
    await using warehouse = openWarehouse(own.connection);
    const rows = [0, 1, 2].map((hours) => exposure({ tsMicros: NOON + hours * HOUR_MICROS + 1, dsUserId: 'tab\t 😀' }));
    await warehouse.flush(requestOf(await claim(warehouse), rows, { createdAtMs: NOON_MS + 7 }));
    await own.query('INSERT INTO growthbook.experiment_exposures SELECT * FROM growthbook.experiment_exposures WHERE ts < $1', [
      new Date(NOON_MS + 60_000).toISOString(),
    ]);
    await using snapshot = await openSnapshot(own.connection);
    const [first, second, third] = rows;
    const middle = NOON + HOUR_MICROS + 1;
    const before = await rowsOf(snapshot, undefined, middle);
    expect(before).toHaveLength(2);
    expect(before[0]).toEqual({ ...first, attributes: '{"country": "de"}', createdAtMicros: NOON + 7_000 });
    expect((await rowsOf(snapshot, middle)).map(({ exposureId }) => exposureId)).toEqual([second?.exposureId, third?.exposureId]);
    expect(await rowsOf(snapshot, NOON, NOON + 1)).toEqual([]);
    const ids = [first?.exposureId ?? '', third?.exposureId ?? '', 'nobody'];
    expect(await snapshot.rowsByIds(ids)).toHaveLength(3);
  });

  it('shows nothing of what is written meanwhile, and keeps no flush or claim waiting', async () => {
    await using warehouse = openWarehouse({ ...database.connection, lockTimeoutMs: 2_000 });
    const claimed = await claim(warehouse);
    await warehouse.flush(requestOf(claimed, [exposure()]));
    await using snapshot = await openSnapshot(database.connection);
    const before = await rowsOf(snapshot);
    await warehouse.flush(requestOf(claimed, [exposure()], { from: 10n }));
    await claim(warehouse, claimed.scope);
    expect(await rowsOf(snapshot)).toEqual(before);
    await using later = await openSnapshot(database.connection);
    expect(await rowsOf(later)).toHaveLength(before.length + 1);
  });
});
