// Writes records so that their fate is known: key and partition given, acknowledged by all in-sync replicas, each
// answer checked. Used by serve, by dead letters, by traffic. Attempts once; who calls it decides about another try.
import { Partitioners } from 'kafkajs';
import type { SendOutcome } from '../core/accept/ports.ts';
import { asGbxError, GbxError } from '../core/errors.ts';
import { CONNECTION_TIMEOUT_MS, createClient, type KafkaConnection, RETRY } from './client.ts';
import { withDeadline } from './deadline.ts';
import { openAdmin } from './open-admin.ts';
import { type ProducerRecord, planSends } from './plan-sends.ts';
import { type Part, sendParts } from './send-parts.ts';
import { createTopicWatch } from './topic-watch.ts';

/** kafkajs slows down with the square of this. */
const RECORDS_MAX = 1_000;
/** Below Kafka's default of 1,048,588 bytes for a batch. */
const BYTES_MAX = 900_000;
/** For all partitions together. */
const SEND_BYTES_MAX = 4_000_000;
const REQUEST_TIMEOUT_MS = 5_000;
const ACK_TIMEOUT_MS = 4_500;
const ATTEMPT_MS = 6_000;
/** How long a frozen broker can go on being taken for the leader. */
const METADATA_AGE_MS_MAX = 5_000;

export interface SendOptions {
  /** With gzip: for records that are too large as they are. @default false */
  readonly isCompressed?: boolean;
}

export interface RecordProducer {
  /**
   * One attempt to write all the records; one outcome a record, in their order. Never throws for what the network or
   * the broker does. A batch that is too large is halved until it fits or a single record is refused.
   */
  send(topic: string, records: readonly ProducerRecord[], options?: SendOptions): Promise<readonly SendOutcome[]>;
  /** False while no broker answers: sends fail at once then, and it heals by itself. */
  isUp(): boolean;
  /** How many partitions the topic has; undefined where there is none. @throws {GbxError} GBX_KAFKA_UNREACHABLE */
  partitionCount(topic: string): Promise<number | undefined>;
}

interface ProducerOptions {
  /** Looked up now, and watched: by them it is known whether the cluster is up. */
  readonly topics: readonly string[];
  /** Limit of one send as a whole: connecting, sending, the answer. @default 6 s */
  readonly attemptMs?: number;
}

/** @throws {GbxError} GBX_KAFKA_UNREACHABLE, GBX_KAFKA_TLS, GBX_KAFKA_AUTH, GBX_TOPIC_MISSING: within seconds */
export async function openProducer(connection: KafkaConnection, options: ProducerOptions): Promise<RecordProducer & AsyncDisposable> {
  const { clock, random, log } = connection;
  const admin = await openAdmin(connection);
  const client = createClient(connection, { requestTimeoutMs: REQUEST_TIMEOUT_MS });
  const producer = client.kafka.producer({
    idempotent: false,
    allowAutoTopicCreation: false,
    metadataMaxAge: METADATA_AGE_MS_MAX,
    createPartitioner: Partitioners.DefaultPartitioner,
    retry: { ...RETRY, retries: 0 },
  });
  producer.on(producer.events.REQUEST_TIMEOUT, client.onRequestTimeout);
  const topics = createTopicWatch({ topicPartitions: (topic) => admin.topicPartitions(topic), clock, random, log });
  const deps = { producer, clock, translate: client.translate, ackTimeoutMs: ACK_TIMEOUT_MS, attemptMs: options.attemptMs ?? ATTEMPT_MS };

  async function close(): Promise<void> {
    const late = (): Error => new Error('slow to close');
    topics.stop();
    await withDeadline(producer.disconnect(), { clock, ms: CONNECTION_TIMEOUT_MS, late }).catch(() => undefined);
    client.close();
    await admin[Symbol.asyncDispose]();
  }

  async function send(topic: string, records: readonly ProducerRecord[], options: SendOptions = {}): Promise<readonly SendOutcome[]> {
    let partitionCount: number | undefined;
    try {
      partitionCount = await topics.partitionCount(topic);
    } catch (error) {
      const { message: reason, code } = asGbxError(error);
      return records.map(() => ({ kind: 'not-sent', reason, code }));
    }
    if (partitionCount === undefined) return records.map(() => ({ kind: 'not-sent', reason: `there is no topic ${topic}` }));
    const limits = { partitionCount, recordsMax: RECORDS_MAX, bytesMax: BYTES_MAX, sendBytesMax: SEND_BYTES_MAX };
    const outcomes: SendOutcome[] = records.map(() => NOT_TRIED);
    for (const planned of planSends(records, limits)) {
      const results = await sendOnce(
        topic,
        planned.map(({ partition, indexes }) => ({ partition, records: indexes.flatMap((index) => records[index] ?? []) })),
        options,
      );
      for (const [place, index] of planned.flatMap(({ indexes }) => indexes).entries()) outcomes[index] = results[place] ?? NOT_TRIED;
      if (!results.every(({ kind }) => kind === 'acked' || kind === 'refused')) break;
    }
    return outcomes;
  }

  /** One outcome a record, part by part. What the broker finds wrong is looked for by sending smaller parts. */
  async function sendOnce(topic: string, parts: readonly Part[], options: SendOptions): Promise<readonly SendOutcome[]> {
    const outcomes = await sendParts(topic, parts, { ...deps, ...options });
    if (outcomes.some(({ kind }) => kind === 'not-sent' || kind === 'unknown')) topics.suspect();
    const byRecord: SendOutcome[] = [];
    for (const [place, part] of parts.entries()) {
      const outcome = outcomes[place] ?? NOT_TRIED;
      const smaller = outcome.kind === 'refused' ? split(part, parts.length) : [];
      if (smaller.length === 0) byRecord.push(...part.records.map(() => outcome));
      for (const one of smaller) {
        const results = await sendOnce(topic, [one], options);
        byRecord.push(...(parts.length > 1 ? results.map(maybeStored) : results));
      }
    }
    return byRecord;
  }

  try {
    for (const topic of options.topics) if ((await topics.partitionCount(topic)) === undefined) throw missing(topic);
    await withDeadline(producer.connect(), { clock, ms: ATTEMPT_MS, late: () => unreachable(connection) });
  } catch (error) {
    await close();
    throw client.translate(error, 'connect to Kafka');
  }
  return { send, isUp: topics.isUp, partitionCount: topics.partitionCount, [Symbol.asyncDispose]: close };
}

const NOT_TRIED: SendOutcome = { kind: 'not-sent', reason: 'it was not tried, as records before it could not be sent' };

/** Of records that were sent before, together with others that were refused: those may have been written then. */
function maybeStored(outcome: SendOutcome): SendOutcome {
  return outcome.kind === 'not-sent' ? { ...outcome, kind: 'unknown' } : outcome;
}

/** What is to be sent next of a part that was refused together with others: the part alone, then its halves; nothing where it is the record itself. */
function split(part: Part, partsTogether: number): readonly Part[] {
  if (partsTogether > 1) return [part];
  if (part.records.length <= 1) return [];
  const middle = Math.ceil(part.records.length / 2);
  return [part.records.slice(0, middle), part.records.slice(middle)].map((records) => ({ ...part, records }));
}

function missing(topic: string): GbxError {
  return new GbxError('GBX_TOPIC_MISSING', `Cannot write to the topic ${topic} as it does not exist`);
}

function unreachable({ brokers }: KafkaConnection): GbxError {
  return new GbxError('GBX_KAFKA_UNREACHABLE', `Cannot connect to Kafka as ${brokers.join(', ')} does not answer`);
}
