// The contract of reading back, on a real PostgreSQL: newest first, within the limits, to the microsecond and in UTC, as
// JSON text, rows of other loaders included; a lost session costs one error at most.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openReader, type Reader } from '../../src/warehouse/open-reader.ts';
import { openWarehouse } from '../../src/warehouse/open-warehouse.ts';
import { eventually, openDatabase, type TestDatabase } from '../support/stack.ts';
import { claim, exposure, HOUR_MICROS, NOON_MS, newScope, requestOf } from './flush-fixtures.ts';

const NOON = NOON_MS * 1000;
const ALL = { sinceMicros: 0, rowsMax: 100 };

describe('openReader()', () => {
  let database: TestDatabase;
  let reader: Reader;

  beforeAll(async () => {
    database = await openDatabase({ primaryKey: false });
    reader = openReader({ ...database.connection, applicationName: 'gbx-reader' });
  });
  afterAll(async () => {
    await reader[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  it('fails as GBX_WAREHOUSE_SCHEMA where the table is missing', async () => {
    await using empty = await openDatabase({ migrated: false });
    await using other = openReader(empty.connection);
    await expect(other.byUser('u', ALL)).rejects.toMatchObject({ code: 'GBX_WAREHOUSE_SCHEMA' });
  });

  it('goes on after the server ended its sessions', async () => {
    await reader.ping();
    await database.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gbx-reader'`);
    await eventually('a ping that is answered', () => reader.ping().then(() => true));
  });

  it('gives back what was loaded, to the microsecond', async () => {
    const row = exposure({ dsUserId: 'exact 😀', tsMicros: NOON + 123_456, attributes: '{"a": [1, {"b": null}]}' });
    await using warehouse = openWarehouse(database.connection);
    await warehouse.flush(requestOf(await claim(warehouse), [row], { createdAtMs: NOON_MS + 7 }));
    expect(await reader.byUser('exact 😀', ALL)).toEqual([{ ...row, createdAtMicros: NOON + 7_000 }]);
    expect(await reader.byIds([row.exposureId, 'another'], ALL)).toHaveLength(1);
  });

  it('gives the newest rows of a user or experiment, within the limits', async () => {
    const rows = [0, 1, 2, 3].map((hours) => exposure({ dsUserId: 'many', experimentId: 'many', tsMicros: NOON + hours * HOUR_MICROS }));
    await using warehouse = openWarehouse(database.connection);
    await warehouse.flush(requestOf(await claim(warehouse), rows));
    const newest = [rows[3], rows[2]].map((row) => row?.exposureId);
    const limits = { sinceMicros: NOON + HOUR_MICROS, rowsMax: 2 };
    expect((await reader.byUser('many', limits)).map(({ exposureId }) => exposureId)).toEqual(newest);
    expect((await reader.byExperiment('many', limits)).map(({ exposureId }) => exposureId)).toEqual(newest);
    expect(await reader.byUser('many', { sinceMicros: NOON + 2 * HOUR_MICROS, rowsMax: 9 })).toHaveLength(2);
    expect(await reader.byUser('nobody', ALL)).toEqual([]);
  });

  it('reads doubled ids twice, and rows of another loader that left columns empty', async () => {
    await database.query(
      `INSERT INTO growthbook.experiment_exposures (exposure_id, ds_user_id, experiment_id, variation_id, ts, attributes, source, created_at)
       VALUES ('twice', 'u', 'e', '1', '2026-01-15 12:00:00', NULL, NULL, NULL), ('twice', 'u', 'e', '1', '2026-01-15 12:00:00', NULL, NULL, NULL)`,
    );
    const found = await reader.byIds(['twice'], ALL);
    expect(found).toHaveLength(2);
    expect(found[0]).toMatchObject({ tsMicros: NOON, attributes: '{}', source: '', createdAtMicros: NOON });
  });

  it('finds each of more ids than fit into one statement', async () => {
    const ids = Array.from({ length: 12_000 }, (_, at) => `many-${at}`);
    await database.query(
      `INSERT INTO growthbook.experiment_exposures (exposure_id, ds_user_id, experiment_id, variation_id, ts)
       SELECT unnest($1::varchar[]), 'u', 'e', '1', '2026-01-15 12:00:00'`,
      [ids],
    );
    expect(await reader.byIds(ids, { sinceMicros: 0, rowsMax: 20_000 })).toHaveLength(12_000);
    expect(await reader.byIds(ids, { sinceMicros: 0, rowsMax: 10 })).toHaveLength(10);
  });

  it('finds an id whenever it happened, and candidates by user, experiment or both in a span of time', async () => {
    const old = exposure({ dsUserId: 'seeker', experimentId: 'old', tsMicros: NOON - 3_000 * 24 * HOUR_MICROS });
    const rows = [0, 1, 2].map((hours) =>
      exposure({ dsUserId: 'seeker', experimentId: hours === 1 ? 'one' : 'two', tsMicros: NOON + hours * HOUR_MICROS }),
    );
    await using warehouse = openWarehouse(database.connection);
    const windows = [old, ...rows].map(({ tsMicros }) => ({ fromMicros: tsMicros, toMicros: tsMicros }));
    await warehouse.flush(requestOf(await claim(warehouse), [old, ...rows], { windows }));
    const idsOf = (found: readonly { readonly exposureId: string }[]): string[] => found.map(({ exposureId }) => exposureId);
    expect(idsOf(await reader.byId(old.exposureId))).toEqual([old.exposureId]);
    expect(await reader.byId('nobody has it')).toEqual([]);
    const span = { fromMicros: NOON, toMicros: NOON + 2 * HOUR_MICROS, rowsMax: 10 };
    const [first, second] = rows.map(({ exposureId }) => exposureId);
    expect(idsOf(await reader.candidates({ ...span, dsUserId: 'seeker' }))).toEqual([second, first]);
    expect(idsOf(await reader.candidates({ ...span, dsUserId: 'seeker', experimentId: 'two' }))).toEqual([first]);
    expect(idsOf(await reader.candidates({ ...span, dsUserId: 'seeker', rowsMax: 1 }))).toEqual([second]);
  });

  it('reads the ledger without a claim, and whose rows it holds', async () => {
    await using own = await openDatabase();
    await using warehouse = openWarehouse(own.connection);
    await using ledgerReader = openReader(own.connection);
    expect(await ledgerReader.ledgerScopes()).toEqual([]);
    const { scope } = await claim(warehouse, newScope(), [0, 1]);
    expect(await ledgerReader.ledgerScopes()).toEqual([scope]);
    expect((await ledgerReader.readLedger(scope)).map(({ partition, nextOffset }) => [partition, nextOffset])).toEqual([
      [0, 0n],
      [1, 0n],
    ]);
    expect(await ledgerReader.readLedger({ ...scope, group: 'another' })).toEqual([]);
  });

  it('answers more callers than it has sessions', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => reader.byUser('nobody', ALL)));
    expect(answers).toHaveLength(20);
  });
});
