// kafkajs measures time with the wall clock: stepped back an hour, its heart stops for as long, its requests never time out and
// its metadata never ages. Here, in patch-coordinator.ts and in patch-silence.ts these go by a clock that never steps. Part of
// patch-kafkajs.ts.
import { isSuspect, type PooledBroker } from './patch-silence.ts';

interface RequestQueue {
  throttledUntil: number;
  maybeThrottle(ms: number | null): void;
  canSendSocketRequestImmediately(): boolean;
  scheduleCheckPendingRequests(): void;
}

interface BrokerPool {
  readonly metadataMaxAge: number;
  readonly brokers: Readonly<Record<string, PooledBroker>>;
  metadataExpireAt: number | null;
  refreshMetadata(topics: readonly string[]): Promise<void>;
  refreshMetadataIfNecessary(topics: readonly string[]): Promise<void>;
}

interface Patchable<T> {
  readonly prototype: T;
}

/** While a broker is silent: the others take over its partitions within seconds. */
const SUSPECT_AGE_MS = 1_000;

export function patchClock(load: (module: string) => unknown): void {
  patchThrottle((load('kafkajs/src/network/requestQueue') as Patchable<RequestQueue>).prototype);
  patchMetadataAge((load('kafkajs/src/cluster/brokerPool') as Patchable<BrokerPool>).prototype);
}

/** The broker's wish to be spared for a while, as kafkajs notes it, is set anew by the steady clock before each look at it. */
function patchThrottle(prototype: RequestQueue): void {
  const { maybeThrottle, canSendSocketRequestImmediately, scheduleCheckPendingRequests } = prototype;
  const untilMs = new WeakMap<RequestQueue, number>();
  const settle = (queue: RequestQueue): void => {
    const leftMs = (untilMs.get(queue) ?? 0) - performance.now();
    queue.throttledUntil = leftMs > 0 ? Date.now() + leftMs : -1;
  };
  prototype.maybeThrottle = function throttleByElapsed(this: RequestQueue, ms) {
    if (ms !== null && ms > 0) untilMs.set(this, Math.max(untilMs.get(this) ?? 0, performance.now() + ms));
    maybeThrottle.call(this, ms);
  };
  prototype.canSendSocketRequestImmediately = function canSendByElapsed(this: RequestQueue) {
    settle(this);
    return canSendSocketRequestImmediately.call(this);
  };
  prototype.scheduleCheckPendingRequests = function scheduleByElapsed(this: RequestQueue) {
    settle(this);
    scheduleCheckPendingRequests.call(this);
  };
}

/** A null means that somebody wants it anew; else its age decides. */
function patchMetadataAge(prototype: BrokerPool): void {
  const { refreshMetadata, refreshMetadataIfNecessary } = prototype;
  const readAtMs = new WeakMap<BrokerPool, number>();
  prototype.refreshMetadata = async function refreshAndNote(this: BrokerPool, topics) {
    const askedAtMs = performance.now();
    await refreshMetadata.call(this, topics);
    readAtMs.set(this, askedAtMs);
  };
  prototype.refreshMetadataIfNecessary = function refreshByElapsed(this: BrokerPool, topics) {
    if (this.metadataExpireAt !== null) {
      const ageMs = performance.now() - (readAtMs.get(this) ?? Number.NEGATIVE_INFINITY);
      const ageMsMax = Object.values(this.brokers).some(isSuspect) ? Math.min(SUSPECT_AGE_MS, this.metadataMaxAge) : this.metadataMaxAge;
      this.metadataExpireAt = ageMs > ageMsMax ? null : Number.POSITIVE_INFINITY;
    }
    return refreshMetadataIfNecessary.call(this, topics);
  };
}
