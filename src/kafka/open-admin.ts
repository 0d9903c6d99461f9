// Questions to the cluster: who it is, which topics it has, where their logs start and end, what a group committed.
// Used by commands, by the source and by the producer. Every answer comes or fails within a limit.
import kafkajs, { type Admin } from 'kafkajs';
import { GbxError } from '../core/errors.ts';
import { CONNECTION_TIMEOUT_MS, createClient, type KafkaConnection, RETRY } from './client.ts';
import { withDeadline } from './deadline.ts';

const REQUEST_TIMEOUT_MS = 5_000;
const ANSWER_MS_MAX = 15_000;

export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly replication: number;
  /** Settings of the topic as Kafka names them, e.g. `retention.ms`. */
  readonly config?: Readonly<Record<string, string>>;
}

export interface LogRange {
  readonly partition: number;
  readonly start: bigint;
  readonly end: bigint;
}

/** Each rejects with a GbxError: GBX_KAFKA_UNREACHABLE, GBX_KAFKA_TLS, GBX_KAFKA_AUTH. */
export interface KafkaAdmin extends AsyncDisposable {
  clusterId(): Promise<string>;
  /** How many partitions the topic has; undefined where there is no such topic. */
  topicPartitions(topic: string): Promise<number | undefined>;
  /** @returns false where it was there already; resolves once all its partitions have leaders. */
  createTopic(topic: NewTopic): Promise<boolean>;
  /** @throws {GbxError} GBX_TOPIC_MISSING too */
  logRanges(topic: string): Promise<readonly LogRange[]>;
  /** By partition; those without a committed offset are left out, and so are kafkajs's own -1 and -2. */
  committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, bigint>>;
  /** Settings of the topic by the names Kafka gives them; undefined where this login may not ask. @throws {GbxError} GBX_TOPIC_MISSING too */
  topicConfig(topic: string, names: readonly string[]): Promise<ReadonlyMap<string, string> | undefined>;
  /**
   * By partition: the first record whose timestamp is this or later, the log's end where there is none.
   * @throws {GbxError} GBX_TOPIC_MISSING too
   */
  offsetsAtTimestamp(topic: string, timestampMs: number): Promise<ReadonlyMap<number, bigint>>;
}

/** @throws {GbxError} GBX_KAFKA_UNREACHABLE, GBX_KAFKA_TLS, GBX_KAFKA_AUTH: within 15 seconds */
export async function openAdmin(connection: KafkaConnection): Promise<KafkaAdmin> {
  const { clock } = connection;
  const client = createClient(connection, { requestTimeoutMs: REQUEST_TIMEOUT_MS });
  const admin = client.kafka.admin({ retry: { ...RETRY, retries: 3 } });
  admin.on(admin.events.REQUEST_TIMEOUT, client.onRequestTimeout);

  async function ask<T>(doing: string, work: () => Promise<T>): Promise<T> {
    const late = (): Error =>
      new GbxError('GBX_KAFKA_UNREACHABLE', `Cannot ${doing} as ${connection.brokers.join(', ')} did not answer in time`);
    try {
      return await withDeadline(work(), { clock, ms: ANSWER_MS_MAX, late });
    } catch (error) {
      throw client.translate(withoutNull(error), doing);
    }
  }

  async function close(): Promise<void> {
    const late = (): Error => new Error('slow to close');
    await withDeadline(admin.disconnect(), { clock, ms: CONNECTION_TIMEOUT_MS, late }).catch(() => undefined);
    client.close();
  }

  async function topicPartitions(topic: string): Promise<number | undefined> {
    try {
      const { topics } = await ask(`look up the topic ${topic}`, () => admin.fetchTopicMetadata({ topics: [topic] }));
      return topics.find(({ name }) => name === topic)?.partitions.length;
    } catch (error) {
      if (error instanceof GbxError && error.code === 'GBX_TOPIC_MISSING') return undefined;
      throw error;
    }
  }

  try {
    // A login that is refused shows with the first question only.
    await ask('connect to Kafka', () => admin.connect().then(() => admin.describeCluster()));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    topicPartitions,
    clusterId: () => ask('ask Kafka for its cluster id', async () => (await admin.describeCluster()).clusterId),
    createTopic: (topic) =>
      ask(`create the topic ${topic.topic}`, async () => {
        const isNew = await admin.createTopics({ waitForLeaders: false, topics: [asKafkaTopic(topic)] });
        while (!(await hasLeaders(topic.topic))) await clock.sleep(50);
        return isNew;
      }),
    logRanges: (topic) =>
      ask(`ask for the offsets of the topic ${topic}`, async () => {
        const offsets = await admin.fetchTopicOffsets(topic);
        return offsets.map(({ partition, low, high }) => ({ partition, start: BigInt(low), end: BigInt(high) }));
      }),
    committedOffsets: (group, topic) =>
      ask(`ask for the offsets of the group ${group}`, async () => {
        const [answer] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
        const known = answer?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)] as const) ?? [];
        return new Map(known.filter(([, offset]) => offset >= 0n));
      }),
    topicConfig: (topic, names) => readTopicConfig(admin, ask, { topic, names }),
    offsetsAtTimestamp: (topic, timestampMs) =>
      ask(`ask for the offsets of the topic ${topic}`, async () => {
        const offsets = await admin.fetchTopicOffsetsByTimestamp(topic, Math.trunc(timestampMs));
        return new Map(offsets.map(({ partition, offset }) => [partition, BigInt(offset)]));
      }),
    [Symbol.asyncDispose]: close,
  };

  /** Brokers answer for a new topic before each of them knows it, and leaders are named before they lead. */
  async function hasLeaders(topic: string): Promise<boolean> {
    const metadata = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => undefined);
    const partitions = metadata?.topics[0]?.partitions ?? [];
    if (partitions.length === 0 || partitions.some(({ leader }) => leader < 0)) return false;
    return await admin.fetchTopicOffsets(topic).then(
      () => true,
      () => false,
    );
  }
}

type Ask = <T>(doing: string, work: () => Promise<T>) => Promise<T>;

async function readTopicConfig(
  admin: Admin,
  ask: Ask,
  { topic, names }: { readonly topic: string; readonly names: readonly string[] },
): Promise<ReadonlyMap<string, string> | undefined> {
  const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames: [...names] }];
  try {
    const answer = await ask(`read the settings of the topic ${topic}`, () => admin.describeConfigs({ resources, includeSynonyms: false }));
    const entries = answer.resources[0]?.configEntries ?? [];
    return new Map(entries.flatMap(({ configName, configValue }) => (configValue === null ? [] : [[configName, configValue]])));
  } catch (error) {
    if (error instanceof GbxError && error.code === 'GBX_KAFKA_AUTH') return undefined;
    throw error;
  }
}

function asKafkaTopic({ topic, partitions, replication, config = {} }: NewTopic) {
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  return { topic, numPartitions: partitions, replicationFactor: replication, configEntries };
}

/** kafkajs asks the brokers one by one, takes no answer for null, and stumbles over it. */
function withoutNull(error: unknown): unknown {
  if (!(error instanceof TypeError)) return error;
  return Object.assign(new Error('none of them answered', { cause: error }), { name: 'KafkaJSBrokerNotFound' });
}
