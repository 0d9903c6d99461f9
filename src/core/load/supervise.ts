// A source that outlives its client: whatever ends the client, or lets it stand still, makes a new one, whose `joined` lets the
// load loop claim again. The process works, or waits and says so, or ends with a reason; it is never alive and idle.
// gbx consume opens its source through it.
import { asGbxError, GbxError } from '../errors.ts';
import type { SourceEvent } from './ports.ts';
import {
  asCurrent,
  type Current,
  noteProgress,
  type OwnedSource,
  REMIND_MS,
  rebuild,
  type SuperviseLimits,
  type SuperviseOptions,
  type Supervisor,
  wakeAll,
  within,
} from './rebuild-source.ts';

const DEFAULTS: SuperviseLimits = {
  checkMs: 15_000,
  silentChecksMax: 4,
  rebuildsMax: 10,
  evictedMs: 5_000,
  joinMs: 300_000,
  closeMs: 10_000,
  openMs: 60_000,
};
export interface SupervisedSource extends OwnedSource {
  /** False while a new client is made, and until it has joined the group. */
  isUp(): boolean;
}

/** @throws {GbxError} what opening the first client throws */
export async function superviseSource(options: SuperviseOptions): Promise<SupervisedSource> {
  const source = await options.open();
  const { clusterId, topic, group } = source;
  const state: Supervisor = {
    ...options,
    limits: { ...DEFAULTS, ...options.limits },
    named: { clusterId, topic, group },
    closing: new AbortController(),
    current: undefined,
    rebuilding: Promise.resolve(),
    fatal: undefined,
    waiting: new Set(),
    rebuilds: 0,
    deaths: 0,
    deathSaidAtMs: Number.NEGATIVE_INFINITY,
    hasRead: false,
    unreadable: new Map(),
    furthest: new Map(),
    checkedAtMs: options.clock.elapsed(),
    isChecking: false,
  };
  state.current = asCurrent(state, source);
  return {
    ...state.named,
    isUp: () => state.current !== undefined && state.current.joins > 0,
    take: (ms, signal) => take(state, ms, signal),
    offsets: async (partitions) => currentOf(state).source.offsets(partitions),
    seek: (positions) => seek(state, positions),
    commit: (positions) => commit(state, positions),
    [Symbol.asyncDispose]: () => close(state),
  };
}

function currentOf({ current, fatal, named }: Supervisor): Current {
  if (current !== undefined) return current;
  throw fatal ?? new GbxError('GBX_KAFKA_UNREACHABLE', `Cannot ask for the topic ${named.topic} while a new client is made`);
}

async function take(state: Supervisor, ms: number, signal?: AbortSignal): Promise<SourceEvent | undefined> {
  if (state.fatal !== undefined) throw state.fatal;
  const { current } = state;
  if (current === undefined) return untilChanged(state, ms, signal);
  let event: SourceEvent | undefined;
  try {
    event = await takeFrom(current, ms, signal);
  } catch (error) {
    rebuild(state, current, { reason: 'crash', error: asGbxError(error) });
    return undefined;
  }
  // Replaced while it waited: the new client's join tells what is to be read.
  if (state.current !== current) return undefined;
  if (event !== undefined) note(state, current, event);
  lookForJoin(state, current);
  lookForFirstJoin(state, current);
  if (state.clock.elapsed() - state.checkedAtMs >= state.limits.checkMs) void lookForStall(state, current);
  return event;
}

/** Notes whether all that the client has was taken: only then what did not come is its fault. */
async function takeFrom(current: Current, ms: number, signal?: AbortSignal): Promise<SourceEvent | undefined> {
  const event = await current.source.take(0, signal);
  if (event !== undefined) return event;
  current.emptyTakes++;
  return current.source.take(ms, signal);
}

/** Always undefined: the next take() gives what there is then. */
async function untilChanged(state: Supervisor, ms: number, signal?: AbortSignal): Promise<undefined> {
  const alarm = new AbortController();
  const wake = (): void => alarm.abort();
  state.waiting.add(wake);
  signal?.addEventListener('abort', wake, { once: true });
  if (!signal?.aborted) await state.clock.sleep(ms, alarm.signal);
  signal?.removeEventListener('abort', wake);
  state.waiting.delete(wake);
  if (state.fatal !== undefined) throw state.fatal;
}

function note(state: Supervisor, current: Current, event: SourceEvent): void {
  if (event.kind === 'joined') {
    current.joins++;
    current.standsBySinceMs = event.partitions.length === 0 ? state.clock.elapsed() : undefined;
    current.stalls.joined();
    return;
  }
  const { partition, nextOffset } = event;
  current.stalls.gave(partition, nextOffset);
  if (nextOffset <= (state.furthest.get(partition) ?? -1n)) return;
  state.furthest.set(partition, nextOffset);
  noteProgress(state);
}

function seek({ current }: Supervisor, positions: ReadonlyMap<number, bigint>): void {
  // Before its join a client has no partitions: what is sought then was meant for the one before.
  if (current === undefined || current.joins === 0) return;
  current.stalls.sought(positions);
  current.source.seek(positions);
}

async function commit(state: Supervisor, positions: ReadonlyMap<number, bigint>): Promise<void> {
  const current = currentOf(state);
  try {
    await current.source.commit(positions);
  } catch (error) {
    if (error instanceof GbxError && error.code === 'GBX_NOT_A_MEMBER') expectJoin(state, current, error);
    throw error;
  }
}

/** The group has forgotten this member, which may read on all the same: the client should notice, and join again. */
function expectJoin({ clock, limits }: Supervisor, current: Current, error: GbxError): void {
  const { joins, refused } = current;
  if (refused?.joins !== joins) current.refused = { error, joins, joinedByMs: clock.elapsed() + limits.evictedMs };
}

/** After a take: a join is the first thing that a client gives, so it would have been taken by now. */
function lookForJoin(state: Supervisor, current: Current): void {
  const { refused, joins } = current;
  if (refused === undefined || state.clock.elapsed() < refused.joinedByMs) return;
  current.refused = undefined;
  if (joins === refused.joins) rebuild(state, current, { reason: 'evicted', error: refused.error });
}

/** After a take: kafkajs asks for the group's coordinator for ever, and in silence. */
function lookForFirstJoin(state: Supervisor, current: Current): void {
  const { clock, limits, log, named } = state;
  if (current.joins > 0) return;
  const nowMs = clock.elapsed();
  const seconds = Math.round((nowMs - current.sinceMs) / 1000);
  if (nowMs - current.sinceMs >= limits.joinMs) {
    const message = `Cannot read the topic ${named.topic} as the group ${named.group} did not let this member join within ${seconds} s`;
    const hint = 'look at the brokers: does the coordinator of the group answer, and is the topic __consumer_offsets complete?';
    rebuild(state, current, { reason: 'unjoined', error: new GbxError('GBX_CONSUMER_CRASHED', message, { hint }) });
  } else if (nowMs - current.unjoinedSaidAtMs >= REMIND_MS) {
    current.unjoinedSaidAtMs = nowMs;
    log.warn('group.join_waited_for', { group: named.group, seconds, newClientAfter: limits.joinMs / 1000 });
  }
}

async function lookForStall(state: Supervisor, current: Current): Promise<void> {
  if (state.isChecking) return;
  state.isChecking = true;
  state.checkedAtMs = state.clock.elapsed();
  try {
    const wasEmpty = current.emptyTakes > current.emptyTakesSeen;
    current.emptyTakesSeen = current.emptyTakes;
    const partitions = current.stalls.doubted();
    if (standsBy(state, current)) noteProgress(state);
    if (partitions.length === 0) return;
    const { stalled, isCaughtUp } = current.stalls.check(await current.source.offsets(partitions), wasEmpty);
    if (isCaughtUp && state.current === current) noteProgress(state);
    if (stalled.length > 0) rebuild(state, current, { reason: 'stall', error: standsStill(state, stalled) });
  } catch {
    // Kafka does not answer: that is no stall, and shows elsewhere.
  } finally {
    state.isChecking = false;
  }
}

/** A member without partitions has nothing to read: to be in its group still, a look later, is all that it can do. */
function standsBy({ clock, limits, current: present }: Supervisor, current: Current): boolean {
  const { standsBySinceMs } = current;
  return present === current && standsBySinceMs !== undefined && clock.elapsed() - standsBySinceMs >= limits.checkMs;
}

function standsStill({ named, limits }: Supervisor, partitions: readonly number[]): GbxError {
  const seconds = (limits.silentChecksMax * limits.checkMs) / 1000;
  return new GbxError(
    'GBX_CONSUMER_CRASHED',
    `Cannot go on reading the topic ${named.topic} as partitions ${partitions.join(', ')} gave nothing for ${seconds} s though the log holds more`,
  );
}

async function close(state: Supervisor): Promise<void> {
  const { current, limits } = state;
  state.closing.abort();
  state.current = undefined;
  wakeAll(state);
  const ends = [state.rebuilding, current?.source[Symbol.asyncDispose]()].map(async (work) => work);
  for (const work of ends) await within(state, work, limits.closeMs).catch(() => undefined);
}
