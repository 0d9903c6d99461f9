// growthbook.gbx_ledger: reading it, taking its write lock, and the compare-and-swap that decides whether a batch counts.
// Used by claim and flush, inside their transactions.
import { GbxError } from '../core/errors.ts';
import { formatSqlTimestamp } from '../core/exposure/timestamp.ts';
import type { FlushOutcome, FlushRequest, LedgerRow, LedgerScope } from '../core/load/ports.ts';
import type { Row, Session } from './session.ts';

const SCOPE = 'cluster_id = $1 AND consumer_group = $2 AND topic = $3';

/** The values of SCOPE. */
export function scopeValues({ clusterId, group, topic }: LedgerScope): [string, string, string] {
  return [clusterId, group, topic];
}

/**
 * Begins a transaction whose first statement takes the ledger's write lock, and its snapshot after the lock: a snapshot
 * taken before would not see what the former holder wrote. On Redshift the UPDATE that follows does this by itself;
 * PostgreSQL locks rows only, so it is told to, the Redshift dialect included.
 */
export async function beginLocked(session: Session): Promise<void> {
  const lock = session.server === 'postgres' ? '; LOCK TABLE growthbook.gbx_ledger IN SHARE ROW EXCLUSIVE MODE' : '';
  await session.run(`BEGIN${lock}`, { waitsForLock: true });
}

/** @throws {GbxError} GBX_LEDGER_BROKEN when a partition stands there twice */
export async function readLedger(session: Session, scope: LedgerScope): Promise<readonly LedgerRow[]> {
  const { rows } = await session.query(
    `SELECT partition_id, next_offset, epoch, owner, host, last_record_ms, last_record_hash FROM growthbook.gbx_ledger WHERE ${SCOPE} ORDER BY partition_id`,
    { values: scopeValues(scope) },
  );
  const ledger = rows.map(parseLedgerRow);
  assertOncePerPartition(ledger, scope);
  return ledger;
}

/** Whose rows the ledger holds, each once. */
export async function readScopes(session: Session): Promise<readonly LedgerScope[]> {
  const { rows } = await session.query('SELECT DISTINCT cluster_id, consumer_group, topic FROM growthbook.gbx_ledger ORDER BY 1, 2, 3');
  return rows.map((row) => ({ clusterId: row['cluster_id'] ?? '', group: row['consumer_group'] ?? '', topic: row['topic'] ?? '' }));
}

function assertOncePerPartition(ledger: readonly LedgerRow[], scope: LedgerScope): void {
  const seen = new Set<number>();
  for (const { partition } of ledger) {
    if (seen.has(partition)) throw brokenLedger(scope, partition);
    seen.add(partition);
  }
}

export function brokenLedger(scope: LedgerScope, partition?: number): GbxError {
  const what = partition === undefined ? 'a partition' : `partition ${partition}`;
  return new GbxError(
    'GBX_LEDGER_BROKEN',
    `${what} of ${scope.topic} (group ${scope.group}) stands in growthbook.gbx_ledger more than once`,
  );
}

function parseLedgerRow(row: Row): LedgerRow {
  const hash = row['last_record_hash'];
  return {
    partition: Number(row['partition_id']),
    nextOffset: BigInt(row['next_offset'] ?? 0),
    epoch: Number(row['epoch']),
    owner: row['owner'] ?? '',
    host: row['host'] ?? '',
    lastRecord: hash == null ? undefined : { timestampMs: Number(row['last_record_ms']), hash },
  };
}

/**
 * Moves every partition from its `from` to its `to`, if this owner and epoch still hold it: one statement for all.
 *
 * @returns how many rows moved; anything but the number of steps must be rolled back
 */
export async function compareAndSwap(session: Session, request: FlushRequest): Promise<number> {
  const values: (string | number | null)[] = [...scopeValues(request.scope), request.owner, formatSqlTimestamp(request.createdAtMs * 1000)];
  const columns = { next_offset: '', last_record_ms: '', last_record_hash: '' };
  const matches: string[] = [];
  for (const { partition, epoch, from, to, lastRecord } of request.steps) {
    const at = values.length;
    values.push(partition, epoch, String(from), String(to), lastRecord?.timestampMs ?? null, lastRecord?.hash ?? null);
    matches.push(`(partition_id = $${at + 1}::integer AND epoch = $${at + 2}::bigint AND next_offset = $${at + 3}::bigint)`);
    columns.next_offset += ` WHEN $${at + 1}::integer THEN $${at + 4}::bigint`;
    columns.last_record_ms += ` WHEN $${at + 1}::integer THEN $${at + 5}::bigint`;
    columns.last_record_hash += ` WHEN $${at + 1}::integer THEN $${at + 6}::varchar(16)`;
  }
  const assignments = Object.entries(columns).map(([column, cases]) => `${column} = CASE partition_id${cases} END`);
  const text = `UPDATE growthbook.gbx_ledger SET ${assignments.join(', ')}, updated_at = $5::timestamp
    WHERE ${SCOPE} AND owner = $4 AND (${matches.join(' OR ')})`;
  const { count } = await session.query(text, { values, waitsForLock: true });
  return count;
}

/**
 * Why a compare-and-swap did not match: every step at its `to` under this claim means that an earlier COMMIT of the same
 * batch went through; anything else means that the claim is lost. Steps that stay where they are (while a record of theirs
 * is held back) prove nothing: a batch of such steps matches again after any COMMIT of its own.
 */
export function explainMiss(ledger: readonly LedgerRow[], request: FlushRequest): FlushOutcome {
  const byPartition = new Map(ledger.map((row) => [row.partition, row]));
  const loaded = request.steps.every(({ partition, epoch, to }) => {
    const row = byPartition.get(partition);
    return row !== undefined && row.owner === request.owner && row.epoch === epoch && row.nextOffset === to;
  });
  if (loaded && request.steps.some(({ from, to }) => from !== to)) return { kind: 'already-loaded' };
  const partitions = new Set(request.steps.map(({ partition }) => partition));
  const asked = ledger.filter(({ partition }) => partitions.has(partition));
  const others = asked.filter(({ owner }) => owner !== request.owner);
  return { kind: 'fenced', holders: others.length > 0 ? others : asked };
}
