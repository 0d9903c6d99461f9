// What verify needs from outside: logs, the warehouse at one moment, a manifest. src/kafka and src/warehouse fit by shape.
import type { LogRecord } from '../exposure/exposure.ts';
import type { StoredExposure } from '../exposure/stored.ts';
import type { LedgerRow, LedgerScope } from '../load/ports.ts';

/** Offsets as Kafka counts them: `end` is one past the last. */
export interface LogRange {
  readonly partition: number;
  readonly start: bigint;
  readonly end: bigint;
}

/** From inclusive, to exclusive. */
export interface Stretch {
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
}

/** Each rejects with a GbxError: GBX_KAFKA_UNREACHABLE, GBX_KAFKA_TLS, GBX_KAFKA_AUTH. */
export interface Logs {
  /** Undefined where there is no such topic. */
  ranges(topic: string): Promise<readonly LogRange[] | undefined>;
  /** By partition the first offset whose record's timestamp is at or after this time; the log's end where there is none. */
  offsetsAt(topic: string, timestampMs: number): Promise<ReadonlyMap<number, bigint>>;
  /** In offset order; begins at the log's start where `from` has expired; ends early when the signal aborts. */
  read(stretch: Stretch, signal: AbortSignal): AsyncIterable<{ readonly records: readonly LogRecord[]; readonly nextOffset: bigint }>;
}

/** Times of rows: microseconds since the Unix epoch, from inclusive, to exclusive; undefined: no bound. */
export interface RowWindow {
  readonly fromMicros: number | undefined;
  readonly toMicros: number | undefined;
}

/** The table as it stood at one moment, however long it is read. Each rejects with a GbxError. */
export interface TableSnapshot extends AsyncDisposable {
  /** Every row of the window, in no order, as it arrives. */
  streamRows(window: RowWindow, onRow: (row: StoredExposure) => void): Promise<void>;
  /** Every row that has one of these ids, wherever it lies. */
  rowsByIds(exposureIds: readonly string[]): Promise<readonly StoredExposure[]>;
}

export interface VerifyWarehouse {
  readLedger(scope: LedgerScope): Promise<readonly LedgerRow[]>;
  /** Whose rows the ledger holds, each once. */
  ledgerScopes(): Promise<readonly LedgerScope[]>;
  openSnapshot(): Promise<TableSnapshot>;
}
