// Three mends for kafkajs 2.2.4, whose last release is of February 2023; client.ts applies them before the first client.
// Bound to that very version: tests/kafka/patch-kafkajs.test.ts fails when the mended source is another one.
import { createRequire } from 'node:module';

export const PATCHED_VERSION = '2.2.4';

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

interface Connection {
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
  connect(): Promise<boolean>;
}

interface BrokerPool {
  readonly brokers: Readonly<Record<string, unknown>>;
  metadataExpireAt: number | null;
  removeBroker(address: { readonly host: string; readonly port: number }): void;
}

interface Patchable<T> {
  readonly prototype: T;
}

const SIZE_BYTES = 4;
const patched = new WeakSet<object>();

/** @returns false where another version is installed: then nothing was touched. */
export function patchKafkaJs(): boolean {
  const load = createRequire(import.meta.url);
  const { version }: { version: string } = load('kafkajs/package.json');
  if (version !== PATCHED_VERSION) return false;
  const queue: Patchable<RequestQueue> = load('kafkajs/src/network/requestQueue');
  const connection: Patchable<Connection> = load('kafkajs/src/network/connection');
  const pool: Patchable<BrokerPool> = load('kafkajs/src/cluster/brokerPool');
  if (patched.has(queue)) return true;
  patched.add(queue);
  patchIdleTimer(queue.prototype);
  patchReconnect(connection.prototype);
  patchLastBroker(pool.prototype);
  return true;
}

/** A queue with nothing waiting set itself a timer of 1 ms for ever: 5 % of a core, doing nothing (kafkajs issue 1556). */
function patchIdleTimer(prototype: RequestQueue): void {
  const original = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function scheduleOnlyWhatWaits(this: RequestQueue) {
    if (this.pending.length > 0) original.call(this);
  };
}

/**
 * A connection lost in the middle of a response kept the piece it had, and took the first bytes of its next socket for
 * the rest of it: from then on every request timed out.
 */
function patchReconnect(prototype: Connection): void {
  const original = prototype.connect;
  prototype.connect = function connectAfresh(this: Connection) {
    if (!this.isConnected()) {
      this.chunks = [];
      this.bytesBuffered = 0;
      this.bytesNeeded = SIZE_BYTES;
    }
    return original.call(this);
  };
}

/**
 * A broker that closed its connection is forgotten until the next metadata; a consumer that begins to fetch anew in between
 * and finds none at all gives up for good. So the last one stays, and the next metadata is asked for at once all the same.
 */
function patchLastBroker(prototype: BrokerPool): void {
  const original = prototype.removeBroker;
  prototype.removeBroker = function removeUnlessLast(this: BrokerPool, address) {
    if (Object.keys(this.brokers).length > 1) original.call(this, address);
    else this.metadataExpireAt = null;
  };
}
