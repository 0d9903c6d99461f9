// The ledger and the newest rows of the table, for `gbx lag`. Reads only, on a session of its own, with short limits: what
// is asked again and again must cost the warehouse little.
import { formatSqlTimestamp, parseTimestamp } from '../core/exposure/timestamp.ts';
import type { LagWarehouse, LedgerPosition, TableFreshness } from '../core/lag/sample.ts';
import { quantile } from '../core/verify/quantile.ts';
import type { WarehouseConnection } from './connection.ts';
import type { Row } from './session.ts';
import { openSessionPool, type SessionPool } from './session-pool.ts';

const STATEMENT_TIMEOUT_MS_MAX = 10_000;
/** Rows that the load delay is taken from. */
const ROWS_MAX = 500;
const HOUR_MS = 3_600_000;
/** How far back newest rows are looked for, one step after the other: a table that is loaded costs the first only. */
const LOOK_BACK_MS = [HOUR_MS, 24 * HOUR_MS, 30 * 24 * HOUR_MS];

/** Nothing is connected before the first call. */
export function openLagReader(connection: WarehouseConnection): LagWarehouse & AsyncDisposable {
  const pool = openSessionPool(connection, {
    doing: 'read the ledger',
    sessionsMax: 2,
    statementTimeoutMs: Math.min(connection.statementTimeoutMs, STATEMENT_TIMEOUT_MS_MAX),
  });
  return {
    readLedger: ({ group, topics }) =>
      pool.withSession(async (session) => {
        const marks = topics.map((_, index) => `$${index + 2}`).join(', ');
        const text = `SELECT cluster_id, topic, partition_id, next_offset, updated_at FROM growthbook.gbx_ledger
          WHERE consumer_group = $1 AND topic IN (${marks})`;
        return (await session.query(text, { values: [group, ...topics] })).rows.map(parseLedgerRow);
      }),
    readFreshness: (nowMs) => readFreshness(pool, nowMs),
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}

function parseLedgerRow(row: Row): LedgerPosition {
  return {
    clusterId: row['cluster_id'] ?? '',
    topic: row['topic'] ?? '',
    partition: Number(row['partition_id']),
    nextOffset: BigInt(row['next_offset'] ?? 0),
    updatedAtMs: parseMs(row['updated_at']),
  };
}

/** Reads two columns of the newest rows only; the bounds on `ts` let Redshift skip the blocks of other days. */
async function readFreshness(pool: SessionPool, nowMs: number): Promise<TableFreshness> {
  const text = `SELECT ts, created_at FROM growthbook.experiment_exposures
    WHERE ts > $1::timestamp AND ts <= $2::timestamp ORDER BY ts DESC LIMIT ${ROWS_MAX}`;
  for (const lookBackMs of LOOK_BACK_MS) {
    const values = [formatSqlTimestamp((nowMs - lookBackMs) * 1000), formatSqlTimestamp(nowMs * 1000)];
    const { rows } = await pool.withSession((session) => session.query(text, { values, doing: 'read the newest rows of the table' }));
    if (rows.length > 0) return toFreshness(rows);
  }
  return { newestTsMs: undefined, loadDelayMs: undefined };
}

function toFreshness(rows: readonly Row[]): TableFreshness {
  const delays = rows.flatMap((row) => (row['created_at'] == null ? [] : [parseMs(row['created_at']) - parseMs(row['ts'])]));
  const [p50, p95] = [quantile(delays, 0.5), quantile(delays, 0.95)];
  return {
    newestTsMs: parseMs(rows[0]?.['ts']),
    loadDelayMs: p50 === undefined || p95 === undefined ? undefined : { p50: Math.max(p50, 0), p95: Math.max(p95, 0), rows: delays.length },
  };
}

function parseMs(text: string | null | undefined): number {
  const micros = parseTimestamp(text ?? '');
  if (micros === undefined) throw new RangeError('the warehouse gave a time that is none');
  return micros / 1000;
}
