// The contract of a flush, on a real PostgreSQL, for both dialects, at each isolation level, with and without the key that
// Redshift does not enforce: rows and ledger move together or not at all; an id lands once, whoever sends it and however
// often; the loser of a claim writes nothing; a COMMIT without an answer is told apart from one that failed.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FlushRequest, Warehouse } from '../../src/core/load/ports.ts';
import type { WarehouseConnection } from '../../src/warehouse/connection.ts';
import { openWarehouse } from '../../src/warehouse/open-warehouse.ts';
import { onStatement, openPostgresProxy } from '../support/postgres-proxy.ts';
import { openDatabase, type TestDatabase } from '../support/stack.ts';
import { claim, exposure, HOUR_MICROS, NOON_MS, newScope, requestOf } from './flush-fixtures.ts';

const COMBINATIONS = (['postgres', 'redshift'] as const).flatMap((dialect) =>
  (['read committed', 'repeatable read', 'serializable'] as const).flatMap((isolation) =>
    [true, false].map((primaryKey) => ({ dialect, isolation, primaryKey })),
  ),
);

describe.each(COMBINATIONS)(
  'flush() of the $dialect dialect at $isolation, key enforced: $primaryKey',
  ({ dialect, isolation, primaryKey }) => {
    let database: TestDatabase;
    let connection: WarehouseConnection;
    let warehouse: Warehouse & AsyncDisposable;

    beforeAll(async () => {
      database = await openDatabase({ isolation, primaryKey });
      connection = { ...database.connection, dialect };
      warehouse = openWarehouse(connection);
    });
    afterAll(async () => {
      await warehouse[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    });

    /** How often each of these ids stands in the table. */
    async function countOf(...ids: readonly string[]): Promise<number[]> {
      const text = 'SELECT exposure_id, count(*)::int AS count FROM growthbook.experiment_exposures WHERE exposure_id = ANY($1) GROUP BY 1';
      const rows = await database.query<{ exposure_id: string; count: number }>(text, [ids]);
      return ids.map((id) => rows.find((row) => row.exposure_id === id)?.count ?? 0);
    }

    async function insertByHand(...rows: readonly ReturnType<typeof exposure>[]): Promise<void> {
      for (const { exposureId, dsUserId, experimentId, variationId, tsMicros } of rows) {
        await database.query(
          `INSERT INTO growthbook.experiment_exposures (exposure_id, ds_user_id, experiment_id, variation_id, ts)
         VALUES ($1, $2, $3, $4, TIMESTAMP 'epoch' + $5::bigint * interval '1 microsecond')`,
          [exposureId, dsUserId, experimentId, variationId, tsMicros],
        );
      }
    }

    it('writes nothing and is fenced when another claim took the partition', async () => {
      const zombie = await claim(warehouse);
      const heir = await claim(warehouse, zombie.scope);
      const row = exposure();
      const outcome = await warehouse.flush(requestOf(zombie, [row]));
      expect(outcome).toMatchObject({ kind: 'fenced', holders: [{ partition: 0, owner: heir.owner, epoch: 2, nextOffset: 0n }] });
      expect(await countOf(row.exposureId)).toEqual([0]);
    });

    it('writes nothing when one of two partitions was taken', async () => {
      const both = await claim(warehouse, newScope(), [0, 1]);
      await claim(warehouse, both.scope, [1]);
      const row = exposure();
      const request = requestOf(both, [row]);
      const outcome = await warehouse.flush({ ...request, steps: [...request.steps, ...requestOf(both, [row], { partition: 1 }).steps] });
      expect(outcome).toMatchObject({ kind: 'fenced', holders: [{ partition: 1 }] });
      expect(await countOf(row.exposureId)).toEqual([0]);
      expect((await warehouse.readLedger(both.scope)).map(({ nextOffset }) => nextOffset)).toEqual([0n, 0n]);
    });

    it('says already-loaded to the same request again, and inserts nothing', async () => {
      const request = requestOf(await claim(warehouse), [exposure(), exposure()]);
      expect(await warehouse.flush(request)).toMatchObject({ kind: 'loaded', inserted: 2 });
      expect(await warehouse.flush(request)).toEqual({ kind: 'already-loaded' });
      expect(await countOf(...request.rows.map(({ exposureId }) => exposureId))).toEqual([1, 1]);
    });

    it('throws GBX_WAREHOUSE_UNSURE when the answer to COMMIT is lost, and the request again says already-loaded', async () => {
      const { onMessage } = onStatement({ sql: /^COMMIT$/, nth: 2 }, () => 'lose-answer');
      const { unsure, again, count } = await losingCommit(onMessage);
      expect(unsure).toMatchObject({ code: 'GBX_WAREHOUSE_UNSURE', failure: 'ambiguous' });
      expect(again).toEqual({ kind: 'already-loaded' });
      expect(count).toEqual([1]);
    });

    it.each(['lose-answer', 'cut'] as const)(
      'lands rows once when the ledger stays where it is and COMMIT meets with: %s',
      async (fate) => {
        const { onMessage } = onStatement({ sql: /^COMMIT$/, nth: 2 }, () => fate);
        const { unsure, again, count } = await losingCommit(onMessage, { to: 0n });
        expect(unsure).toMatchObject({ code: 'GBX_WAREHOUSE_UNSURE' });
        expect(again).toMatchObject({ kind: 'loaded', inserted: fate === 'cut' ? 1 : 0 });
        expect(count).toEqual([1]);
      },
    );

    it('throws GBX_WAREHOUSE_UNSURE when the connection is cut before COMMIT arrives, and the request again loads', async () => {
      const { onMessage } = onStatement({ sql: /^COMMIT$/, nth: 2 }, () => 'cut');
      const { unsure, again, count } = await losingCommit(onMessage);
      expect(unsure).toMatchObject({ code: 'GBX_WAREHOUSE_UNSURE' });
      expect(again).toMatchObject({ kind: 'loaded', inserted: 1 });
      expect(count).toEqual([1]);
    });

    /** On PostgreSQL a stage commits along with its ANALYZE: the first plain COMMIT is that of the claim, the second the flush. */
    async function losingCommit(onMessage: Parameters<typeof openPostgresProxy>[0]['onMessage'], step: { readonly to?: bigint } = {}) {
      await using proxy = await openPostgresProxy({ target: connection, onMessage });
      await using behind = openWarehouse({ ...connection, host: proxy.host, port: proxy.port });
      const request = requestOf(await claim(behind), [exposure()], step);
      const unsure = await behind.flush(request).catch((error: unknown) => error);
      const again = await behind.flush(request);
      return { unsure, again, count: await countOf(...request.rows.map(({ exposureId }) => exposureId)) };
    }

    it('throws a transient error when it is cut while staging, and the request again loads', async () => {
      const { onMessage } = onStatement({ sql: /^(COPY|INSERT INTO) gbx_stage/ }, () => 'cut');
      await using proxy = await openPostgresProxy({ target: connection, onMessage });
      await using behind = openWarehouse({ ...connection, host: proxy.host, port: proxy.port });
      const request = requestOf(await claim(behind), [exposure()]);
      await expect(behind.flush(request)).rejects.toMatchObject({ code: 'GBX_WAREHOUSE_UNREACHABLE', failure: 'transient' });
      expect(await behind.flush(request)).toMatchObject({ kind: 'loaded', inserted: 1 });
    });

    it('lands an id once when two partitions flush it at the same moment', async () => {
      await using other = openWarehouse(connection);
      for (let round = 0; round < 5; round++) {
        const row = exposure();
        const [one, two] = [await claim(warehouse), await claim(other)];
        await Promise.all([flushUntilDone(warehouse, requestOf(one, [row])), flushUntilDone(other, requestOf(two, [row]))]);
        expect(await countOf(row.exposureId)).toEqual([1]);
      }
    });

    it('lands each row once when two flush the same batch under one scope, and one of them is fenced', async () => {
      await using other = openWarehouse(connection);
      const rows = Array.from({ length: 50 }, () => exposure());
      const zombie = await claim(warehouse);
      const heir = await claim(other, zombie.scope);
      const outcomes = await Promise.all([
        flushUntilDone(warehouse, requestOf(zombie, rows)),
        flushUntilDone(other, requestOf(heir, rows)),
      ]);
      expect(outcomes.map(({ kind }) => kind)).toEqual(['fenced', 'loaded']);
      expect(await countOf(...rows.map(({ exposureId }) => exposureId))).toEqual(rows.map(() => 1));
    });

    it('leaves out what stands in the table within a day of it, and counts the rest', async () => {
      const [known, fresh] = [exposure(), exposure()];
      const nearly = { ...known, tsMicros: known.tsMicros + 24 * HOUR_MICROS };
      await insertByHand(known);
      const outcome = await warehouse.flush(requestOf(await claim(warehouse), [nearly, fresh]));
      expect(outcome).toMatchObject({ kind: 'loaded', inserted: 1 });
      expect(await countOf(known.exposureId, fresh.exposureId)).toEqual([1, 1]);
    });

    it.each([-24, 24])('compares a batch with rows that lie %i hours from it', async (hours) => {
      const known = exposure();
      await insertByHand(known);
      const nearly = { ...known, tsMicros: known.tsMicros + hours * HOUR_MICROS };
      expect(await warehouse.flush(requestOf(await claim(warehouse), [nearly]))).toMatchObject({ kind: 'loaded', inserted: 0 });
    });

    it('finds an id that stands there for another user, and writes nothing until it is left out', async () => {
      const known = exposure();
      await insertByHand(known);
      const [reused, fresh] = [{ ...known, dsUserId: 'user-2' }, exposure()];
      const claimed = await claim(warehouse);
      expect(await warehouse.flush(requestOf(claimed, [reused, fresh]))).toEqual({ kind: 'id-reused', exposureIds: [known.exposureId] });
      expect(await countOf(known.exposureId, fresh.exposureId)).toEqual([1, 0]);
      expect(await warehouse.flush(requestOf(claimed, [fresh]))).toMatchObject({ kind: 'loaded', inserted: 1 });
      expect(await countOf(known.exposureId, fresh.exposureId)).toEqual([1, 1]);
    });

    it('takes an id whose own row stands there for known, whatever else stands under it', async () => {
      if (primaryKey) return;
      const known = exposure();
      await insertByHand(known, { ...known, variationId: '2' });
      expect(await warehouse.flush(requestOf(await claim(warehouse), [known]))).toMatchObject({ kind: 'loaded', inserted: 0 });
    });

    it('meets an id far outside the horizon as the table lets it: refused once and then known where the key is enforced', async () => {
      const known = exposure();
      await insertByHand(known);
      const later = { ...known, tsMicros: known.tsMicros + 48 * HOUR_MICROS };
      const request = requestOf(await claim(warehouse), [later, exposure()]);
      if (!primaryKey) {
        expect(await warehouse.flush(request)).toMatchObject({ kind: 'loaded', inserted: 2 });
        return;
      }
      await expect(warehouse.flush(request)).rejects.toMatchObject({ code: 'GBX_WAREHOUSE_BUSY', failure: 'contention' });
      expect(await warehouse.flush(request)).toMatchObject({ kind: 'loaded', inserted: 1 });
    });

    it('moves the ledger alone when the batch is empty', async () => {
      const claimed = await claim(warehouse);
      expect(await warehouse.flush(requestOf(claimed, [], { windows: [] }))).toMatchObject({ kind: 'loaded', inserted: 0 });
      expect(await warehouse.readLedger(claimed.scope)).toMatchObject([
        { partition: 0, nextOffset: 10n, owner: claimed.owner, lastRecord: { timestampMs: NOON_MS, hash: 'abcdef0123456789' } },
      ]);
    });

    it('compares each row with the days around it when the windows of a batch lie apart', async () => {
      const [old, recent] = [exposure({ tsMicros: Date.UTC(2025, 8, 1) * 1000 }), exposure()];
      await insertByHand(old);
      const windows = [old, recent].map(({ tsMicros }) => ({ fromMicros: tsMicros, toMicros: tsMicros }));
      const outcome = await warehouse.flush(requestOf(await claim(warehouse), [old, recent], { windows }));
      expect(outcome).toMatchObject({ kind: 'loaded', inserted: 1 });
      expect(await countOf(old.exposureId, recent.exposureId)).toEqual([1, 1]);
    });

    it('stores every byte of what is hard to store', async () => {
      const hard = exposure({
        dsUserId: '😀'.repeat(32),
        experimentId: 'tab\there, line\nthere, \\N, \\t, "quoted", \'quoted\', \r',
        variationId: '\\.',
        tsMicros: NOON_MS * 1000 + 123_456,
        attributes: `{"text":"${'ä'.repeat(32_762)}"}`,
        source: '$1',
      });
      expect(Buffer.byteLength(hard.attributes)).toBe(65_535);
      await warehouse.flush(requestOf(await claim(warehouse), [hard], { createdAtMs: NOON_MS + 1 }));
      const [row] = await database.query(
        `SELECT ds_user_id, experiment_id, variation_id, ts::text, attributes->>'text' AS text, source, created_at::text
       FROM growthbook.experiment_exposures WHERE exposure_id = $1`,
        [hard.exposureId],
      );
      expect(row).toEqual({
        ds_user_id: hard.dsUserId,
        experiment_id: hard.experimentId,
        variation_id: hard.variationId,
        ts: '2026-01-15 12:00:00.123456',
        text: 'ä'.repeat(32_762),
        source: '$1',
        created_at: '2026-01-15 12:00:00.001',
      });
    });

    it('refuses a value that is too long without writing it into the error, and nothing of the batch lands', async () => {
      const fine = exposure();
      const claimed = await claim(warehouse);
      const request = requestOf(claimed, [fine, exposure({ variationId: 'secret'.repeat(20) })]);
      const error = await warehouse.flush(request).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'GBX_ROW_REFUSED', failure: 'row' });
      expect(String(error)).not.toContain('secretsecret');
      expect(await countOf(fine.exposureId)).toEqual([0]);
      expect(await warehouse.flush({ ...request, rows: [fine] })).toMatchObject({ kind: 'loaded', inserted: 1 });
    });

    it('stops when a partition stands in the ledger twice', async () => {
      const claimed = await claim(warehouse);
      await database.query('INSERT INTO growthbook.gbx_ledger SELECT * FROM growthbook.gbx_ledger WHERE topic = $1', [claimed.scope.topic]);
      const row = exposure();
      await expect(warehouse.flush(requestOf(claimed, [row]))).rejects.toMatchObject({ code: 'GBX_LEDGER_BROKEN', failure: 'fatal' });
      await expect(claim(warehouse, claimed.scope)).rejects.toMatchObject({ code: 'GBX_LEDGER_BROKEN' });
      await expect(warehouse.readLedger(claimed.scope)).rejects.toMatchObject({ code: 'GBX_LEDGER_BROKEN' });
      expect(await countOf(row.exposureId)).toEqual([0]);
    });

    it('takes no time in proportion to the product of batch and table, however little the planner knows of the table', async () => {
      if (isolation !== 'read committed') return;
      await using quick = openWarehouse({ ...connection, statementTimeoutMs: 3_000 });
      await database.query('ALTER TABLE growthbook.experiment_exposures SET (autovacuum_enabled = false)');
      const claimed = await claim(quick);
      for (const from of [0n, 10n, 20n]) {
        const rows = Array.from({ length: from === 20n ? 100 : 10_000 }, (_, at) => exposure({ tsMicros: NOON_MS * 1000 + at }));
        expect(await quick.flush(requestOf(claimed, rows, { from }))).toMatchObject({ kind: 'loaded', inserted: rows.length });
      }
    });

    it('loads 5,000 rows in one flush, each once', async () => {
      const prefix = randomUUID();
      const rows = Array.from({ length: 5_000 }, (_, at) => exposure({ exposureId: `${prefix}-${at}`, tsMicros: NOON_MS * 1000 + at }));
      expect(await warehouse.flush(requestOf(await claim(warehouse), rows))).toMatchObject({ kind: 'loaded', inserted: 5_000 });
      const [row] = await database.query('SELECT count(*)::int AS count FROM growthbook.experiment_exposures WHERE exposure_id LIKE $1', [
        `${prefix}%`,
      ]);
      expect(row).toEqual({ count: 5_000 });
    });
  },
);

/** As the loop does it: contention is tried again. */
async function flushUntilDone(warehouse: Warehouse, request: FlushRequest) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await warehouse.flush(request);
    } catch (error) {
      const isContention = error instanceof Error && 'failure' in error && error.failure === 'contention';
      if (!isContention || attempt === 9) throw error;
    }
  }
}
