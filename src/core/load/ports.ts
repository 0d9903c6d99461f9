// What the load flow needs from outside: a source of records, a warehouse, somewhere for dead letters.
// src/kafka and src/warehouse fit by shape; the model test fits fakes.

import type { Exposure, LogRecord } from '../exposure/exposure.ts';

// --- Kafka -----------------------------------------------------------------------------------------------------------

/** What the broker knows of a partition when it is claimed. Offsets as Kafka counts them: `end` is one past the last. */
export interface PartitionOffsets {
  readonly partition: number;
  readonly start: bigint;
  readonly end: bigint;
  /** The group's committed offset; undefined where it has none. */
  readonly committed: bigint | undefined;
}

export type SourceEvent =
  /**
   * This member joined (again) and holds these partitions and no others. All are paused, nothing of an earlier
   * assignment will follow; records come after `seek`.
   */
  | { readonly kind: 'joined'; readonly partitions: readonly number[] }
  /**
   * Records in offset order. `fetchOffset` is what was asked for, `nextOffset` one past what the broker skipped or gave:
   * a chain without gaps has each `fetchOffset` equal to the former `nextOffset`. `bytes` is what they hold in memory.
   */
  | {
      readonly kind: 'records';
      readonly partition: number;
      readonly fetchOffset: bigint;
      readonly nextOffset: bigint;
      readonly endOffset: bigint;
      readonly records: readonly LogRecord[];
      readonly bytes: number;
    };

/** A member of the consumer group. It buffers up to a bound and fetches no more beyond it: not taking is back-pressure. */
export interface Source {
  readonly clusterId: string;
  readonly topic: string;
  readonly group: string;
  /**
   * The next event; undefined after `ms` without one, or when the signal aborts.
   * @throws {GbxError} GBX_CONSUMER_CRASHED when the client died; anything taken before stays valid.
   */
  take(ms: number, signal?: AbortSignal): Promise<SourceEvent | undefined>;
  /** @throws {GbxError} GBX_KAFKA_UNREACHABLE */
  offsets(partitions: readonly number[]): Promise<readonly PartitionOffsets[]>;
  /** Drops what is buffered of these partitions and reads them from here on. */
  seek(positions: ReadonlyMap<number, bigint>): void;
  /** Commits to the group, for lag and other tools; the ledger is the truth. */
  commit(positions: ReadonlyMap<number, bigint>): Promise<void>;
}

/** A record given up, with the reason; its bytes, key and headers are kept as they are. */
export interface DeadLetter {
  readonly record: LogRecord;
  readonly code: DeadLetterCode;
  /** Short, without values of the record. */
  readonly message: string;
  readonly stage: 'decode' | 'validate' | 'load';
}

/** Why a record is given up; the first five come from decoding, the last from the warehouse. */
export type DeadLetterCode =
  | 'GBX_NOT_JSON'
  | 'GBX_NOT_AN_OBJECT'
  | 'GBX_EMPTY'
  | 'GBX_INVALID_FIELD'
  | 'GBX_TOO_DEEP'
  | 'GBX_ID_REUSED'
  | 'GBX_ROW_REFUSED';

/** Told of each dead letter when it is acknowledged, whatever becomes of the others. */
export type OnWritten = (letter: DeadLetter) => void;

/** Writes dead letters, acknowledged and verified; when it throws, those that were not told of are not written. */
export type WriteDeadLetters = (letters: readonly DeadLetter[], onWritten: OnWritten, signal?: AbortSignal) => Promise<void>;

/** A record that is written to the retry topic again, its bytes and key as they are; its origin goes with it. */
export type RequeuedRecord =
  /** Refused by the warehouse, to be tried again: with the reason and the next count. */
  | {
      readonly kind: 'refused';
      readonly record: LogRecord;
      /** Of this copy: 1 for the first retry. */
      readonly retryCount: number;
      /** Not to be tried before: milliseconds since the Unix epoch. */
      readonly notBeforeMs: number;
      readonly code: 'GBX_ROW_REFUSED';
      /** Short, without values of the record. */
      readonly message: string;
    }
  /** Not due yet, and there is no room to hold it: headers unchanged. */
  | { readonly kind: 'not-due'; readonly record: LogRecord };

/**
 * Writes copies, acknowledged and verified; when it throws, those that were not told of are not written, or may be.
 * With GBX_RECORD_TOO_LARGE or GBX_RECORD_REFUSED those are the ones that the topic does not take, and all the others are
 * written.
 */
export type RequeueRecords = (
  records: readonly RequeuedRecord[],
  onWritten: (record: RequeuedRecord) => void,
  signal?: AbortSignal,
) => Promise<void>;

// --- The warehouse ---------------------------------------------------------------------------------------------------

/** Whose rows of the ledger: with a partition the key of the ledger (docs/delivery.md). */
export interface LedgerScope {
  readonly clusterId: string;
  readonly group: string;
  readonly topic: string;
}

/** The last record loaded of a partition: tells whether the topic is still the same one. */
export interface LastRecord {
  readonly timestampMs: number;
  /** Hex of SHA-256 over key and value, cut to 16 characters. */
  readonly hash: string;
}

export interface LedgerRow {
  readonly partition: number;
  readonly nextOffset: bigint;
  readonly epoch: number;
  readonly owner: string;
  readonly host: string;
  readonly lastRecord: LastRecord | undefined;
}

export interface ClaimRequest {
  readonly scope: LedgerScope;
  /** A new uuid for each claim. */
  readonly owner: string;
  readonly host: string;
  readonly partitions: readonly number[];
  /** Where a partition without a row starts. */
  readonly startAt: ReadonlyMap<number, bigint>;
}

/** A step of the ledger: compare-and-swap from `from` to `to`. */
export interface LedgerStep {
  readonly partition: number;
  readonly epoch: number;
  readonly from: bigint;
  readonly to: bigint;
  readonly lastRecord: LastRecord | undefined;
}

/** Rows whose times lie together: each window is one anti-join with tight bounds. Microseconds, both inclusive. */
export interface TimeWindow {
  readonly fromMicros: number;
  readonly toMicros: number;
}

export interface FlushRequest {
  readonly scope: LedgerScope;
  readonly owner: string;
  /** Unique by exposureId, all inside one of `windows`. May be empty: then only the ledger moves. */
  readonly rows: readonly Exposure[];
  readonly windows: readonly TimeWindow[];
  readonly steps: readonly LedgerStep[];
  /** Written as `created_at`: milliseconds since the Unix epoch. */
  readonly createdAtMs: number;
}

export interface FlushDurations {
  readonly stageMs: number;
  readonly lockMs: number;
  readonly insertMs: number;
  readonly commitMs: number;
}

export type FlushOutcome =
  /** Committed: rows and ledger. `rows.length - inserted` stood in the table already. */
  | { readonly kind: 'loaded'; readonly inserted: number; readonly durations: FlushDurations }
  /** An earlier attempt's COMMIT went through after all; nothing was done now. */
  | { readonly kind: 'already-loaded' }
  /** Another claim holds a partition; nothing was written. */
  | { readonly kind: 'fenced'; readonly holders: readonly LedgerRow[] }
  /** These ids stand in the table for another user, experiment or variation; nothing was written. */
  | { readonly kind: 'id-reused'; readonly exposureIds: readonly string[] };

export interface Warehouse {
  /**
   * Takes the partitions over in one transaction: epoch + 1, this owner; missing rows are inserted at `startAt`.
   * When the answer is lost, claim again. @throws {GbxError} by the classes of core/errors.
   */
  claim(request: ClaimRequest): Promise<readonly LedgerRow[]>;
  /** The ledger as it stands, without a claim: rows that exist. */
  readLedger(scope: LedgerScope): Promise<readonly LedgerRow[]>;
  /**
   * Stages the rows, then in one transaction moves the ledger and inserts what the table lacks (docs/delivery.md).
   * A request may be sent again after any error: `already-loaded` answers for a COMMIT whose answer was lost.
   * @throws {GbxError} by the classes of core/errors; nothing was written, save GBX_WAREHOUSE_UNSURE.
   */
  flush(request: FlushRequest): Promise<FlushOutcome>;
  /**
   * Which of these rows stand in the table already, by id: a flush leaves them out, whatever the table refuses.
   * @throws {GbxError} of class `row` where not even the stage takes them; of another class, it says nothing of the rows.
   */
  findLoaded(rows: readonly Exposure[]): Promise<ReadonlySet<string>>;
  /**
   * Would the table take these rows, which it lacks? Inserts them and rolls back: nothing is written, and the ledger is not moved.
   * @returns how many of them it lacks after all: of the others nothing was tried
   * @throws {GbxError} of class `row` where they are refused; of another class, it says nothing of the rows.
   */
  tryRows(rows: readonly Exposure[]): Promise<number>;
}

/** How a load run ended, when nothing was wrong. */
export interface LoadSummary {
  readonly recordsRead: number;
  readonly rowsInserted: number;
  readonly flushes: number;
}
