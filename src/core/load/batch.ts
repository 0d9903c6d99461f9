// The batch that fills while another is flushed: pure policy, no clock, no I/O. It tells when it is due and when it is
// full; the loop in load.ts acts on it. A record in it ends as a row, a counted duplicate or a dead letter.
import type { Decoded } from '../exposure/decode.ts';
import type { Exposure, LogRecord } from '../exposure/exposure.ts';
import { HEADERS } from '../exposure/header-names.ts';
import { headersBytes } from './header-bytes.ts';
import { markRecord } from './last-record.ts';
import type { DeadLetter, LastRecord, LedgerStep } from './ports.ts';
import { contentOf, type Refusals, type RefusedRecord, type RefusedRow } from './refusals.ts';
import { isRetry } from './retry-headers.ts';

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
  /** Where each exposure was read, by the same index. */
  readonly offsets: number[];
  /** The records of the rows and of their copies; undefined where they are not kept: they are most of what a batch weighs. */
  records: LogRecord[] | undefined;
  readonly letters: DeadLetter[];
  /** Known from an earlier reading to be refused by the warehouse: no rows. */
  readonly refused: RefusedRecord[];
  /** Neither due nor held: to be written to the topic again as they are. */
  readonly notDue: LogRecord[];
  /** Ids of rows that were refused before. */
  readonly retriedIds: Set<string>;
  readonly steps: Map<number, LedgerStep>;
  readonly indexById: Map<string, number>;
  recordCount: number;
  bytes: number;
  duplicates: number;
  /** About the oldest time that Kafka holds for a record in it; Infinity where there is none. */
  oldestMs: number;
  /** `Clock.elapsed` when the first record came; undefined while empty. */
  startedAtMs: number | undefined;
}

/** Records that are not due, written to the topic again together: as many make a batch due. */
export const AGAIN_MAX = 1_000;
/** Where rows are refused: what is searched for them in one go. */
export const SEARCHED_ROWS_MAX = 1_000;

/** What a record costs in memory beside its bytes, roughly. */
const RECORD_OVERHEAD_BYTES = 200;

export function createBatch({ keepsRecords = false }: { readonly keepsRecords?: boolean } = {}): Batch {
  return {
    exposures: [],
    offsets: [],
    records: keepsRecords ? [] : undefined,
    letters: [],
    refused: [],
    notDue: [],
    retriedIds: new Set(),
    steps: new Map(),
    indexById: new Map(),
    recordCount: 0,
    bytes: 0,
    duplicates: 0,
    oldestMs: Number.POSITIVE_INFINITY,
    startedAtMs: undefined,
  };
}

export function isFull(batch: Batch, policy: BatchPolicy): boolean {
  return batch.recordCount >= policy.rowsMax || batch.bytes >= policy.bytesMax;
}

/** Milliseconds until the batch is due by age: 0 when it is due now for any reason, Infinity while it is empty. */
export function dueInMs(batch: Batch, policy: BatchPolicy, elapsedMs: number): number {
  if (batch.startedAtMs === undefined) return Number.POSITIVE_INFINITY;
  if (batch.recordCount >= policy.rowsDue || batch.notDue.length >= AGAIN_MAX || isFull(batch, policy)) return 0;
  return Math.max(0, batch.startedAtMs + policy.ageDueMs - elapsedMs);
}

/**
 * Where a copy that gbx made goes: `load` into the batch; `held` until it is due; `again` to the topic, as it is not due and
 * there is no room to hold it; `wait`: neither now, nor anything behind it.
 */
export type Admission = 'load' | 'held' | 'again' | 'wait';

export interface AddOptions {
  readonly policy: BatchPolicy;
  readonly decode: (record: LogRecord) => Decoded;
  readonly elapsedMs: number;
  readonly refusals?: Refusals;
  /** Asked for records with an origin only. @param before the record before it in the chunk, if there is one */
  readonly admit?: (record: LogRecord, before: LogRecord | undefined) => Admission;
}

/**
 * Takes records of the chunk until the batch is full.
 *
 * @returns the index of the first record not taken; `chunk.records.length` when all were.
 */
export function addChunk(batch: Batch, chunk: Chunk, options: AddOptions): number {
  const { policy, admit } = options;
  let { index } = chunk;
  for (; index < chunk.records.length && !isFull(batch, policy); index++) {
    const record = chunk.records[index];
    if (record === undefined) break;
    let admission: Admission = 'load';
    if (admit !== undefined && record.headers[HEADERS.origin] !== undefined) {
      admission = admit(record, index > chunk.index ? chunk.records[index - 1] : undefined);
    }
    if (admission === 'wait') break;
    if (admission === 'held') continue;
    count(batch, record, options.elapsedMs);
    if (admission === 'again') batch.notDue.push(record);
    else place(batch, record, options);
  }
  const [first, last] = [chunk.records[chunk.index], chunk.records[index - 1]];
  if (index === chunk.index || first === undefined || last === undefined) return index;
  noteAge(batch, first);
  batch.steps.set(chunk.partition, {
    partition: chunk.partition,
    epoch: chunk.epoch,
    from: batch.steps.get(chunk.partition)?.from ?? chunk.ledgerOffset,
    to: chunk.records[index]?.offset ?? chunk.nextOffset,
    lastRecord: markRecord(last),
  });
  return index;
}

interface DuePlace extends Pick<Chunk, 'partition' | 'epoch' | 'ledgerOffset'> {
  /** Up to where the partition was read, and the mark of the record before. */
  readonly takenTo: bigint;
  readonly takenMark: LastRecord | undefined;
}

/** Takes a record that was held until it was due; where the ledger may go does not depend on it any more. */
export function addDue(batch: Batch, record: LogRecord, { at, ...options }: Omit<AddOptions, 'policy'> & { readonly at: DuePlace }): void {
  count(batch, record, options.elapsedMs);
  place(batch, record, options);
  noteAge(batch, record);
  const { partition, epoch, ledgerOffset, takenTo, takenMark } = at;
  if (!batch.steps.has(partition)) batch.steps.set(partition, { partition, epoch, from: ledgerOffset, to: takenTo, lastRecord: takenMark });
}

/** Makes rows of records that were to be written again: they are counted already. @returns those that are invalid */
export function addNotDue(batch: Batch, records: readonly LogRecord[], decode: AddOptions['decode']): readonly DeadLetter[] {
  const before = batch.letters.length;
  for (const record of records) place(batch, record, { decode });
  return batch.letters.slice(before);
}

function count(batch: Batch, { key, value, headers }: LogRecord, elapsedMs: number): void {
  batch.recordCount++;
  batch.bytes += RECORD_OVERHEAD_BYTES + (value?.length ?? 0) + (key?.length ?? 0) + headersBytes(headers);
  batch.startedAtMs ??= elapsedMs;
}

/** Records stand in about the order of their times: the first of a chunk will do. */
function noteAge(batch: Batch, { timestampMs }: LogRecord): void {
  if (timestampMs > 0 && timestampMs < batch.oldestMs) batch.oldestMs = timestampMs;
}

function place(batch: Batch, record: LogRecord, { decode, refusals }: Pick<AddOptions, 'decode' | 'refusals'>): void {
  const decoded = decode(record);
  if (decoded.kind === 'invalid') {
    batch.letters.push({ record, code: decoded.code, message: decoded.message, stage: decoded.stage });
    return;
  }
  const { exposure } = decoded;
  const message = refusals?.find(exposure, record);
  if (message !== undefined) {
    batch.refused.push({ record, message });
    return;
  }
  const offset = Number(record.offset);
  const index = batch.indexById.get(exposure.exposureId);
  if (isRetry(record)) batch.retriedIds.add(exposure.exposureId);
  if (index === undefined) {
    batch.indexById.set(exposure.exposureId, batch.exposures.length);
    batch.exposures.push(exposure);
    batch.offsets.push(offset);
    batch.records?.push(record);
    return;
  }
  const stands = batch.exposures[index];
  if (stands === undefined) return;
  if (!isSameAssignment(exposure, stands)) {
    batch.letters.push(reusedId(record));
    return;
  }
  batch.duplicates++;
  batch.records?.push(record);
  // The earliest (ts, offset) of an id stays.
  const isEarlier = exposure.tsMicros < stands.tsMicros || (exposure.tsMicros === stands.tsMicros && offset < (batch.offsets[index] ?? 0));
  if (!isEarlier) return;
  batch.exposures[index] = exposure;
  batch.offsets[index] = offset;
}

/**
 * Takes the records of refused rows out; copies with the same content go with them, while one with another content becomes
 * a row in its place. The records must be kept.
 */
export function takeOutRefused(batch: Batch, rows: readonly RefusedRow[], decode: AddOptions['decode']): RefusedRecord[] {
  const out = new Map(rows.map(({ exposure, message }) => [exposure.exposureId, { content: contentOf(exposure), message }]));
  return takeOut(batch, decode, (exposure) => {
    const known = out.get(exposure.exposureId);
    return known !== undefined && known.content === contentOf(exposure) ? known.message : undefined;
  });
}

/** Takes the records of these ids out. The records must be kept. */
export function takeOutIds(batch: Batch, exposureIds: readonly string[], decode: AddOptions['decode']): LogRecord[] {
  const out = new Set(exposureIds);
  const taken = takeOut(batch, decode, (exposure) => (out.has(exposure.exposureId) ? '' : undefined));
  return taken.map(({ record }) => record);
}

/** The rows anew, without the records that are given a message. */
function takeOut(batch: Batch, decode: AddOptions['decode'], messageOf: (exposure: Exposure) => string | undefined): RefusedRecord[] {
  const records = batch.records ?? [];
  const taken: RefusedRecord[] = [];
  batch.records = [];
  batch.exposures.length = 0;
  batch.offsets.length = 0;
  batch.indexById.clear();
  batch.retriedIds.clear();
  batch.duplicates = 0;
  for (const record of records) {
    const decoded = decode(record);
    const message = decoded.kind === 'exposure' ? messageOf(decoded.exposure) : undefined;
    if (message === undefined) place(batch, record, { decode: () => decoded });
    else taken.push({ record, message });
  }
  return taken;
}

function isSameAssignment(a: Exposure, b: Exposure): boolean {
  return a.dsUserId === b.dsUserId && a.experimentId === b.experimentId && a.variationId === b.variationId;
}

/** The dead letter of a record whose exposure id stands for another user, experiment or variation. */
export function reusedId(record: LogRecord): DeadLetter {
  return { record, code: 'GBX_ID_REUSED', message: 'exposure_id stands for another user, experiment or variation', stage: 'load' };
}
