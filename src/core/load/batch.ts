// The batch that fills while another is flushed: pure policy, no clock, no I/O. It tells when it is due and when it is
// full; the loop in load.ts acts on it. A record in it ends as a row, a counted duplicate or a dead letter.
import type { Decoded } from '../exposure/decode.ts';
import type { Exposure, LogRecord } from '../exposure/exposure.ts';
import { markRecord } from './last-record.ts';
import type { DeadLetter, LedgerStep } from './ports.ts';

export interface BatchPolicy {
  /** Records that make a batch due. */
  readonly rowsDue: number;
  /** Age of the first record that makes a batch due. */
  readonly ageDueMs: number;
  /** What a batch may grow to while another one is flushed. */
  readonly rowsMax: number;
  readonly bytesMax: number;
}

/** Records of one partition in offset order, from `index` on; `nextOffset` is one past the last. */
export interface Chunk {
  readonly partition: number;
  readonly epoch: number;
  /** Where the ledger stands, or will once the batch before this one is loaded. */
  readonly ledgerOffset: bigint;
  readonly records: readonly LogRecord[];
  readonly index: number;
  readonly nextOffset: bigint;
}

export interface Batch {
  /** Unique by exposureId. */
  readonly exposures: Exposure[];
  /** Where each exposure was read, by the same index. Their records are not kept: they are most of what a batch weighs. */
  readonly offsets: number[];
  /** The records of ids that were asked for, see `keep` of addChunk. */
  readonly kept: Map<string, LogRecord>;
  readonly letters: DeadLetter[];
  readonly steps: Map<number, LedgerStep>;
  readonly indexById: Map<string, number>;
  recordCount: number;
  bytes: number;
  duplicates: number;
  /** `Clock.elapsed` when the first record came; undefined while empty. */
  startedAtMs: number | undefined;
}

/** What a record costs in memory beside its bytes, roughly. */
const RECORD_OVERHEAD_BYTES = 200;

export function createBatch(): Batch {
  return {
    exposures: [],
    offsets: [],
    kept: new Map(),
    letters: [],
    steps: new Map(),
    indexById: new Map(),
    recordCount: 0,
    bytes: 0,
    duplicates: 0,
    startedAtMs: undefined,
  };
}

export function isFull(batch: Batch, policy: BatchPolicy): boolean {
  return batch.recordCount >= policy.rowsMax || batch.bytes >= policy.bytesMax;
}

/** Milliseconds until the batch is due by age: 0 when it is due now for any reason, Infinity while it is empty. */
export function dueInMs(batch: Batch, policy: BatchPolicy, elapsedMs: number): number {
  if (batch.startedAtMs === undefined) return Number.POSITIVE_INFINITY;
  if (batch.recordCount >= policy.rowsDue || isFull(batch, policy)) return 0;
  return Math.max(0, batch.startedAtMs + policy.ageDueMs - elapsedMs);
}

/**
 * Takes records of the chunk until the batch is full.
 *
 * @param options.keep exposure ids whose records are kept, since a dead letter may have to be made of them.
 * @returns the index of the first record not taken; `chunk.records.length` when all were.
 */
export function addChunk(
  batch: Batch,
  chunk: Chunk,
  options: { policy: BatchPolicy; decode: (record: LogRecord) => Decoded; elapsedMs: number; keep: ReadonlySet<string> },
): number {
  const { policy, decode, elapsedMs, keep } = options;
  let { index } = chunk;
  for (; index < chunk.records.length && !isFull(batch, policy); index++) {
    const record = chunk.records[index];
    if (record === undefined) break;
    batch.recordCount++;
    batch.bytes += RECORD_OVERHEAD_BYTES + (record.value?.length ?? 0) + (record.key?.length ?? 0);
    place(batch, record, { decoded: decode(record), keep });
  }
  const last = chunk.records[index - 1];
  if (index === chunk.index || last === undefined) return index;
  batch.startedAtMs ??= elapsedMs;
  batch.steps.set(chunk.partition, {
    partition: chunk.partition,
    epoch: chunk.epoch,
    from: batch.steps.get(chunk.partition)?.from ?? chunk.ledgerOffset,
    to: chunk.records[index]?.offset ?? chunk.nextOffset,
    lastRecord: markRecord(last),
  });
  return index;
}

function place(batch: Batch, record: LogRecord, { decoded, keep }: { decoded: Decoded; keep: ReadonlySet<string> }): void {
  if (decoded.kind === 'invalid') {
    batch.letters.push({ record, code: decoded.code, message: decoded.message, stage: decoded.stage });
    return;
  }
  const { exposure } = decoded;
  const offset = Number(record.offset);
  const index = batch.indexById.get(exposure.exposureId);
  if (index === undefined) {
    batch.indexById.set(exposure.exposureId, batch.exposures.length);
    batch.exposures.push(exposure);
    batch.offsets.push(offset);
    if (keep.size > 0 && keep.has(exposure.exposureId)) batch.kept.set(exposure.exposureId, record);
    return;
  }
  const stands = batch.exposures[index];
  if (stands === undefined) return;
  if (!isSameAssignment(exposure, stands)) {
    batch.letters.push(reusedId(record));
    return;
  }
  batch.duplicates++;
  // The earliest (ts, offset) of an id stays.
  const isEarlier = exposure.tsMicros < stands.tsMicros || (exposure.tsMicros === stands.tsMicros && offset < (batch.offsets[index] ?? 0));
  if (!isEarlier) return;
  batch.exposures[index] = exposure;
  batch.offsets[index] = offset;
  if (batch.kept.has(exposure.exposureId)) batch.kept.set(exposure.exposureId, record);
}

function isSameAssignment(a: Exposure, b: Exposure): boolean {
  return a.dsUserId === b.dsUserId && a.experimentId === b.experimentId && a.variationId === b.variationId;
}

/** The dead letter of a record whose exposure id stands for another user, experiment or variation. */
export function reusedId(record: LogRecord): DeadLetter {
  return { record, code: 'GBX_ID_REUSED', message: 'exposure_id stands for another user, experiment or variation', stage: 'load' };
}
