// kafkajs's consumer as a member that can be asked: its callbacks enqueue and return, its end becomes an error of take().
// Part of open-source.ts. Takes in what kafkajs 2.2.4 does on its own: resets of positions, crashes that only its log tells.
import type { Consumer, EachBatchPayload, LogEntry } from 'kafkajs';
import { GbxError } from '../core/errors.ts';
import type { Source, SourceEvent } from '../core/load/ports.ts';
import { createClient, type KafkaClient, type KafkaConnection, RETRY } from './client.ts';
import { createCommitter } from './commit-offsets.ts';
import { withDeadline } from './deadline.ts';
import { splitUnreadable, toLogRecords, unreadableError } from './log-records.ts';
import { createSourceBuffer, type SourceBuffer, type SourceControls } from './source-buffer.ts';

export interface MemberOptions {
  readonly topic: string;
  readonly group: string;
  readonly partitionCount: number;
  readonly sessionTimeoutMs: number;
  /** Longest time between a rebalance's start and this member's answer: a flush has to fit in. */
  readonly rebalanceTimeoutMs: number;
  /** What may wait to be taken, in memory; beyond it fetching is held back. */
  readonly bufferBytesMax: number;
  /** Of one answer of a broker. @default 2 MB */
  readonly fetchBytesMax?: number;
  /** Of one partition in it. @default 500 kB */
  readonly partitionBytesMax?: number;
}

export interface Member extends Pick<Source, 'take' | 'seek' | 'commit'> {
  /** Leaves the group, so that the others take over at once; within seconds. */
  close(): Promise<void>;
}

const CONNECT_MS_MAX = 10_000;
/** Of silence, see patch-silence.ts: with the next one, what a frozen broker costs. Fetches are answered after 250 ms. */
const REQUEST_TIMEOUT_MS = 4_000;
const METADATA_AGE_MS_MAX = 5_000;
/** How long the broker may hold a fetch; also how soon a resumed partition is read again. */
const FETCH_WAIT_MS = 250;
const HEARTBEAT_MS_MAX = 3_000;
/** No batch may queue behind a held callback, of partitions that the topic gets later neither: their order would be lost. */
const CONCURRENT_MIN = 256;
/** How often a held callback looks to the heart; kafkajs beats it once in its interval. */
const HOLD_MS = 500;
const CLOSE_MS_MAX = 5_000;
/** From kafkajs's first word about its end to the one that carries the reason. */
const CRASH_REPORT_MS = 10_000;
/** A member outlasts an outage of any length. And kafkajs counts failures over its whole life: no success takes one off. */
const RETRIES = 1_000_000;
/** Nothing is fetched in between, from the other brokers neither. */
const RETRY_MS_MAX = 1_000;

/** What the callbacks and the takers share. */
interface MemberState {
  failure: GbxError | undefined;
  /** Aborted by close(): what happens from then on is meant. */
  readonly closing: AbortController;
  wake: (() => void) | undefined;
  /** Callbacks that wait for room. */
  readonly held: Set<() => void>;
}

interface Parts {
  readonly connection: KafkaConnection;
  readonly options: MemberOptions;
  readonly state: MemberState;
  readonly client: KafkaClient;
  readonly consumer: Consumer;
  readonly buffer: SourceBuffer;
}

/** @throws {GbxError} GBX_KAFKA_UNREACHABLE, GBX_KAFKA_TLS, GBX_KAFKA_AUTH */
export async function openMember(connection: KafkaConnection, options: MemberOptions): Promise<Member> {
  const state: MemberState = { failure: undefined, closing: new AbortController(), wake: undefined, held: new Set() };
  const client = createClient(connection, {
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    connectRetries: RETRIES,
    onLogEntry: (entry) => onLogEntry(parts, entry),
  });
  const consumer = createConsumer(client, options);
  const controls = createControls(consumer, options.topic);
  const buffer = createSourceBuffer({
    bytesMax: options.bufferBytesMax,
    controls,
    onEvent: () => state.wake?.(),
    onRoom: () => letGo(state),
  });
  const parts: Parts = { connection, options, state, client, consumer, buffer };
  const { running } = await start(parts);
  const { topic, group } = options;
  const commit = createCommitter({ consumer, translate: client.translate, clock: connection.clock, topic, group });
  return {
    take: (ms, signal) => take(parts, ms, signal),
    seek: (positions) => seek(parts, positions),
    // Kafka would take a commit for partitions that are another member's by now.
    commit: (positions) => commit(pick(positions, buffer.owned(positions.keys()))),
    close: () => close(parts, running),
  };
}

function createConsumer({ kafka }: KafkaClient, options: MemberOptions): Consumer {
  const { group, sessionTimeoutMs, rebalanceTimeoutMs, fetchBytesMax = 2_000_000, partitionBytesMax = 500_000 } = options;
  return kafka.consumer({
    groupId: group,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: rebalanceTimeoutMs,
    heartbeatInterval: Math.min(HEARTBEAT_MS_MAX, Math.floor(sessionTimeoutMs / 6)),
    maxWaitTimeInMs: FETCH_WAIT_MS,
    minBytes: 1,
    maxBytes: fetchBytesMax,
    maxBytesPerPartition: partitionBytesMax,
    metadataMaxAge: METADATA_AGE_MS_MAX,
    allowAutoTopicCreation: false,
    retry: { ...RETRY, maxRetryTime: RETRY_MS_MAX, retries: RETRIES, restartOnFailure: () => Promise.resolve(false) },
  });
}

function createControls(consumer: Consumer, topic: string): SourceControls {
  return {
    pauseAll: () => consumer.pause([{ topic }]),
    resume: (partitions) => {
      if (partitions.length > 0) consumer.resume([{ topic, partitions: [...partitions] }]);
    },
    seek: (partition, offset) => consumer.seek({ topic, partition, offset: String(offset) }),
  };
}

/** @returns what ends when the first join is through, or has failed */
async function start(parts: Parts): Promise<{ readonly running: Promise<void> }> {
  const { connection, options, client, consumer } = parts;
  const { clock, brokers } = connection;
  listen(parts);
  const late = (): Error => new GbxError('GBX_KAFKA_UNREACHABLE', `Cannot connect to Kafka as ${brokers.join(', ')} does not answer`);
  try {
    await withDeadline(consumer.connect(), { clock, ms: CONNECT_MS_MAX, late });
    // From the beginning: kafkajs falls back to this where a position is out of range, and skipping would lose records.
    await consumer.subscribe({ topic: options.topic, fromBeginning: true });
  } catch (error) {
    client.close();
    throw client.translate(error, `join the group ${options.group}`);
  }
  const running = consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: Math.max(options.partitionCount, CONCURRENT_MIN),
    eachBatch: (payload) => onBatch(parts, payload),
  });
  return { running: running.catch((error: unknown) => fail(parts, error)) };
}

function listen(parts: Parts): void {
  const { consumer, client, buffer, options } = parts;
  const { events } = consumer;
  consumer.on(events.REQUEST_TIMEOUT, client.onRequestTimeout);
  consumer.on(events.GROUP_JOIN, ({ payload }) => buffer.joined(payload.memberAssignment[options.topic] ?? []));
  // Batches with nothing for us in them are passed over without eachBatch: this event is their only trace.
  consumer.on(events.END_BATCH_PROCESS, ({ payload }) => {
    if (payload.batchSize > 0 || payload.topic !== options.topic) return;
    const { partition, firstOffset, lastOffset, highWatermark } = payload;
    const first = BigInt(firstOffset ?? lastOffset);
    buffer.skip({ partition, firstOffset: first, nextOffset: BigInt(lastOffset) + 1n, endOffset: BigInt(highWatermark) });
  });
  consumer.on(events.CRASH, ({ payload }) => fail(parts, payload.error));
  consumer.on(events.STOP, () => expectEnd(parts, 'kafkajs stopped by itself'));
  consumer.on(events.DISCONNECT, () => expectEnd(parts, 'kafkajs disconnected by itself'));
}

/** kafkajs tells some things in its log and nowhere else. */
function onLogEntry(parts: Parts, { namespace, log }: LogEntry): void {
  if (namespace === 'Consumer' && log.message.startsWith('Crash: ')) expectEnd(parts, log.message);
  if (namespace === 'ConsumerGroup' && log.message.startsWith('Offset out of range') && log['topic'] === parts.options.topic) {
    parts.buffer.positionLost(Number(log['partition']));
  }
}

/** The CRASH event comes after kafkajs has closed its connections, and never where that fails. */
function expectEnd(parts: Parts, message: string): void {
  const { signal } = parts.state.closing;
  if (!signal.aborted) void parts.connection.clock.sleep(CRASH_REPORT_MS, signal).then(() => fail(parts, new Error(message)));
}

function fail({ state, client, options }: Parts, error: unknown): void {
  if (state.closing.signal.aborted) return;
  state.failure ??= client.translate(error, `go on reading the topic ${options.topic}`, 'GBX_CONSUMER_CRASHED');
  state.wake?.();
}

/** Whatever is not resolved here is fetched again. */
async function onBatch(parts: Parts, { batch, resolveOffset, isStale, heartbeat }: EachBatchPayload): Promise<void> {
  const { buffer, state, options } = parts;
  if (buffer.isFull() || state.failure !== undefined) await untilRoom(parts, heartbeat);
  const { partition } = batch;
  const { messages, unreadable } = splitUnreadable(batch.messages);
  if (state.failure !== undefined || isStale() || !buffer.accepts(partition)) return;
  const last = messages.at(-1);
  if (last !== undefined) {
    // Of the last message: kafkajs then passes over what follows it in the batch, as nextOffset does.
    resolveOffset(last.offset);
    const { fetchedOffset }: { fetchedOffset?: string } = batch as { fetchedOffset?: string };
    const fetchOffset = BigInt(fetchedOffset ?? batch.firstOffset() ?? last.offset);
    const nextOffset = BigInt(unreadable === undefined ? batch.lastOffset() : last.offset) + 1n;
    buffer.push({ partition, fetchOffset, nextOffset, endOffset: BigInt(batch.highWatermark), ...toLogRecords({ partition, messages }) });
  }
  if (unreadable !== undefined) fail(parts, unreadableError({ topic: options.topic, partition, ...unreadable }));
}

/**
 * kafkajs asks no broker for more before its callbacks are through: holding them is the back-pressure. Pausing would throw
 * away what is on its way and let the fetch loop sleep. The heart is beaten meanwhile; when that tells of a rebalance, its
 * error ends the wait and kafkajs joins anew.
 */
async function untilRoom({ buffer, state, connection }: Parts, heartbeat: EachBatchPayload['heartbeat']): Promise<void> {
  // A client that has failed is held too, until it is closed: nobody wants what it would fetch.
  while ((buffer.isFull() || state.failure !== undefined) && !state.closing.signal.aborted) {
    await heartbeat();
    const alarm = new AbortController();
    const wake = (): void => alarm.abort();
    state.held.add(wake);
    if (!state.closing.signal.aborted) await connection.clock.sleep(HOLD_MS, alarm.signal);
    state.held.delete(wake);
  }
}

function letGo({ held }: MemberState): void {
  for (const wake of held) wake();
}

/** kafkajs throws while it goes down; take() is to tell of that, as of everything else that ends the client. */
function seek(parts: Parts, positions: ReadonlyMap<number, bigint>): void {
  const { state, buffer } = parts;
  if (state.closing.signal.aborted || state.failure !== undefined) return;
  try {
    buffer.seek(positions);
  } catch (error) {
    fail(parts, error);
  }
}

async function take(parts: Parts, ms: number, signal?: AbortSignal): ReturnType<Source['take']> {
  const { connection, state } = parts;
  const event = next(parts);
  if (event !== undefined || ms <= 0 || signal?.aborted) return event;
  const alarm = new AbortController();
  const wake = (): void => alarm.abort();
  state.wake = wake;
  signal?.addEventListener('abort', wake, { once: true });
  await connection.clock.sleep(ms, alarm.signal);
  signal?.removeEventListener('abort', wake);
  state.wake = undefined;
  return next(parts);
}

/** What was read before a batch that cannot be read is good, and comes first. */
function next({ state: { failure }, buffer }: Parts): SourceEvent | undefined {
  if (failure !== undefined && failure.code !== 'GBX_BATCH_UNREADABLE') throw failure;
  const event = buffer.take();
  if (event === undefined && failure !== undefined) throw failure;
  return event;
}

function pick(positions: ReadonlyMap<number, bigint>, partitions: readonly number[]): ReadonlyMap<number, bigint> {
  return new Map([...positions].filter(([partition]) => partitions.includes(partition)));
}

async function close({ connection, state, client, consumer }: Parts, running: Promise<void>): Promise<void> {
  state.closing.abort();
  letGo(state);
  const late = (): Error => new Error('slow to leave');
  // kafkajs cannot stop while it joins: it would go on by itself behind our back.
  const leaving = running.then(() => consumer.stop()).then(() => consumer.disconnect());
  await withDeadline(leaving, { clock: connection.clock, ms: CLOSE_MS_MAX, late }).catch(() => undefined);
  client.close();
}
