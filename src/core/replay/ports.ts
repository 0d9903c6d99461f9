// What replay needs from outside: logs to read, the table, a way to write copies, a journal. src/kafka, src/warehouse and
// src/files fit by shape.
import type { HeaderValue, LogRecord } from '../exposure/exposure.ts';
import type { StoredExposure } from '../exposure/stored.ts';
import type { Logs } from '../verify/ports.ts';

export type ReplayLogs = Pick<Logs, 'ranges' | 'read'>;

/** Rows of the table as it stands when they are asked for. */
export interface ReplayTable {
  /** Every row that has one of these ids and happened at or after `sinceMicros` (microseconds since the Unix epoch). */
  rowsByIds(exposureIds: readonly string[], sinceMicros: number): Promise<readonly StoredExposure[]>;
}

/** A record as it is to be written, with its headers. */
export interface ReplayCopy {
  readonly record: LogRecord;
  readonly headers: Readonly<Record<string, HeaderValue>>;
}

/**
 * Writes copies to the topic of the plan, acknowledged and verified. With GBX_RECORD_TOO_LARGE those that were not told of are
 * too large, with GBX_RECORD_REFUSED refused for another reason, and all the others are written; with any other error they may be written or not.
 */
export type WriteReplayCopies = (
  copies: readonly ReplayCopy[],
  onWritten: (copy: ReplayCopy) => void,
  signal?: AbortSignal,
) => Promise<void>;

/** On disk when it returns. */
export type AppendJournal = (line: string) => Promise<void>;
