// Taking partitions over (docs/delivery.md): where each one goes on, and whether the topic is still the one the ledger knows.
// The loop calls it after every join of the group, after a gap in the log and after being fenced.

import type { Clock } from '../clock.ts';
import { asGbxError, GbxError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Circuit } from './circuit.ts';
import type { LastRecord, LedgerRow, LedgerScope, PartitionOffsets, Source, Warehouse } from './ports.ts';

/** A partition that this process may load, and where its reading stands. */
export interface HeldPartition {
  readonly partition: number;
  readonly epoch: number;
  /** Where the ledger stands, or will once the batches under way are loaded. */
  ledgerOffset: bigint;
  /** The `fetchOffset` of the next records; anything beyond it is a gap. */
  expectedOffset: bigint;
  /** The end of the log as last seen; for the lag. */
  endOffset: bigint;
  /** Up to where records were taken into batches or held back, and the mark of the last one. */
  takenTo: bigint;
  takenMark: LastRecord | undefined;
  /** Up to where everything is in a batch that was sent on its way. */
  coveredTo: bigint;
  /** Compared with the record before `ledgerOffset` when that one is read again; then undefined. */
  lastRecord: LastRecord | undefined;
}

export interface ClaimDeps {
  readonly source: Source;
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  readonly circuit: Circuit;
  readonly newOwner: () => string;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** `partition/offset` of log starts whose expired records were told of: until the ledger passes them each claim sees them. */
  readonly expiredTold: Set<string>;
}

export interface ClaimOptions {
  readonly host: string;
  readonly startFrom: 'earliest' | 'latest';
}

export type ClaimResult =
  | { readonly kind: 'claimed'; readonly owner: string; readonly held: readonly HeldPartition[] }
  /** The group changed meanwhile: claim these instead. */
  | { readonly kind: 'rejoined'; readonly partitions: readonly number[] }
  | { readonly kind: 'aborted' };

/** A log end below the ledger may be a broker that catches up; after this long it is another topic. */
const SHORT_LOG_MS = 60_000;
const SHORT_LOG_POLL_MS = 1_000;

/**
 * Claims until it succeeds: outages of Kafka or the warehouse are waited for.
 *
 * @throws {GbxError} GBX_COMMITTED_AHEAD, GBX_TOPIC_CHANGED, and what the circuit calls final.
 */
export async function claimPartitions(
  deps: ClaimDeps,
  partitions: readonly number[],
  options: ClaimOptions & { readonly signal: AbortSignal /** Before each attempt. */; readonly onAttempt?: () => void },
): Promise<ClaimResult> {
  let shortSinceMs: number | undefined;
  while (!options.signal.aborted) {
    options.onAttempt?.();
    const attempt = await tryClaim(deps, partitions, options).catch(asGbxError);
    let waitMs: number;
    if (attempt instanceof GbxError) {
      shortSinceMs = undefined;
      waitMs = deps.circuit.failed(attempt);
    } else if (attempt.kind === 'claimed') {
      deps.circuit.succeeded('claim');
      return attempt;
    } else {
      shortSinceMs ??= deps.clock.elapsed();
      if (deps.clock.elapsed() - shortSinceMs >= SHORT_LOG_MS)
        throw topicChanged(deps.source.topic, attempt.partition, 'the log ends before what the ledger has loaded');
      waitMs = SHORT_LOG_POLL_MS;
    }
    const event = await deps.source.take(waitMs, options.signal);
    if (event?.kind === 'joined') return { kind: 'rejoined', partitions: event.partitions };
    // A take may return early with leftovers of the former assignment: the wait still has to be waited.
    if (event !== undefined) await deps.clock.sleep(waitMs, options.signal);
  }
  return { kind: 'aborted' };
}

type Attempt =
  | { readonly kind: 'claimed'; readonly owner: string; readonly held: readonly HeldPartition[] }
  | { readonly kind: 'short-log'; readonly partition: number };

async function tryClaim(deps: ClaimDeps, partitions: readonly number[], options: ClaimOptions): Promise<Attempt> {
  const { source, warehouse, log } = deps;
  const owner = deps.newOwner();
  const scope: LedgerScope = { clusterId: source.clusterId, group: source.group, topic: source.topic };
  if (partitions.length === 0) {
    // A member that stands by learns now, not at the failover, whether it can reach the warehouse.
    await warehouse.readLedger(scope);
    return { kind: 'claimed', owner, held: [] };
  }
  // Read before the ledger: it can only move forward in between, so `committed` beyond it is somebody else's work.
  const offsets = new Map((await source.offsets(partitions)).map((known) => [known.partition, known]));
  const startAt = new Map<number, bigint>();
  for (const known of offsets.values()) startAt.set(known.partition, startOffset(known, options.startFrom));
  const rows = await warehouse.claim({ scope, owner, host: options.host, partitions, startAt });
  const held: HeldPartition[] = [];
  for (const row of rows) {
    const known = offsets.get(row.partition);
    if (known === undefined) throw new GbxError('GBX_BUG', `the broker told nothing of partition ${row.partition}`);
    if (known.end < row.nextOffset) return { kind: 'short-log', partition: row.partition };
    held.push(hold(row, known, deps));
  }
  const firstClaimed = rows.filter((row) => row.epoch === 1).map(({ partition }) => partition);
  if (firstClaimed.length > 0) {
    const byGroup = firstClaimed.filter((partition) => offsets.get(partition)?.committed !== undefined);
    log.info('partitions.first_claimed', { partitions: firstClaimed, byGroup, otherwise: options.startFrom });
  }
  source.seek(new Map(held.map((one) => [one.partition, one.expectedOffset])));
  log.info('partitions.claimed', {
    topic: source.topic,
    owner,
    partitions: held.map((one) => ({ partition: one.partition, from: String(one.ledgerOffset), epoch: one.epoch })),
  });
  return { kind: 'claimed', owner, held };
}

function startOffset({ start, end, committed }: PartitionOffsets, startFrom: 'earliest' | 'latest'): bigint {
  return committed ?? (startFrom === 'earliest' ? start : end);
}

function hold(row: LedgerRow, known: PartitionOffsets, deps: ClaimDeps): HeldPartition {
  const { log, source } = deps;
  const { partition, epoch, nextOffset, lastRecord } = row;
  const { end: endOffset } = known;
  if (known.committed !== undefined && known.committed > nextOffset) throw committedAhead(source, partition, known.committed, nextOffset);
  if (known.committed !== undefined && known.committed < nextOffset) {
    log.info('group.behind_ledger', { partition, committed: String(known.committed), ledger: String(nextOffset), followed: 'the ledger' });
  }
  const stands = {
    partition,
    epoch,
    ledgerOffset: nextOffset,
    endOffset,
    takenTo: nextOffset,
    takenMark: lastRecord,
    coveredTo: nextOffset,
  };
  if (known.start > nextOffset) {
    tellExpired(deps, { partition, from: nextOffset, to: known.start });
    // What is gone counts as taken; the ledger passes it with the first batch.
    return { ...stands, takenTo: known.start, takenMark: undefined, expectedOffset: known.start, lastRecord: undefined };
  }
  // One record back where it still exists, to see whether it is the one that was loaded.
  const canCompare = lastRecord !== undefined && known.start < nextOffset;
  return {
    ...stands,
    expectedOffset: canCompare ? nextOffset - 1n : nextOffset,
    lastRecord: canCompare ? lastRecord : undefined,
  };
}

function tellExpired(
  { expiredTold, log, metrics }: ClaimDeps,
  { partition, from, to }: { partition: number; from: bigint; to: bigint },
): void {
  const place = `${partition}/${to}`;
  if (expiredTold.has(place)) return;
  expiredTold.add(place);
  metrics.count('gbx_records_expired_total', Number(to - from));
  log.error('records.expired', { partition, from: String(from), to: String(to), records: String(to - from) });
}

function committedAhead({ group, topic }: Source, partition: number, committed: bigint, ledger: bigint): GbxError {
  return new GbxError(
    'GBX_COMMITTED_AHEAD',
    `Cannot load ${topic}/${partition} as group ${group} has committed offset ${committed}, beyond the ledger's ${ledger}: another consumer uses this group`,
  );
}

export function topicChanged(topic: string, partition: number, why: string): GbxError {
  return new GbxError('GBX_TOPIC_CHANGED', `Cannot go on with ${topic}/${partition} as it is not the topic that was loaded before: ${why}`);
}
