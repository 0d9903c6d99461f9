// Reads a stretch of one partition, from one offset to another, without a consumer group: nothing is joined, committed or
// waited for, and the right to READ the topic is enough. Used by verify, find, replay and dry runs.
import type { Clock, Random } from '../core/clock.ts';
import { GbxError } from '../core/errors.ts';
import type { LogRecord } from '../core/exposure/exposure.ts';
import { backoffMs } from '../core/retry.ts';
import type { KafkaConnection } from './client.ts';
import { splitUnreadable, toLogRecords, unreadableError } from './log-records.ts';
import { type Cluster, type FetchedMessage, type FetchedPartition, openCluster } from './open-cluster.ts';
import { protocolTypeOf } from './translate-error.ts';

export interface ReadRange {
  readonly topic: string;
  readonly partition: number;
  /** Inclusive. Where it has expired, reading begins at the log's start. */
  readonly from: bigint;
  /** Exclusive. Beyond the end of the log: what comes is waited for, while something comes. */
  readonly to: bigint;
}

export interface LogChunk {
  readonly partition: number;
  /** In offset order; none where a stretch holds nothing to be read. */
  readonly records: readonly LogRecord[];
  /** Where the next chunk goes on; `to` at the end. */
  readonly nextOffset: bigint;
  /** About what the records hold in memory. */
  readonly bytes: number;
}

export interface LogReader {
  /**
   * Ends when `to` is reached, holes of compaction and marks of transactions included, or when the signal aborts. Reads one
   * fetch ahead. Several may read at a time.
   *
   * @throws {GbxError} GBX_TOPIC_MISSING, GBX_TOPIC_CHANGED where the log ends before `from`, or before `to` and nothing comes for half
   *   a minute, GBX_BATCH_UNREADABLE, GBX_KAFKA_AUTH, GBX_KAFKA_TLS, GBX_KAFKA_UNREACHABLE after half a minute in vain, also where
   *   a transaction that stays open hides what is there
   */
  read(range: ReadRange, signal?: AbortSignal): AsyncIterable<LogChunk>;
}

interface Deps {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly patienceMs: number;
}

interface LogReaderOptions {
  /** How long a partition may give no answer, or nothing new. @default 30 s */
  readonly patienceMs?: number;
}

const REQUEST_TIMEOUT_MS = 10_000;
/** Of one answer; a single batch that is larger comes all the same. */
const FETCH_BYTES_MAX = 2_000_000;
const FETCH_WAIT_MS = 500;
const PATIENCE_MS = 30_000;
/** A topic that was made a moment ago is not known to all brokers. */
const MISSING_PATIENCE_MS = 3_000;
const BACKOFF = { firstMs: 100, maxMs: 2_000 };
const READ_COMMITTED = 1;

/** @throws {GbxError} GBX_KAFKA_UNREACHABLE, GBX_KAFKA_TLS, GBX_KAFKA_AUTH: within seconds */
export async function openLogReader(connection: KafkaConnection, options: LogReaderOptions = {}): Promise<LogReader & AsyncDisposable> {
  const { clock, random } = connection;
  const cluster = openCluster(connection, { requestTimeoutMs: REQUEST_TIMEOUT_MS });
  const close = (): PromiseLike<void> => cluster[Symbol.asyncDispose]();
  try {
    await cluster.connect();
  } catch (error) {
    await close();
    throw cluster.translate(error, 'connect to Kafka');
  }
  const deps = { cluster, clock, random, patienceMs: options.patienceMs ?? PATIENCE_MS };
  return { read: (range, signal) => read(deps, range, signal), [Symbol.asyncDispose]: close };
}

async function* read(deps: Deps, range: ReadRange, signal?: AbortSignal): AsyncGenerator<LogChunk> {
  const fetchFrom = (offset: bigint): Promise<LogChunk | undefined> => {
    const chunk = patiently(deps, { ...range, from: offset }, signal);
    chunk.catch(() => undefined);
    return chunk;
  };
  let ahead = range.from < range.to ? fetchFrom(range.from) : undefined;
  while (ahead !== undefined) {
    const chunk: LogChunk | undefined = await ahead;
    if (chunk === undefined || signal?.aborted) return;
    ahead = chunk.nextOffset < range.to ? fetchFrom(chunk.nextOffset) : undefined;
    yield chunk;
  }
}

/** Leaders move and brokers restart: tries again until the patience ends. Undefined once the signal aborts. */
async function patiently(deps: Deps, range: ReadRange, signal?: AbortSignal): Promise<LogChunk | undefined> {
  const { cluster, clock, random, patienceMs } = deps;
  let sinceMs = clock.elapsed();
  let emptySinceMs: number | undefined;
  let stuck: GbxError | undefined;
  let from = range.from;
  for (let attempt = 0; !signal?.aborted; attempt++) {
    try {
      const fetched = await fetchOnce(cluster, { ...range, from });
      if (fetched.kind === 'chunk') return fetched.chunk;
      sinceMs = clock.elapsed();
      emptySinceMs ??= sinceMs;
      attempt = 0;
      if (sinceMs - emptySinceMs >= patienceMs) stuck = nothingComes({ ...range, from }, fetched.end);
    } catch (error) {
      emptySinceMs = undefined;
      const failure = cluster.translate(error, `read partition ${range.partition} of the topic ${range.topic}`, 'GBX_KAFKA_UNREACHABLE');
      const waitedMs = clock.elapsed() - sinceMs;
      if (protocolTypeOf(error) === 'OFFSET_OUT_OF_RANGE') {
        const start = await startAfter(deps, { ...range, from }).catch(() => undefined);
        if (start !== undefined && start >= range.to) return { partition: range.partition, records: [], nextOffset: range.to, bytes: 0 };
        if (start !== undefined) from = start;
        else if (waitedMs >= Math.min(MISSING_PATIENCE_MS, patienceMs)) throw endsBefore({ ...range, from });
      }
      if (waitedMs >= patienceFor(failure, patienceMs)) throw failure;
      await clock.sleep(backoffMs(attempt, BACKOFF, random), signal);
      // What it throws, the next attempt meets as well.
      await cluster.refreshMetadata().catch(() => undefined);
    }
    if (stuck !== undefined) throw stuck;
  }
  return undefined;
}

function patienceFor({ code }: GbxError, patienceMs: number): number {
  if (code === 'GBX_KAFKA_UNREACHABLE') return patienceMs;
  return code === 'GBX_TOPIC_MISSING' ? Math.min(MISSING_PATIENCE_MS, patienceMs) : 0;
}

/** The log's start, where it lies beyond `from`: what was before has expired. */
async function startAfter({ cluster }: Deps, { topic, partition, from }: ReadRange): Promise<bigint | undefined> {
  const [answer] = await cluster.fetchTopicsOffset([{ topic, partitions: [{ partition }], fromBeginning: true }]);
  const start = BigInt(answer?.partitions[0]?.offset ?? -1);
  return start > from ? start : undefined;
}

function endsBefore({ topic, partition, from }: ReadRange): GbxError {
  return new GbxError('GBX_TOPIC_CHANGED', `Cannot read ${topic}/${partition} from offset ${from} as the log ends before it`);
}

function nothingComes({ topic, partition, from, to }: ReadRange, end: bigint | undefined): GbxError {
  const place = `Cannot read ${topic}/${partition} from offset ${from} to ${to}`;
  if (end === undefined) return new GbxError('GBX_KAFKA_UNREACHABLE', `${place} as its leader gives no answer for it`);
  if (end < to) return new GbxError('GBX_TOPIC_CHANGED', `${place} as the log ends at ${end} and nothing comes`);
  return new GbxError('GBX_KAFKA_UNREACHABLE', `${place} as nothing is given although the log ends at ${end}: a transaction stays open`, {
    hint: 'find its producer: kafka-transactions.sh find-hanging',
  });
}

/** `end`: of the log, where nothing came within the wait. */
type Fetched = { readonly kind: 'chunk'; readonly chunk: LogChunk } | { readonly kind: 'empty'; readonly end: bigint | undefined };

async function fetchOnce(cluster: Cluster, { topic, partition, from, to }: ReadRange): Promise<Fetched> {
  await cluster.addTargetTopic(topic);
  await cluster.refreshMetadataIfNecessary();
  const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
  if (nodeId === undefined)
    throw new GbxError('GBX_TOPIC_MISSING', `Cannot read partition ${partition} of the topic ${topic} as there is none`);
  const broker = await cluster.findBroker({ nodeId });
  const { responses } = await broker.fetch({
    isolationLevel: READ_COMMITTED,
    maxWaitTime: FETCH_WAIT_MS,
    minBytes: 1,
    maxBytes: FETCH_BYTES_MAX,
    topics: [{ topic, partitions: [{ partition, fetchOffset: String(from), maxBytes: FETCH_BYTES_MAX }] }],
  });
  const fetched = responses[0]?.partitions[0];
  if (fetched === undefined) return { kind: 'empty', end: undefined };
  const { messages, unreadable } = splitUnreadable(fetched.messages);
  const nextOffset = smaller(to, larger(from, BigInt(messages.at(-1)?.offset ?? -1) + 1n));
  // What comes before a batch that cannot be read is given first.
  if (nextOffset === from && unreadable !== undefined) throw unreadableError({ topic, partition, ...unreadable });
  if (nextOffset === from) return { kind: 'empty', end: BigInt(fetched.highWatermark) };
  const records = toLogRecords({ partition, messages: visible({ ...fetched, messages }, { from, to }) });
  return { kind: 'chunk', chunk: { partition, nextOffset, ...records } };
}

function visible({ messages, abortedTransactions = [] }: FetchedPartition, { from, to }: Pick<ReadRange, 'from' | 'to'>): FetchedMessage[] {
  const isWithdrawn = withdrawals(abortedTransactions);
  return messages.filter((message) => {
    const withdrawn = isWithdrawn(message);
    const offset = BigInt(message.offset);
    return !withdrawn && !message.isControlRecord && offset >= from && offset < to;
  });
}

/** Records of a producer from the start of a transaction that it withdrew until that one's mark. */
function withdrawals(aborted: NonNullable<FetchedPartition['abortedTransactions']>): (message: FetchedMessage) => boolean {
  if (aborted.length === 0) return () => false;
  const waiting = [...aborted].sort((a, b) => (BigInt(a.firstOffset) < BigInt(b.firstOffset) ? -1 : 1));
  const withdrawn = new Set<string>();
  return ({ offset, batchContext: { producerId, inTransaction, isControlBatch } }) => {
    for (let next = waiting[0]; next !== undefined && BigInt(next.firstOffset) <= BigInt(offset); next = waiting[0]) {
      withdrawn.add(next.producerId);
      waiting.shift();
    }
    if (isControlBatch) withdrawn.delete(producerId);
    return inTransaction && withdrawn.has(producerId);
  };
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
