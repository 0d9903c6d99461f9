// Mends for kafkajs 2.2.4, whose last release is of February 2023; client.ts applies them before the first client.
// Bound to that very version: tests/kafka/patch-kafkajs.test.ts fails when the mended source is another one.
import { createRequire } from 'node:module';
import { decodeBatches, isRecordBatches } from './decode-batches.ts';
import type { DecodedMessage } from './decode-record.ts';
import { patchClock } from './patch-clock.ts';
import { patchCoordinator } from './patch-coordinator.ts';
import { patchRefusal } from './patch-refusal.ts';
import { patchSilence } from './patch-silence.ts';

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

interface Runner {
  onCrash(error: unknown): Promise<void>;
  start(): Promise<void>;
  readonly logger: { error(message: string): void };
}

interface Batch {
  readonly fetchedOffset: string;
  isEmpty(): boolean;
  firstOffset(): string | null;
}

interface Decoder {
  readInt32(): number;
  canReadBytes(count: number): boolean;
  readBytes(count: number): Buffer;
}

type DecodeMessages = (decoder: Decoder) => Promise<readonly DecodedMessage[]>;

interface Patchable<T> {
  readonly prototype: T;
}

const SIZE_BYTES = 4;
const FETCH = 'kafkajs/src/protocol/requests/fetch';
/** Those that know the present format of batches. */
const FETCH_VERSIONS = [4, 5, 6, 7, 8, 9, 10, 11];
const patched = new WeakSet<object>();

/** @returns false where another version is installed: then nothing was touched. */
export function patchKafkaJs(): boolean {
  const load = createRequire(import.meta.url);
  const { version }: { version: string } = load('kafkajs/package.json');
  if (version !== PATCHED_VERSION) return false;
  const queue: Patchable<RequestQueue> = load('kafkajs/src/network/requestQueue');
  const connection: Patchable<Connection> = load('kafkajs/src/network/connection');
  const pool: Patchable<BrokerPool & Parameters<typeof patchRefusal>[0]> = load('kafkajs/src/cluster/brokerPool');
  if (patched.has(queue)) return true;
  patched.add(queue);
  patchIdleTimer(queue.prototype);
  patchReconnect(connection.prototype);
  patchLastBroker(pool.prototype);
  patchRefusal(pool.prototype);
  patchCrash(load('kafkajs/src/consumer/runner'));
  patchBatch(load('kafkajs/src/consumer/batch'));
  patchDecoder(load);
  patchClock(load);
  patchSilence(load);
  patchCoordinator(load);
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

/** What ends a consumer is told after its connections are closed, and where that failed it was not told but thrown into the void. */
function patchCrash({ prototype }: Patchable<Runner>): void {
  const original = prototype.start;
  prototype.start = function startGuarded(this: Runner) {
    const { onCrash } = this;
    this.onCrash = async (error) => {
      try {
        await onCrash(error);
      } catch (second) {
        this.logger.error(`Crash could not be told: ${second instanceof Error ? second.message : String(second)}`);
      }
    };
    return original.call(this);
  };
}

/**
 * Of a batch that is passed over kafkajs tells an event with its first offset, that of the first mark in it; from where it was
 * fetched tells whether it follows on what was read, or belongs to a position from before a seek.
 */
function patchBatch({ prototype }: Patchable<Batch>): void {
  const original = prototype.firstOffset;
  prototype.firstOffset = function firstOrFetched(this: Batch) {
    return this.isEmpty() ? this.fetchedOffset : original.call(this);
  };
}

/**
 * decode-batches.ts in place of the decoder of fetched batches; the old formats, before Kafka 0.11, stay with kafkajs's own.
 * Modules that hold on to the former one are forgotten: kafkajs asks for them anew with each request.
 */
function patchDecoder(load: NodeJS.Require): void {
  const path = load.resolve(`${FETCH}/v4/decodeMessages`);
  const original: DecodeMessages = load(path);
  const MakeDecoder: new (bytes: Buffer) => Decoder = load('kafkajs/src/protocol/decoder');
  const decodeMessages: DecodeMessages = async (decoder) => {
    const size = decoder.readInt32();
    if (size <= 0 || !decoder.canReadBytes(size)) return [];
    const bytes = decoder.readBytes(size);
    if (isRecordBatches(bytes)) return await decodeBatches(bytes);
    const sized = Buffer.alloc(SIZE_BYTES + size);
    sized.writeInt32BE(size);
    bytes.copy(sized, SIZE_BYTES);
    return await original(new MakeDecoder(sized));
  };
  const cached = load.cache[path];
  if (cached !== undefined) cached.exports = decodeMessages;
  for (const version of FETCH_VERSIONS) delete load.cache[load.resolve(`${FETCH}/v${version}/response`)];
}
