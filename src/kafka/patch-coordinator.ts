// kafkajs's consumer and the broker that keeps its group. All fetching waited for each heartbeat's answer, and a coordinator that
// froze was asked for ever, as it is looked up at joins only. Here the heart beats beside the fetching, and a coordinator that
// does not answer is looked up anew from the other brokers. Part of patch-kafkajs.ts.

import { systemClock } from '../core/clock.ts';
import { withDeadline } from './deadline.ts';
import { giveUpOn, isSuspect, type PooledBroker } from './patch-silence.ts';

interface Broker extends Pick<PooledBroker, 'connectionPool'> {
  readonly brokerAddress: string;
  heartbeat(beat: object): Promise<unknown>;
  findGroupCoordinator(query: {
    readonly groupId: string;
    readonly coordinatorType: number;
  }): Promise<{ readonly coordinator: { readonly nodeId: number } }>;
}

interface Cluster {
  readonly brokerPool: {
    readonly brokers: Readonly<Record<string, Broker>>;
    findBroker(query: { readonly nodeId: number | string }): Promise<Broker>;
  };
}

interface OffsetManager {
  readonly cluster: Cluster;
  readonly groupId: string;
  coordinator: Broker;
  commitOffsets(offsets?: object): Promise<void>;
  resolveOffsets(): Promise<void>;
}

interface ConsumerGroup {
  readonly cluster: Cluster;
  readonly groupId: string;
  readonly sessionTimeout: number;
  readonly memberId: string | null;
  readonly generationId: number | null;
  coordinator: Broker | null;
  readonly offsetManager: OffsetManager | null;
  readonly instrumentationEmitter: { emit(event: string, payload: object): void };
  heartbeat(options: { readonly interval: number }): Promise<void>;
  joinAndSync(): Promise<void>;
}

interface Patchable<T> {
  readonly prototype: T;
}

const GROUP = 0;
/** After a beat that failed; the beat itself may have taken long. */
const BEAT_AGAIN_MS = 500;
/** While an answer is waited for the others are asked so often whether the coordinator is another one by now. A join may take long. */
const BEAT_DOUBTED_MS = 1_000;
const JOIN_DOUBTED_MS = 4_000;
const LOOK_UP_MS_MAX = 3_000;
/** The coordinator's own words for "not I": no reason to join anew, as another broker has the group as it is. */
const ELSEWHERE = new Set(['NOT_COORDINATOR_FOR_GROUP', 'GROUP_COORDINATOR_NOT_AVAILABLE']);
const NOT_YET = 'GROUP_LOAD_IN_PROGRESS';

export function patchCoordinator(load: (module: string) => unknown): void {
  const { events } = load('kafkajs/src/consumer/instrumentationEvents') as { readonly events: { readonly HEARTBEAT: string } };
  const group = (load('kafkajs/src/consumer/consumerGroup') as Patchable<ConsumerGroup>).prototype;
  patchHeartbeat(group, events.HEARTBEAT);
  patchJoin(group);
  const { prototype } = load('kafkajs/src/consumer/offsetManager') as Patchable<OffsetManager>;
  const { commitOffsets, resolveOffsets } = prototype;
  prototype.commitOffsets = function commitWhereItIsKept(this: OffsetManager, offsets) {
    return orElsewhere(this, commitOffsets.call(this, offsets));
  };
  prototype.resolveOffsets = function resolveWhereItIsKept(this: OffsetManager) {
    return orElsewhere(this, resolveOffsets.call(this));
  };
}

/** Which membership a heartbeat is for, and where it goes. */
interface Beat {
  readonly coordinator: Broker;
  readonly memberId: string;
  readonly generationId: number | null;
}

interface Heart {
  beating: { readonly beat: Beat; readonly done: Promise<void> } | undefined;
  nextAtMs: number;
  /** The membership that was seen last, and when the group confirmed it: by the join, or by an answer since. */
  of: Beat | undefined;
  confirmedAtMs: number;
  /** What the group answered, for the next call to throw. */
  refused: { readonly error: unknown; readonly beat: Beat } | undefined;
  /** Why there was no answer, until there is one. */
  unanswered: unknown;
}

/**
 * By the steady clock. What the group answers is thrown by the next call, some 250 ms later. That nobody answers is thrown by none
 * before the session is over: to read on needs no coordinator. From then on each call waits for an answer, since others have the
 * partitions by now: a process that was stopped for long asks before it reads on.
 */
function patchHeartbeat(prototype: ConsumerGroup, event: string): void {
  const hearts = new WeakMap<ConsumerGroup, Heart>();
  prototype.heartbeat = async function heartbeatAside(this: ConsumerGroup, { interval }) {
    const heart = hearts.get(this) ?? createHeart();
    hearts.set(this, heart);
    throwRefused(this, heart);
    const { coordinator, memberId, generationId } = this;
    if (memberId === null || memberId === '' || coordinator === null) return;
    const beat: Beat = { coordinator, memberId, generationId };
    if (heart.of === undefined || !isOf(this, heart.of)) Object.assign(heart, { confirmedAtMs: performance.now(), unanswered: undefined });
    heart.of = beat;
    // One that hangs at a former coordinator is no reason to keep silent before the present one.
    const isBeating = heart.beating?.beat.coordinator === coordinator && isOf(this, heart.beating.beat);
    if (!isBeating && performance.now() >= heart.nextAtMs) heart.beating = { beat, done: send(this, heart, { beat, interval, event }) };
    if (performance.now() - heart.confirmedAtMs <= this.sessionTimeout) return;
    await heart.beating?.done;
    throwRefused(this, heart);
    if (heart.unanswered !== undefined) throw heart.unanswered;
  };
}

function createHeart(): Heart {
  const never = Number.NEGATIVE_INFINITY;
  return { beating: undefined, nextAtMs: never, of: undefined, confirmedAtMs: never, refused: undefined, unanswered: undefined };
}

/** An answer to a membership that is over says nothing of the present one. */
function throwRefused(group: ConsumerGroup, heart: Heart): void {
  const { refused } = heart;
  heart.refused = undefined;
  if (refused !== undefined && isOf(group, refused.beat)) throw refused.error;
}

function isOf(group: ConsumerGroup, beat: Beat): boolean {
  return beat.memberId === group.memberId && beat.generationId === group.generationId;
}

interface SendOptions {
  readonly beat: Beat;
  readonly interval: number;
  readonly event: string;
}

/** Never rejects. */
async function send(group: ConsumerGroup, heart: Heart, { beat, interval, event }: SendOptions): Promise<void> {
  const { coordinator, memberId, generationId } = beat;
  let waitMs = Math.min(BEAT_AGAIN_MS, interval);
  const watch = setInterval(() => void desert(group, coordinator), BEAT_DOUBTED_MS);
  try {
    const payload = { groupId: group.groupId, memberId, groupGenerationId: generationId };
    await coordinator.heartbeat(payload);
    group.instrumentationEmitter.emit(event, payload);
    waitMs = interval;
    if (isOf(group, beat)) Object.assign(heart, { confirmedAtMs: performance.now(), unanswered: undefined });
  } catch (error) {
    const type = typeOf(error);
    if (type !== undefined && type !== NOT_YET && !ELSEWHERE.has(type)) {
      heart.refused = { error, beat };
    } else {
      if (isOf(group, beat)) heart.unanswered = error;
      if (type !== NOT_YET) await follow(group, coordinator);
    }
  } finally {
    clearInterval(watch);
    if (heart.beating === undefined || heart.beating.beat === beat) {
      heart.beating = undefined;
      heart.nextAtMs = performance.now() + waitMs;
    }
  }
}

/** A frozen coordinator would hold a join for as long as a rebalance may last, and longer. */
function patchJoin(prototype: ConsumerGroup): void {
  const original = prototype.joinAndSync;
  prototype.joinAndSync = async function joinWatched(this: ConsumerGroup) {
    const watch = setInterval(() => {
      if (this.coordinator !== null) void desert(this, this.coordinator);
    }, JOIN_DOUBTED_MS);
    try {
      await original.call(this);
    } finally {
      clearInterval(watch);
    }
  };
}

/** As follow(), before the former coordinator has answered: what it owes is given up. */
async function desert(group: ConsumerGroup, former: Broker): Promise<void> {
  if (await follow(group, former)) giveUpOn(former);
}

/** To the coordinator that the others name, where it is another one. */
async function follow(group: ConsumerGroup, former: Broker): Promise<boolean> {
  const found = await lookUp(group.cluster, { groupId: group.groupId, former });
  // A join may have found one meanwhile.
  if (found === undefined || group.coordinator !== former) return false;
  group.coordinator = found;
  if (group.offsetManager !== null) group.offsetManager.coordinator = found;
  return true;
}

/** kafkajs tries again by itself. */
async function orElsewhere(manager: OffsetManager, work: Promise<void>): Promise<void> {
  const former = manager.coordinator;
  try {
    await work;
  } catch (error) {
    const type = typeOf(error);
    if (type === undefined || ELSEWHERE.has(type)) {
      const found = await lookUp(manager.cluster, { groupId: manager.groupId, former });
      if (found !== undefined && manager.coordinator === former) manager.coordinator = found;
    }
    throw error;
  }
}

interface LookUpQuery {
  readonly groupId: string;
  readonly former: Broker;
}

/** @returns undefined where none of the others knows better, or none answers */
async function lookUp(cluster: Cluster, query: LookUpQuery): Promise<Broker | undefined> {
  const late = (): Error => new Error('slow to say who keeps the group');
  return await withDeadline(ask(cluster, query), { clock: systemClock, ms: LOOK_UP_MS_MAX, late }).catch(() => undefined);
}

/** All other brokers that answer at once: the first of them counts. */
async function ask({ brokerPool }: Cluster, { groupId, former }: LookUpQuery): Promise<Broker | undefined> {
  const others = Object.entries(brokerPool.brokers).filter(
    ([, broker]) => broker.brokerAddress !== former.brokerAddress && !isSuspect(broker),
  );
  const { coordinator } = await Promise.any(
    others.map(async ([nodeId]) => (await brokerPool.findBroker({ nodeId })).findGroupCoordinator({ groupId, coordinatorType: GROUP })),
  );
  const found = brokerPool.brokers[coordinator.nodeId];
  return found === undefined || found.brokerAddress === former.brokerAddress ? undefined : await brokerPool.findBroker(coordinator);
}

/** Of an answer of the broker; undefined where there was none. */
function typeOf(error: unknown): string | undefined {
  return error instanceof Error && 'type' in error && typeof error.type === 'string' ? error.type : undefined;
}
