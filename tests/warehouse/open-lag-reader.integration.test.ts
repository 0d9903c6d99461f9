// The contract of lag's reader, on a real PostgreSQL: the ledger as it stands, of all clusters; the newest rows that are not
// in the future, looked for no further back than needed.
import { describe, expect, test } from 'vitest';
import { openLagReader } from '../../src/warehouse/open-lag-reader.ts';
import { openDatabase, type TestDatabase } from '../support/stack.ts';

const NOW_MS = Date.UTC(2026, 0, 15, 12);

async function addRow(database: TestDatabase, ageMs: number, delayMs: number | null): Promise<void> {
  const at = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
  const createdAt = delayMs === null ? null : at(NOW_MS - ageMs + delayMs);
  await database.query(
    `INSERT INTO growthbook.experiment_exposures (exposure_id, ds_user_id, experiment_id, variation_id, ts, created_at)
     VALUES ($1, 'u', 'e', '0', $2, $3)`,
    [`id-${ageMs}`, at(NOW_MS - ageMs), createdAt],
  );
}

async function addLedger(database: TestDatabase, topic: string, partition: number, nextOffset: string): Promise<void> {
  await database.query(
    `INSERT INTO growthbook.gbx_ledger (cluster_id, consumer_group, topic, partition_id, next_offset, epoch, owner, host, updated_at)
     VALUES ('c', 'g', $1, $2, $3, 1, 'o', 'h', '2026-01-15 11:59:58.5')`,
    [topic, partition, nextOffset],
  );
}

describe('openLagReader()', () => {
  test('fails as GBX_WAREHOUSE_SCHEMA where the ledger is missing', async () => {
    await using empty = await openDatabase({ migrated: false });
    await using reader = openLagReader(empty.connection);
    await expect(reader.readLedger({ group: 'g', topics: ['t'] })).rejects.toMatchObject({ code: 'GBX_WAREHOUSE_SCHEMA' });
  });

  test('reads the ledger of the group and the topics that are asked for', async () => {
    await using database = await openDatabase();
    await addLedger(database, 't', 0, '9007199254740993');
    await addLedger(database, 't.retry', 1, '5');
    await addLedger(database, 'another', 0, '1');
    await using reader = openLagReader(database.connection);
    const rows = await reader.readLedger({ group: 'g', topics: ['t', 't.retry'] });
    expect(rows).toHaveLength(2);
    expect(rows.find(({ topic }) => topic === 't')).toEqual({
      clusterId: 'c',
      topic: 't',
      partition: 0,
      nextOffset: 9_007_199_254_740_993n,
      updatedAtMs: NOW_MS - 1_500,
    });
    expect(await reader.readLedger({ group: 'another', topics: ['t'] })).toEqual([]);
  });

  test('tells freshness and load delay of the newest rows, not of the future, and looks back 30 days at most', async () => {
    await using database = await openDatabase();
    await using reader = openLagReader(database.connection);
    await addRow(database, 31 * 86_400_000, 1);
    expect(await reader.readFreshness(NOW_MS)).toEqual({ newestTsMs: undefined, loadDelayMs: undefined });
    await addRow(database, 3 * 86_400_000, null);
    expect(await reader.readFreshness(NOW_MS)).toEqual({ newestTsMs: NOW_MS - 3 * 86_400_000, loadDelayMs: undefined });
    for (const [ageMs, delayMs] of [
      [-60_000, 5],
      [12_000, 1_000],
      [13_000, 3_000],
      [14_000, 2_000],
    ] as const)
      await addRow(database, ageMs, delayMs);
    expect(await reader.readFreshness(NOW_MS)).toEqual({ newestTsMs: NOW_MS - 12_000, loadDelayMs: { p50: 2_000, p95: 3_000, rows: 3 } });
  });
});
