// A new client in place of one that died: with backoff, for ever where Kafka is away, so many times where nothing explains it.
// The state behind supervise.ts, which notices the deaths.
import { type Clock, LATE, type Random, withinTime } from '../clock.ts';
import { asGbxError, GbxError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { backoffMs } from '../retry.ts';
import type { Source } from './ports.ts';
import { createStallWatch, type StallWatch } from './stall-watch.ts';

export type OwnedSource = Source & AsyncDisposable;

export interface SuperviseOptions {
  /** Makes a client. What it throws the first time is thrown by superviseSource; later it is tried again, but for what was wrong from the start. */
  readonly open: () => Promise<OwnedSource>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly limits?: Partial<SuperviseLimits>;
}

export interface SuperviseLimits {
  /** How often a source that gives nothing is compared with the log. @default 15 s */
  readonly checkMs: number;
  /** So many such checks without a record, though the log holds more, are a stall. @default 4 */
  readonly silentChecksMax: number;
  /** New clients without progress between them before the process ends. @default 10 */
  readonly rebuildsMax: number;
  /** From a commit that was refused to the join that explains it. @default 5 s */
  readonly evictedMs: number;
  /** From a client's start to its first join; the group may wait for another member as long as its rebalance timeout. @default 5 min */
  readonly joinMs: number;
  /** Longest wait for a client to close, and for one to open. @default 10 s and 60 s */
  readonly closeMs: number;
  readonly openMs: number;
}

type Reason = 'crash' | 'stall' | 'evicted' | 'unjoined';

const REBUILD_BACKOFF = { firstMs: 500, maxMs: 30_000 };
const OPEN_BACKOFF = { firstMs: 500, maxMs: 5_000 };
export const REMIND_MS = 60_000;
/** A bound of memory: more batches than a topic has partitions are seldom met again. */
const UNREADABLE_MAX = 1_000;

interface RefusedCommit {
  readonly error: GbxError;
  readonly joins: number;
  /** By then, in `Clock.elapsed`, the join that explains it is there to be taken. */
  readonly joinedByMs: number;
}

/** One client's life; told apart by identity. */
export interface Current {
  readonly source: OwnedSource;
  readonly stalls: StallWatch;
  /** By `Clock.elapsed`: when it was made, and when its missing join was last told of. */
  readonly sinceMs: number;
  unjoinedSaidAtMs: number;
  joins: number;
  /** By `Clock.elapsed`, from the last join on, where that gave it no partition: it stands by. */
  standsBySinceMs: number | undefined;
  /** How often it had nothing to give at once: what it gave before was taken. */
  emptyTakes: number;
  /** `emptyTakes` at the last look for a stall. */
  emptyTakesSeen: number;
  /** The first commit since the last join that the group refused. */
  refused: RefusedCommit | undefined;
}

export interface Supervisor extends Omit<SuperviseOptions, 'limits'> {
  readonly limits: SuperviseLimits;
  readonly named: Pick<Source, 'clusterId' | 'topic' | 'group'>;
  readonly closing: AbortController;
  /** Undefined while a new client is made. */
  current: Current | undefined;
  rebuilding: Promise<void>;
  /** What take() throws from now on. */
  fatal: GbxError | undefined;
  /** Woken when a client is there again, or never will be. */
  readonly waiting: Set<() => void>;
  /** Clients without progress that nothing explains: they count towards the end of the process. */
  rebuilds: number;
  /** All clients without progress, whatever ended them: each waits longer than the one before. */
  deaths: number;
  /** When an end that does not count was last told of, by `Clock.elapsed`. */
  deathSaidAtMs: number;
  /** A client has read, or was at the log's end: from then on what is wrong with login or topic is waited for. */
  hasRead: boolean;
  /** How often each of these batches could not be read, by message: progress elsewhere does not help it. */
  readonly unreadable: Map<string, number>;
  /** By partition the furthest that was taken, of all clients. */
  readonly furthest: Map<number, bigint>;
  checkedAtMs: number;
  isChecking: boolean;
}

export function asCurrent({ limits, clock }: Supervisor, source: OwnedSource): Current {
  const sinceMs = clock.elapsed();
  return {
    source,
    stalls: createStallWatch(limits.silentChecksMax),
    sinceMs,
    unjoinedSaidAtMs: sinceMs,
    joins: 0,
    standsBySinceMs: undefined,
    emptyTakes: 0,
    emptyTakesSeen: 0,
    refused: undefined,
  };
}

/** Records that no client took before, all of the log was given, or a place in the group to stand by. */
export function noteProgress(state: Supervisor): void {
  Object.assign(state, { rebuilds: 0, deaths: 0, deathSaidAtMs: Number.NEGATIVE_INFINITY, hasRead: true });
}

interface Failure {
  readonly reason: Reason;
  readonly error: GbxError;
}

/** Once a client, whoever finds its end first. */
export function rebuild(state: Supervisor, former: Current, failure: Failure): void {
  if (state.current !== former || state.closing.signal.aborted) return;
  state.current = undefined;
  state.metrics.count('gbx_kafka_client_rebuilds_total', 1, { reason: failure.reason });
  state.rebuilding = replace(state, former, failure);
}

async function replace(state: Supervisor, former: Current, failure: Failure): Promise<void> {
  const { limits, log, clock, random, closing, named } = state;
  const { reason, error } = failure;
  const attempt = countRebuild(state, error);
  const isSaid = sayDeath(state, failure, attempt);
  await within(state, former.source[Symbol.asyncDispose](), limits.closeMs).catch(() => undefined);
  if (isWrongFromTheStart(state, error)) return end(state, error);
  if (attempt > limits.rebuildsMax) return end(state, givenUp(named.topic, error, limits.rebuildsMax));
  await clock.sleep(backoffMs(state.deaths++, REBUILD_BACKOFF, random), closing.signal);
  const source = await openAgain(state);
  if (source === undefined) return;
  if (source.clusterId !== named.clusterId) {
    await within(state, source[Symbol.asyncDispose](), limits.closeMs).catch(() => undefined);
    return end(state, otherCluster(named, source));
  }
  if (isSaid) log.info('source.rebuilt', { reason, attempt });
  state.checkedAtMs = clock.elapsed();
  state.current = asCurrent(state, source);
  wakeAll(state);
}

/** What counts is said each time; what is waited for at first, then once a minute. */
function sayDeath(state: Supervisor, { reason, error }: Failure, attempt: number): boolean {
  const { limits, log, clock, deaths } = state;
  if (!isWaitedFor(error)) {
    log.error('source.died', { reason, code: error.code, message: error.message, attempt, attemptsMax: limits.rebuildsMax });
    return true;
  }
  if (clock.elapsed() - state.deathSaidAtMs < REMIND_MS) return false;
  state.deathSaidAtMs = clock.elapsed();
  log.error('source.died', { reason, code: error.code, message: error.message, hint: error.hint, clients: deaths + 1 });
  return true;
}

/** Before anything was read a login refused or a topic missing is a mistake of whoever started the process, not an outage. */
function isWrongFromTheStart({ hasRead }: Supervisor, { failure }: GbxError): boolean {
  return failure === 'systemic' && !hasRead;
}

function isWaitedFor({ failure }: GbxError): boolean {
  return failure === 'transient' || failure === 'systemic';
}

/** An outage, a login refused or a topic missing is waited for, however long: only what has no such reason counts. */
function countRebuild(state: Supervisor, error: GbxError): number {
  if (error.code === 'GBX_BATCH_UNREADABLE') {
    const { unreadable } = state;
    const count = (unreadable.get(error.message) ?? 0) + 1;
    unreadable.delete(error.message);
    unreadable.set(error.message, count);
    // The one that was met the longest time ago.
    for (const message of unreadable.keys()) if (unreadable.size > UNREADABLE_MAX) unreadable.delete(message);
    return count;
  }
  if (!isWaitedFor(error)) state.rebuilds++;
  return state.rebuilds;
}

/** Until it succeeds, the source is closed, or it shows that it never can. */
async function openAgain(state: Supervisor): Promise<OwnedSource | undefined> {
  const { open, limits, clock, random, log, closing } = state;
  const sinceMs = clock.elapsed();
  let saidAtMs = Number.NEGATIVE_INFINITY;
  for (let attempt = 0; !closing.signal.aborted; attempt++) {
    const opening = open();
    try {
      return await within(state, opening, limits.openMs, closing.signal);
    } catch (error) {
      // One that comes too late is nobody's.
      void opening.then((source) => source[Symbol.asyncDispose]()).catch(() => undefined);
      const failure = asGbxError(error);
      if (isWrongFromTheStart(state, failure)) {
        end(state, failure);
        return undefined;
      }
      const { code, message, hint } = failure;
      if (clock.elapsed() - saidAtMs >= REMIND_MS) {
        saidAtMs = clock.elapsed();
        log.error('source.waited_for', { code, message, hint, seconds: Math.round((saidAtMs - sinceMs) / 1000) });
      }
    }
    await clock.sleep(backoffMs(attempt, OPEN_BACKOFF, random), closing.signal);
  }
  return undefined;
}

/** @throws {GbxError} GBX_KAFKA_UNREACHABLE once it takes too long, or the signal aborts */
export async function within<T>({ clock }: Supervisor, work: PromiseLike<T>, ms: number, signal?: AbortSignal): Promise<T> {
  const first = await withinTime({ clock, ms, signal }, () => work);
  if (first === LATE) throw new GbxError('GBX_KAFKA_UNREACHABLE', `Cannot wait longer than ${ms / 1000} s for the Kafka client`);
  return first;
}

function end(state: Supervisor, error: GbxError): void {
  state.fatal = error;
  wakeAll(state);
}

export function wakeAll({ waiting }: Supervisor): void {
  for (const wake of waiting) wake();
}

function givenUp(topic: string, error: GbxError, rebuilds: number): GbxError {
  const code = error.code === 'GBX_BATCH_UNREADABLE' ? error.code : 'GBX_CONSUMER_CRASHED';
  const message = `Cannot go on reading the topic ${topic}: ${rebuilds} new clients made no progress; the last one's end: ${error.message}`;
  return new GbxError(code, message, { cause: error, hint: error.hint });
}

function otherCluster({ clusterId, topic }: Supervisor['named'], source: Source): GbxError {
  return new GbxError(
    'GBX_TOPIC_CHANGED',
    `Cannot go on reading the topic ${topic} as the brokers belong to another cluster now: ${source.clusterId}, not ${clusterId}`,
    { hint: 'if that is meant, start gbx consume again: it goes on where the ledger of that cluster stands' },
  );
}
