// What find is asked, and what it needs from outside to answer: the spool, the logs, the warehouse, each of which may be
// absent or away. src/files, src/kafka and src/warehouse fit by shape; src/commands/find.ts puts them together.
import type { Checksum, Disk } from '../accept/spool/disk.ts';
import type { Clock } from '../clock.ts';
import type { GbxError } from '../errors.ts';
import type { LogRecord } from '../exposure/exposure.ts';
import type { StoredExposure } from '../exposure/stored.ts';
import type { LedgerRow, LedgerScope } from '../load/ports.ts';
import type { Place } from '../verify/range.ts';

/** One exposure, or those of a user, an experiment or both. */
export type Wanted =
  | { readonly kind: 'id'; readonly exposureId: string }
  | { readonly kind: 'who'; readonly dsUserId: string | undefined; readonly experimentId: string | undefined };

export interface FindPlan {
  readonly wanted: Wanted;
  /** The user whose partition is looked at; undefined: all partitions. */
  readonly partitionKey: string | undefined;
  readonly topic: string;
  /** Where it is another topic. */
  readonly retryTopic: string | undefined;
  readonly deadLetterTopic: string;
  readonly group: string;
  /** Where the look at the topic begins; undefined: a day ago. */
  readonly since: Place | undefined;
  /** Exposures listed, where it is not one that is wanted. */
  readonly limit: number;
}

export interface LogRange {
  readonly partition: number;
  readonly start: bigint;
  /** One past the last. */
  readonly end: bigint;
}

/** Each rejects with a GbxError. */
export interface FindLogs {
  clusterId(): Promise<string>;
  /** Undefined where there is no such topic. */
  ranges(topic: string): Promise<readonly LogRange[] | undefined>;
  offsetsAt(topic: string, timestampMs: number): Promise<ReadonlyMap<number, bigint>>;
  committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, bigint>>;
  /** Where gbx and Kafka's Java client put the records of a key. */
  partitionOf(key: string, partitionCount: number): number;
  /** From inclusive, to exclusive, in offset order; ends early when the signal aborts. */
  read(
    stretch: { readonly topic: string; readonly partition: number; readonly from: bigint; readonly to: bigint },
    signal: AbortSignal,
  ): AsyncIterable<{ readonly records: readonly LogRecord[]; readonly nextOffset: bigint }>;
}

/** Each rejects with a GbxError. */
export interface FindWarehouse {
  readLedger(scope: LedgerScope): Promise<readonly LedgerRow[]>;
  ledgerScopes(): Promise<readonly LedgerScope[]>;
  byId(exposureId: string): Promise<readonly StoredExposure[]>;
  byIds(
    exposureIds: readonly string[],
    limits: { readonly sinceMicros: number; readonly rowsMax: number },
  ): Promise<readonly StoredExposure[]>;
  /** Newest first; of `ts`, from inclusive, to exclusive. */
  candidates(wanted: {
    readonly dsUserId?: string;
    readonly experimentId?: string;
    readonly fromMicros: number;
    readonly toMicros: number;
    readonly rowsMax: number;
  }): Promise<readonly StoredExposure[]>;
}

/** Only listed and read; serve may go on in it. */
export interface SpoolFolder {
  readonly disk: Disk;
  readonly checksum: Checksum;
}

export type Part<T> =
  | { readonly kind: 'open'; readonly it: T }
  /** Not configured. */
  | { readonly kind: 'absent'; readonly reason: string }
  /** Configured, and cannot be asked. */
  | { readonly kind: 'failed'; readonly error: GbxError };

export interface FindDeps {
  readonly spool: Part<SpoolFolder>;
  readonly kafka: Part<FindLogs>;
  readonly warehouse: Part<FindWarehouse>;
  readonly clock: Pick<Clock, 'now' | 'elapsed'>;
  readonly signal: AbortSignal;
  /** `of` is undefined where nobody knows. */
  readonly onProgress: (step: string, done: number, of: number | undefined) => void;
}
