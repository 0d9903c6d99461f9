// kafkajs measures time with the wall clock: stepped back an hour, its heart stops for as long, its requests never time out and
// its metadata never ages. Here these go by a clock that never steps. Part of patch-kafkajs.ts.

interface ConsumerGroup {
  lastRequest: number;
  heartbeat(options: { readonly interval: number }): Promise<void>;
}

interface SocketRequest {
  readonly requestTimeout: number;
  timeoutRequest(): void;
}

interface RequestQueue {
  readonly enforceRequestTimeout: boolean;
  readonly requestTimeout: number;
  readonly inflight: ReadonlyMap<number, SocketRequest>;
  requestTimeoutIntervalId?: NodeJS.Timeout;
  throttledUntil: number;
  destroy(): void;
  isConnected(): boolean;
  scheduleRequestTimeoutCheck(): void;
  maybeThrottle(ms: number | null): void;
  canSendSocketRequestImmediately(): boolean;
  scheduleCheckPendingRequests(): void;
}

interface BrokerPool {
  readonly metadataMaxAge: number;
  metadataExpireAt: number | null;
  refreshMetadata(topics: readonly string[]): Promise<void>;
  refreshMetadataIfNecessary(topics: readonly string[]): Promise<void>;
}

interface Patchable<T> {
  readonly prototype: T;
}

const TICKS_PER_TIMEOUT = 20;
const TICK_MS_MAX = 250;

export function patchClock(load: (module: string) => unknown): void {
  patchHeartbeat((load('kafkajs/src/consumer/consumerGroup') as Patchable<ConsumerGroup>).prototype);
  const queue = load('kafkajs/src/network/requestQueue') as Patchable<RequestQueue>;
  patchRequestTimeout(queue.prototype);
  patchThrottle(queue.prototype);
  patchMetadataAge((load('kafkajs/src/cluster/brokerPool') as Patchable<BrokerPool>).prototype);
}

/** Whether it is time is decided here; for kafkajs it always is. */
function patchHeartbeat(prototype: ConsumerGroup): void {
  const original = prototype.heartbeat;
  const beatAtMs = new WeakMap<ConsumerGroup, number>();
  prototype.heartbeat = async function heartbeatByElapsed(this: ConsumerGroup, options) {
    if (performance.now() - (beatAtMs.get(this) ?? Number.NEGATIVE_INFINITY) < options.interval) return;
    this.lastRequest = Number.NEGATIVE_INFINITY;
    await original.call(this, options);
    beatAtMs.set(this, performance.now());
  };
}

/** Counts ticks of its timer: so a process that was stopped for a while does not find its requests too late when it goes on. */
function patchRequestTimeout(prototype: RequestQueue): void {
  prototype.scheduleRequestTimeoutCheck = function scheduleByTicks(this: RequestQueue) {
    if (!this.enforceRequestTimeout) return;
    this.destroy();
    const tickMs = Math.min(this.requestTimeout / TICKS_PER_TIMEOUT, TICK_MS_MAX);
    const waitedMs = new WeakMap<SocketRequest, number>();
    this.requestTimeoutIntervalId = setInterval(() => {
      for (const request of this.inflight.values()) {
        const waited = (waitedMs.get(request) ?? 0) + tickMs;
        waitedMs.set(request, waited);
        if (waited > request.requestTimeout) request.timeoutRequest();
      }
      if (!this.isConnected()) this.destroy();
    }, tickMs);
  };
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
  const staleAtMs = new WeakMap<BrokerPool, number>();
  prototype.refreshMetadata = async function refreshAndNote(this: BrokerPool, topics) {
    await refreshMetadata.call(this, topics);
    staleAtMs.set(this, performance.now() + this.metadataMaxAge);
  };
  prototype.refreshMetadataIfNecessary = function refreshByElapsed(this: BrokerPool, topics) {
    if (this.metadataExpireAt !== null) {
      this.metadataExpireAt = performance.now() > (staleAtMs.get(this) ?? 0) ? null : Number.POSITIVE_INFINITY;
    }
    return refreshMetadataIfNecessary.call(this, topics);
  };
}
