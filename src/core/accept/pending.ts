// The records that wait for their outcome: a bounded queue with a deadline on each. Used by coalescer.ts alone.
// Promises that every record taken in is settled exactly once, at its deadline at the latest, and that `not-sent`
// is said only of a record of which no attempt ended without a clean answer.
import type { Clock } from '../clock.ts';
import type { OutgoingRecord } from '../exposure/exposure.ts';
import type { SendOutcome } from './ports.ts';

export interface PendingLimits {
  readonly recordsMax: number;
  readonly bytesMax: number;
}

export interface Entry {
  readonly record: OutgoingRecord;
  readonly bytes: number;
  /** On the clock's `elapsed` scale. */
  readonly deadlineMs: number;
  readonly resolve: (outcome: SendOutcome) => void;
  /** Part of the send that is under way. */
  isUnderWay: boolean;
  /** An attempt ended without a clean answer: from then on only an acknowledgement makes it certain. */
  isUnsure: boolean;
  isSettled: boolean;
}

/** What is said of a record that comes to nothing. */
export interface PendingWords {
  readonly full: string;
  /** Its deadline passed before anything was tried. */
  readonly late: string;
  /** It passed, and an attempt is without an answer. */
  readonly unsure: string;
}

export interface Pending {
  readonly clock: Clock;
  readonly words: PendingWords;
  /** What may be pending, queued or under way. */
  readonly limits: PendingLimits;
  /** Ends the timers, once nothing is pending any more. */
  readonly stopped: AbortController;
  readonly whenEmpty: (() => void)[];
  queue: Entry[];
  underWay: readonly Entry[];
  records: number;
  bytes: number;
  /** The deadline that the one timer waits for. */
  armedForMs: number;
}

/** A Kafka record's own framing, generously. */
const OVERHEAD_BYTES = 80;
const NEVER = Number.POSITIVE_INFINITY;
const KAFKA_WORDS: PendingWords = {
  full: 'too many exposures wait to be sent',
  late: 'could not be sent in time',
  unsure: 'no answer from Kafka in time',
};

export function createPending(clock: Clock, limits: PendingLimits, words: PendingWords = KAFKA_WORDS): Pending {
  const stopped = new AbortController();
  return { clock, words, limits, stopped, whenEmpty: [], queue: [], underWay: [], records: 0, bytes: 0, armedForMs: NEVER };
}

/** What a record counts for. */
export function entryBytes({ key, value }: OutgoingRecord): number {
  return Buffer.byteLength(key) + Buffer.byteLength(value) + OVERHEAD_BYTES;
}

/** Queues the record; answers at once when the bound is reached. */
export function enqueue(pending: Pending, record: OutgoingRecord, deadlineMs: number): Promise<SendOutcome> {
  const bytes = entryBytes(record);
  const isFull = pending.records >= pending.limits.recordsMax || pending.bytes + bytes > pending.limits.bytesMax;
  if (isFull && pending.records > 0) return Promise.resolve({ kind: 'not-sent', reason: pending.words.full });
  pending.records += 1;
  pending.bytes += bytes;
  return new Promise((resolve) => {
    const entry = { record, bytes, deadlineMs, resolve, isUnderWay: false, isUnsure: false, isSettled: false };
    pending.queue.push(entry);
    if (deadlineMs < pending.armedForMs) arm(pending, deadlineMs);
  });
}

/**
 * Takes the next send from the front of the queue: at least one record, no more than the limits, none whose deadline
 * has passed. Empty when nothing is left.
 */
export function takeBatch(pending: Pending, limits: PendingLimits): readonly Entry[] {
  const nowMs = pending.clock.elapsed();
  const batch: Entry[] = [];
  let bytes = 0;
  let taken = 0;
  for (const entry of pending.queue) {
    if (batch.length > 0 && (batch.length >= limits.recordsMax || bytes + entry.bytes > limits.bytesMax)) break;
    taken += 1;
    if (entry.deadlineMs <= nowMs) expire(pending, entry);
    if (entry.isSettled) continue;
    entry.isUnderWay = true;
    batch.push(entry);
    bytes += entry.bytes;
  }
  pending.queue = taken === pending.queue.length ? [] : pending.queue.slice(taken);
  pending.underWay = batch;
  return batch;
}

/** The send is over; these of it wait at the front, in their order, for another. */
export function putBack(pending: Pending, again: readonly Entry[]): void {
  for (const entry of pending.underWay) entry.isUnderWay = false;
  pending.underWay = [];
  if (again.length > 0) pending.queue = [...again, ...pending.queue];
}

/** The first outcome counts. */
export function settle(pending: Pending, entry: Entry, outcome: SendOutcome): void {
  if (entry.isSettled) return;
  entry.isSettled = true;
  pending.records -= 1;
  pending.bytes -= entry.bytes;
  entry.resolve(outcome);
  if (pending.records > 0) return;
  for (const resolve of pending.whenEmpty.splice(0)) resolve();
}

/** Resolves once every record has its outcome. */
export function untilEmpty(pending: Pending): Promise<void> {
  if (pending.records === 0) return Promise.resolve();
  return new Promise((resolve) => pending.whenEmpty.push(resolve));
}

function expire(pending: Pending, entry: Entry): void {
  const mayBeStored = entry.isUnderWay || entry.isUnsure;
  if (mayBeStored) settle(pending, entry, { kind: 'unknown', reason: pending.words.unsure });
  else settle(pending, entry, { kind: 'not-sent', reason: pending.words.late });
}

/** One timer serves all deadlines: a record that is settled before the next look costs none. */
function arm(pending: Pending, deadlineMs: number): void {
  pending.armedForMs = deadlineMs;
  const waitMs = Math.max(0, deadlineMs - pending.clock.elapsed());
  void pending.clock.sleep(waitMs, pending.stopped.signal).then(() => {
    if (pending.armedForMs === deadlineMs && !pending.stopped.signal.aborted) sweep(pending);
  });
}

function sweep(pending: Pending): void {
  const nowMs = pending.clock.elapsed();
  let earliestMs = NEVER;
  for (const entry of [...pending.underWay, ...pending.queue]) {
    if (entry.deadlineMs <= nowMs) expire(pending, entry);
    if (!entry.isSettled) earliestMs = Math.min(earliestMs, entry.deadlineMs);
  }
  pending.queue = pending.queue.filter((entry) => !entry.isSettled);
  pending.armedForMs = NEVER;
  if (earliestMs !== NEVER) arm(pending, earliestMs);
}
