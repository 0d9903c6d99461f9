// The state of the load loop: owned by runLoad, changed only from its one loop (see load.ts).
import type { Decoded } from '../exposure/decode.ts';
import type { LogRecord } from '../exposure/exposure.ts';
import { type Batch, type BatchPolicy, createBatch } from './batch.ts';
import type { ClaimDeps, ClaimOptions, HeldPartition } from './claim.ts';
import type { FlushDeps, Settled } from './flush.ts';
import type { SourceEvent } from './ports.ts';

/** What a health check may look at; written by the loop alone. */
export interface LoadStatus {
  /** Undefined until the first claim; a member that holds none stands by. */
  partitions: number | undefined;
  isDraining: boolean;
}

export interface LoadDeps extends Omit<ClaimDeps, 'expiredTold'>, Omit<FlushDeps, 'lettersWritten'> {
  readonly decode: (record: LogRecord) => Decoded;
  readonly status: LoadStatus;
}

export interface LoadOptions extends ClaimOptions {
  readonly policy: BatchPolicy;
  /** Time to finish what is under way once the signal aborts. */
  readonly drainTimeoutMs: number;
}

export type RecordsEvent = Extract<SourceEvent, { kind: 'records' }>;

/** A flush under way. `giveUp` ends it between two attempts. */
interface Flight {
  readonly settled: Promise<Settled>;
  readonly giveUp: AbortController;
}

/** What the loop acts on; callbacks only enqueue it. Promises stand for themselves, so that stale ones are recognised. */
export type Happening =
  | { readonly kind: 'settled'; readonly settled: Promise<Settled>; readonly result: Settled }
  | { readonly kind: 'taken'; readonly taking: Promise<SourceEvent | undefined>; readonly event: SourceEvent | undefined }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'aborted' };

/** At most one take, one flight and one abort are under way, which bounds the queue. */
interface Inbox {
  readonly happenings: Happening[];
  wake: () => void;
}

export function tell(inbox: Inbox, happening: Happening): void {
  inbox.happenings.push(happening);
  inbox.wake();
}

export interface Loop {
  readonly inbox: Inbox;
  readonly deps: LoadDeps & ClaimDeps & FlushDeps;
  readonly options: LoadOptions;
  readonly signal: AbortSignal;
  /** The partitions of the last claim. */
  readonly held: Map<number, HeldPartition>;
  owner: string;
  filling: Batch;
  /** Records taken from the source that did not fit into the batch yet. */
  waiting: { readonly event: RecordsEvent; index: number } | undefined;
  flight: Flight | undefined;
  /** Offsets to be committed to Kafka, and the commit under way. */
  readonly toCommit: Map<number, bigint>;
  committing: Promise<void> | undefined;
  /** The one take under way: never thrown away, since it may hold an event. */
  taking: Promise<SourceEvent | undefined> | undefined;
  /** Ids that stand for another exposure in the table: when they are read again their records are kept. */
  readonly reusedIds: Set<string>;
  /** When batches were fenced lately, by `Clock.elapsed`. */
  fencedAtMs: number[];
  lastGapMs: number;
  readonly summary: { recordsRead: number; rowsInserted: number; flushes: number };
}

export function createLoop(deps: LoadDeps, options: LoadOptions, signal: AbortSignal): Loop {
  return {
    deps: { ...deps, lettersWritten: new Set(), expiredTold: new Set() },
    options,
    signal,
    inbox: { happenings: [], wake: () => undefined },
    held: new Map(),
    owner: '',
    filling: createBatch(),
    waiting: undefined,
    flight: undefined,
    toCommit: new Map(),
    committing: undefined,
    taking: undefined,
    reusedIds: new Set(),
    fencedAtMs: [],
    lastGapMs: Number.NEGATIVE_INFINITY,
    summary: { recordsRead: 0, rowsInserted: 0, flushes: 0 },
  };
}
