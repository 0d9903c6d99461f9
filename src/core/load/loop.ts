// The state of the load loop: owned by runLoad, changed only from its one loop (see load.ts).
import type { Decoded } from '../exposure/decode.ts';
import type { LogRecord } from '../exposure/exposure.ts';
import { type Batch, type BatchPolicy, createBatch, SEARCHED_ROWS_MAX } from './batch.ts';
import type { ClaimDeps, ClaimOptions, HeldPartition } from './claim.ts';
import { type CommitTrouble, createCommitTrouble } from './commit-trouble.ts';
import type { FlushDeps, Settled } from './flush.ts';
import { createHold, type Hold, type HoldLimits } from './hold.ts';
import type { SourceEvent } from './ports.ts';
import { createRefusals, type Refusals, type RetryPolicy } from './refusals.ts';

/** What a health check may look at; written by the loop alone. */
export interface LoadStatus {
  /** Undefined from a join until its claim; a member that holds none stands by. */
  partitions: number | undefined;
  isDraining: boolean;
}

export interface LoadDeps extends Omit<ClaimDeps, 'expiredTold'>, Omit<FlushDeps, 'placesWritten' | 'lastLoaded'> {
  readonly decode: (record: LogRecord) => Decoded;
  readonly status: LoadStatus;
}

export interface LoadOptions extends ClaimOptions {
  readonly policy: BatchPolicy;
  readonly retry: RetryPolicy;
  /** Records that are not due yet. @default 1,000 records and 8 MB */
  readonly hold?: HoldLimits;
  /** Time to finish what is under way once the signal aborts. */
  readonly drainTimeoutMs: number;
  /** Ends once everything is loaded that stood in the log when each partition was first claimed. */
  readonly once?: boolean;
  /** So many records may be given up at once of batches of which the warehouse refuses over half; in this run, in all. */
  readonly deadLetterUpTo?: number;
  /** How long the topic keeps its records; undefined where that is unknown, or for ever. */
  readonly retentionMs?: number | undefined;
}

export type RecordsEvent = Extract<SourceEvent, { kind: 'records' }>;

/** A flush under way. `giveUp` ends it between two attempts. */
interface Flight {
  readonly batch: Batch;
  readonly settled: Promise<Settled>;
  readonly giveUp: AbortController;
}

/** See early-letters.ts. */
interface EarlyLetters {
  /** Ends the writing between two attempts. */
  readonly stop: AbortController;
  /** Settles when what was begun is written, or is not: the flush then writes it. Never rejects. */
  writing: Promise<void> | undefined;
  /** Letters of the batch that were looked at. */
  seen: number;
}

/** What the loop acts on; callbacks only enqueue it. Promises stand for themselves, so that stale ones are recognised. */
export type Happening =
  | { readonly kind: 'settled'; readonly settled: Promise<Settled>; readonly result: Settled }
  | { readonly kind: 'taken'; readonly taking: Promise<SourceEvent | undefined>; readonly event: SourceEvent | undefined }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** Time to look around, while nothing is taken. */
  | { readonly kind: 'ticked' }
  /** Dead letters of the batch that fills: there may be more by now. */
  | { readonly kind: 'written' }
  | { readonly kind: 'aborted' };

/** At most one take, one flight, one tick, one writing and one abort are under way, which bounds the queue. */
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
  /** Of the batch that fills. */
  early: EarlyLetters;
  /** Records taken from the source that did not fit into the batch yet. */
  waiting: { readonly event: RecordsEvent; index: number } | undefined;
  flight: Flight | undefined;
  /** Offsets to be committed to Kafka, and the commit under way. */
  readonly toCommit: Map<number, bigint>;
  committing: Promise<void> | undefined;
  readonly commitTrouble: CommitTrouble;
  /** The one take under way: never thrown away, since it may hold an event. */
  taking: Promise<SourceEvent | undefined> | undefined;
  /** Ends a tick that is under way. */
  ticking: AbortController | undefined;
  /** Until then, by `Clock.elapsed`, batches are small and keep their records: dead letters or copies have to be made of some. */
  keepUntilMs: number;
  /** Not loaded yet as they are not due; the ledger stands at the lowest of them. */
  readonly hold: Hold;
  /** From then on, by `Clock.elapsed`, records that are not due may be written to the topic again. */
  againFromMs: number;
  /** Rows that are known to be refused when they are read again. */
  readonly refusals: Refusals;
  /** What is left of `deadLetterUpTo`. */
  readonly allowance: { left: number };
  /** A lower limit of the next batch, see `deadLetterUpTo`. */
  recordsMax: number;
  /** Where `once` ends, by partition. */
  readonly ends: Map<number, bigint>;
  /** See retention.ts. The first two by `Clock.elapsed`; `droppedMs`: when the oldest record was written that a claim has to read again. */
  readonly retention: { shownAtMs: number; warnedAtMs: number; droppedMs: number | undefined };
  /** The partitions whose lag is shown: until a claim that has them no more. */
  readonly lagShown: Set<number>;
  /** When batches were fenced lately, by `Clock.elapsed`. */
  fencedAtMs: number[];
  lastGapMs: number;
  readonly summary: { recordsRead: number; rowsInserted: number; flushes: number };
}

const KEEP_MS = 60_000;

export function createLoop(deps: LoadDeps, options: LoadOptions, signal: AbortSignal): Loop {
  return {
    deps: { ...deps, placesWritten: new Set(), lastLoaded: { row: undefined }, expiredTold: new Set() },
    options,
    signal,
    inbox: { happenings: [], wake: () => undefined },
    held: new Map(),
    owner: '',
    filling: createBatch(),
    early: noEarlyLetters(),
    waiting: undefined,
    flight: undefined,
    toCommit: new Map(),
    committing: undefined,
    commitTrouble: createCommitTrouble(deps),
    taking: undefined,
    ticking: undefined,
    keepUntilMs: Number.NEGATIVE_INFINITY,
    hold: createHold(options.hold),
    againFromMs: Number.NEGATIVE_INFINITY,
    refusals: createRefusals(),
    allowance: { left: options.deadLetterUpTo ?? 0 },
    recordsMax: Number.POSITIVE_INFINITY,
    ends: new Map(),
    retention: { shownAtMs: Number.NEGATIVE_INFINITY, warnedAtMs: Number.NEGATIVE_INFINITY, droppedMs: undefined },
    lagShown: new Set(),
    fencedAtMs: [],
    lastGapMs: Number.NEGATIVE_INFINITY,
    summary: { recordsRead: 0, rowsInserted: 0, flushes: 0 },
  };
}

function noEarlyLetters(): EarlyLetters {
  return { stop: new AbortController(), writing: undefined, seen: 0 };
}

/** For the next batch. */
export function startBatch(loop: Loop): void {
  loop.filling = createBatch({ keepsRecords: loop.deps.clock.elapsed() < loop.keepUntilMs });
  loop.early = noEarlyLetters();
}

/** How far the next batch may grow. */
export function policyOf({ deps, options: { policy }, recordsMax, keepUntilMs }: Loop): BatchPolicy {
  const rowsMax = Math.min(policy.rowsMax, recordsMax, deps.clock.elapsed() < keepUntilMs ? SEARCHED_ROWS_MAX : policy.rowsMax);
  return rowsMax === policy.rowsMax ? policy : { ...policy, rowsMax };
}

/** Rows were refused: for a while batches are small and keep their records, so that the next search is short and ends there. */
export function keepRecords(loop: Loop): void {
  loop.keepUntilMs = loop.deps.clock.elapsed() + KEEP_MS;
}
