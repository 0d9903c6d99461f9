// Taking partitions over in the ledger, after each join of the group: from its COMMIT on, every flush of an earlier claim
// is fenced.
import { formatSqlTimestamp } from '../core/exposure/timestamp.ts';
import type { ClaimRequest, LedgerRow } from '../core/load/ports.ts';
import { beginLocked, brokenLedger, readLedger, scopeValues } from './ledger.ts';
import type { Session } from './session.ts';

interface ClaimDeps {
  readonly nowMs: number;
  /** Runs while the lock is waited for; what it returns is called when the wait is over. */
  readonly watchLock: () => () => void;
}

/**
 * All partitions in one transaction. When the answer is lost the caller claims again, under a new owner.
 * @throws {GbxError} by the classes of core/errors; GBX_LEDGER_BROKEN
 */
export async function claimPartitions(
  session: Session,
  request: ClaimRequest,
  { nowMs, watchLock }: ClaimDeps,
): Promise<readonly LedgerRow[]> {
  if (request.partitions.length === 0) return [];
  const stopWatch = watchLock();
  try {
    await beginLocked(session);
    // An UPDATE that finds no row may leave two first claims unaware of each other on Redshift: there the table is locked.
    if (session.server === 'redshift') await session.run('LOCK growthbook.gbx_ledger', { waitsForLock: true });
  } finally {
    stopWatch();
  }
  const updatedAt = formatSqlTimestamp(nowMs * 1000);
  const marks = request.partitions.map((_, index) => `$${index + 7}::integer`).join(', ');
  await session.query(
    `UPDATE growthbook.gbx_ledger SET epoch = epoch + 1, owner = $4, host = $5, updated_at = $6::timestamp
      WHERE cluster_id = $1 AND consumer_group = $2 AND topic = $3 AND partition_id IN (${marks})`,
    { values: [...scopeValues(request.scope), request.owner, request.host, updatedAt, ...request.partitions], waitsForLock: true },
  );
  const known = new Set((await readLedger(session, request.scope)).map(({ partition }) => partition));
  await insertMissing(session, request, { missing: request.partitions.filter((partition) => !known.has(partition)), updatedAt });
  const claimed = (await readLedger(session, request.scope)).filter(({ partition }) => request.partitions.includes(partition));
  if (claimed.length !== request.partitions.length || claimed.some(({ owner }) => owner !== request.owner))
    throw brokenLedger(request.scope);
  await session.run('COMMIT');
  return claimed;
}

interface Missing {
  readonly missing: readonly number[];
  readonly updatedAt: string;
}

async function insertMissing(
  session: Session,
  { scope, owner, host, startAt }: ClaimRequest,
  { missing, updatedAt }: Missing,
): Promise<void> {
  if (missing.length === 0) return;
  const values: (string | number)[] = [...scopeValues(scope), owner, host, updatedAt];
  const tuples = missing.map((partition) => {
    const start = startAt.get(partition);
    if (start === undefined) throw new RangeError(`claim of partition ${partition} without a place to start`);
    values.push(partition, String(start));
    return `($1::varchar(256), $2::varchar(256), $3::varchar(256), $${values.length - 1}::integer, $${values.length}::bigint, 1, $4::varchar(256), $5::varchar(256), $6::timestamp)`;
  });
  await session.query(
    `INSERT INTO growthbook.gbx_ledger (cluster_id, consumer_group, topic, partition_id, next_offset, epoch, owner, host, updated_at) VALUES ${tuples.join(', ')}`,
    { values },
  );
}
