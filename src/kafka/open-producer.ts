// Writes records so that their fate is known: key and partition given, acknowledged by all in-sync replicas, each
// answer checked. Used by serve, by dead letters, by traffic. Attempts once; who calls it decides about another try.
import { Partitioners } from 'kafkajs';
import type { SendOutcome } from '../core/accept/ports.ts';
import { asGbxError, GbxError } from '../core/errors.ts';
import { CONNECTION_TIMEOUT_MS, createClient, type KafkaConnection, RETRY } from './client.ts';
import { withDeadline } from './deadline.ts';
import { openAdmin } from './open-admin.ts';
import { type ProducerRecord, planSends } from './plan-sends.ts';
import { type PartitionSend, sendPartition } from './send-partition.ts';
import { createTopicWatch } from './topic-watch.ts';

/** kafkajs slows down with the square of this. */
const RECORDS_MAX = 1_000;
/** Below Kafka's default of 1,048,588 bytes for a batch. */
const BYTES_MAX = 900_000;
const REQUEST_TIMEOUT_MS = 5_000;
const ACK_TIMEOUT_MS = 4_500;
const ATTEMPT_MS = 6_000;
/** How long a frozen broker can go on being taken for the leader. */
const METADATA_AGE_MS_MAX = 5_000;

export interface RecordProducer {
  /**
   * One attempt to write all the records; one outcome a record, in their order. Never throws for what the network or
   * the broker does. A batch that is too large is halved until it fits or a single record is refused.
   */
  send(topic: string, records: readonly ProducerRecord[]): Promise<readonly SendOutcome[]>;
  /** False while no broker answers: sends fail at once then, and it heals by itself. */
  isUp(): boolean;
  /** How many partitions the topic has; undefined where there is none. @throws {GbxError} GBX_KAFKA_UNREACHABLE */
  partitionCount(topic: string): Promise<number | undefined>;
}

interface ProducerOptions {
  /** Looked up now, and watched: by them it is known whether the cluster is up. */
  readonly topics: readonly string[];
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
  const deps = { producer, clock, translate: client.translate, ackTimeoutMs: ACK_TIMEOUT_MS, attemptMs: ATTEMPT_MS };

  async function close(): Promise<void> {
    const late = (): Error => new Error('slow to close');
    topics.stop();
    await withDeadline(producer.disconnect(), { clock, ms: CONNECTION_TIMEOUT_MS, late }).catch(() => undefined);
    client.close();
    await admin[Symbol.asyncDispose]();
  }

  async function send(topic: string, records: readonly ProducerRecord[]): Promise<readonly SendOutcome[]> {
    let partitionCount: number | undefined;
    try {
      partitionCount = await topics.partitionCount(topic);
    } catch (error) {
      return records.map(() => ({ kind: 'not-sent', reason: asGbxError(error).message }));
    }
    if (partitionCount === undefined) return records.map(() => ({ kind: 'not-sent', reason: `there is no topic ${topic}` }));
    const outcomes: SendOutcome[] = new Array(records.length);
    const plan = planSends(records, { partitionCount, recordsMax: RECORDS_MAX, bytesMax: BYTES_MAX });
    await Promise.all(
      plan.map(async ({ partition, indexes }) => {
        const parts = indexes.flatMap((index) => records[index] ?? []);
        const results = await sendHalving({ topic, partition, records: parts });
        for (const [place, index] of indexes.entries()) outcomes[index] = results[place] ?? UNANSWERED;
      }),
    );
    return outcomes;
  }

  async function sendHalving(part: PartitionSend): Promise<readonly SendOutcome[]> {
    const outcome = await sendPartition(part, deps);
    const { records } = part;
    if (outcome.kind === 'not-sent' || outcome.kind === 'unknown') topics.suspect();
    if (outcome.kind !== 'refused' || records.length <= 1) return records.map(() => outcome);
    const middle = Math.ceil(records.length / 2);
    const first = await sendHalving({ ...part, records: records.slice(0, middle) });
    return [...first, ...(await sendHalving({ ...part, records: records.slice(middle) }))];
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

const UNANSWERED: SendOutcome = { kind: 'unknown', reason: 'this record was left without an outcome' };

function missing(topic: string): GbxError {
  return new GbxError('GBX_TOPIC_MISSING', `Cannot write to the topic ${topic} as it does not exist`);
}

function unreachable({ brokers }: KafkaConnection): GbxError {
  return new GbxError('GBX_KAFKA_UNREACHABLE', `Cannot connect to Kafka as ${brokers.join(', ')} does not answer`);
}
