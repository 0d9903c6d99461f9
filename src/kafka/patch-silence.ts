// How long kafkajs waits for a broker, and what it asks of one that fell silent. A frozen broker keeps its connections open: only
// its silence tells, so that is what is measured here, and short; a broker that is merely slow is then given more time.
// Part of patch-kafkajs.ts.
import type { Socket } from 'node:net';

interface SocketRequest {
  readonly requestTimeout: number;
  readonly entry: { readonly apiName: string };
  timeoutRequest(): void;
}

interface RequestQueue {
  readonly broker: string;
  readonly enforceRequestTimeout: boolean;
  readonly requestTimeout: number;
  readonly inflight: ReadonlyMap<number, SocketRequest>;
  requestTimeoutIntervalId?: NodeJS.Timeout;
  destroy(): void;
  isConnected(): boolean;
  scheduleRequestTimeoutCheck(): void;
  waitForPendingRequests(): Promise<void>;
  rejectAll(error: Error): void;
}

interface Connection {
  readonly requestQueue: RequestQueue;
  readonly socket?: Socket;
  connect(): Promise<boolean>;
  processData(bytes: Buffer): unknown;
}

export interface PooledBroker {
  readonly connectionPool: { readonly pool?: readonly Connection[] };
  isConnected(): boolean;
}

interface BrokerPool {
  readonly brokers: Readonly<Record<string, PooledBroker>>;
  findBroker(query: { readonly nodeId: string | number }): Promise<PooledBroker>;
  findConnectedBroker(): Promise<PooledBroker>;
}

interface Patchable<T> {
  readonly prototype: T;
}

type ConnectionError = new (message: string, options: { readonly broker: string }) => Error;

const TICKS_PER_TIMEOUT = 20;
const TICK_MS_MAX = 250;
/** What a consumer repeats for as long as it lives: on a connection that was too slow before, these get more time, to get through. */
const PATIENT = new Set(['Fetch', 'Heartbeat', 'OffsetCommit']);
const PATIENT_MS = 10_000;
/** Followers of a group wait in it for what the group's leader decides; kafkajs gives it no time of its own, as it does JoinGroup. */
const SYNC_MS_MIN = 10_000;
/** For what a connection still owes when it is closed. */
const LAST_ANSWER_MS = 500;
/** A suspicion that nothing renews. */
const SUSPECT_MS = 60_000;

/** By `performance.now()`. Each broker has two connections, one of them for fetches only: a slow disk slows that one. */
const suspectedAtMs = new WeakMap<RequestQueue, number>();
/** Since when, in ticks, nothing came on this connection though a request waits. */
const silentMs = new WeakMap<RequestQueue, number>();

export function patchSilence(load: (module: string) => unknown): void {
  const queue = (load('kafkajs/src/network/requestQueue') as Patchable<RequestQueue>).prototype;
  const { KafkaJSConnectionError } = load('kafkajs/src/errors') as { KafkaJSConnectionError: ConnectionError };
  patchRequestTimeout(queue);
  patchWaitForPending(queue, KafkaJSConnectionError);
  const connection = (load('kafkajs/src/network/connection') as Patchable<Connection>).prototype;
  patchProcessData(connection);
  patchConnect(connection);
  patchFindConnected((load('kafkajs/src/cluster/brokerPool') as Patchable<BrokerPool>).prototype);
}

/** It let a request time out lately, or its connection failed, and it has not answered in time since. */
export function isSuspect({ connectionPool }: Pick<PooledBroker, 'connectionPool'>): boolean {
  return connectionPool.pool?.some(({ requestQueue }) => isSuspectQueue(requestQueue)) ?? false;
}

/** What it was asked is given up, and it is suspect: another one has taken over while it did not answer. */
export function giveUpOn({ connectionPool }: Pick<PooledBroker, 'connectionPool'>): void {
  for (const { requestQueue, socket } of connectionPool.pool ?? []) {
    if (requestQueue.inflight.size === 0) continue;
    suspectedAtMs.set(requestQueue, performance.now());
    socket?.destroy(new Error('given up, as another broker has taken over'));
  }
}

function isSuspectQueue(queue: RequestQueue): boolean {
  return performance.now() - (suspectedAtMs.get(queue) ?? Number.NEGATIVE_INFINITY) < SUSPECT_MS;
}

/**
 * Counts ticks of its timer: so a process that was stopped for a while does not find its requests too late when it goes on.
 * A broker answers one connection's requests in their order: what waits behind a JoinGroup may wait as long as that.
 */
function patchRequestTimeout(prototype: RequestQueue): void {
  prototype.scheduleRequestTimeoutCheck = function scheduleByTicks(this: RequestQueue) {
    if (!this.enforceRequestTimeout) return;
    this.destroy();
    const tickMs = Math.min(this.requestTimeout / TICKS_PER_TIMEOUT, TICK_MS_MAX);
    this.requestTimeoutIntervalId = setInterval(() => {
      tick(this, tickMs);
      if (!this.isConnected()) this.destroy();
    }, tickMs);
    silentMs.delete(this);
  };
}

function tick(queue: RequestQueue, tickMs: number): void {
  const silent = queue.inflight.size === 0 ? 0 : (silentMs.get(queue) ?? 0) + tickMs;
  silentMs.set(queue, silent);
  const isPatient = isSuspectQueue(queue);
  for (const request of queue.inflight.values()) {
    const { apiName } = request.entry;
    const leastMs = apiName === 'SyncGroup' ? SYNC_MS_MIN : isPatient && PATIENT.has(apiName) ? PATIENT_MS : 0;
    if (silent <= Math.max(request.requestTimeout, leastMs)) return;
    suspectedAtMs.set(queue, performance.now());
    request.timeoutRequest();
  }
}

/** Any byte shows that the broker is at work, on a large answer over a thin line too. */
function patchProcessData(prototype: Connection): void {
  const original = prototype.processData;
  prototype.processData = function noteAndProcess(this: Connection, bytes) {
    const queue = this.requestQueue;
    if ((silentMs.get(queue) ?? 0) <= queue.requestTimeout) suspectedAtMs.delete(queue);
    else suspectedAtMs.set(queue, performance.now());
    silentMs.set(queue, 0);
    return original.call(this, bytes);
  };
}

/** A broker that cannot be reached is suspect as well. */
function patchConnect(prototype: Connection): void {
  const original = prototype.connect;
  prototype.connect = async function connectOrSuspect(this: Connection) {
    try {
      return await original.call(this);
    } catch (error) {
      suspectedAtMs.set(this.requestQueue, performance.now());
      throw error;
    }
  };
}

/** New metadata without a broker closes its connections, once all is answered: of one that is silent that blocked all the others. */
function patchWaitForPending(prototype: RequestQueue, MakeError: ConnectionError): void {
  const original = prototype.waitForPendingRequests;
  prototype.waitForPendingRequests = async function waitUnlessSilent(this: RequestQueue) {
    const giveUp = (): void => this.rejectAll(new MakeError('Given up, as the connection is closed', { broker: this.broker }));
    const timer = setTimeout(giveUp, isSuspectQueue(this) ? 0 : LAST_ANSWER_MS);
    await original.call(this);
    clearTimeout(timer);
  };
}

/** Metadata is what everything waits for: it is asked of a broker that answers, where there is one. */
function patchFindConnected(prototype: BrokerPool): void {
  const original = prototype.findConnectedBroker;
  prototype.findConnectedBroker = async function findTrusted(this: BrokerPool) {
    const brokers = Object.entries(this.brokers);
    const trusted = brokers.filter(([, broker]) => !isSuspect(broker));
    if (trusted.length === 0 || trusted.length === brokers.length) return original.call(this);
    const connected = trusted.filter(([, broker]) => broker.isConnected());
    for (const [nodeId] of [...connected, ...trusted]) {
      try {
        return await this.findBroker({ nodeId });
      } catch {
        // The next one.
      }
    }
    return original.call(this);
  };
}
