// Which topics gbx needs, and which of them `gbx migrate up` has to make.

export interface WantedTopic {
  readonly topic: string;
  readonly partitions: number;
  /** -1: what the brokers give by default. */
  readonly replication: number;
  /** Settings of the topic as Kafka names them. */
  readonly config: Readonly<Record<string, string>>;
}

interface TopicSettings {
  readonly topic: string;
  readonly deadLetterTopic: string;
  /** Undefined, or the topic itself: retries go to the topic they came from. */
  readonly retryTopic: string | undefined;
  readonly partitions: number;
  readonly replication: number | undefined;
}

const DEAD_LETTERS_KEPT_MS = 30 * 86_400_000;
/** A record as large as a topic takes by default gets headers on its way here. */
const COPY_BYTES_MAX = 2 * 1_048_588;

export function wantedTopics({ topic, deadLetterTopic, retryTopic, ...copies }: TopicSettings): readonly WantedTopic[] {
  const { partitions, replication = -1 } = copies;
  const large = { 'max.message.bytes': String(COPY_BYTES_MAX) };
  const wanted = [
    { topic, partitions, replication, config: {} },
    { topic: deadLetterTopic, partitions, replication, config: { 'retention.ms': String(DEAD_LETTERS_KEPT_MS), ...large } },
  ];
  if (retryTopic === undefined || retryTopic === topic) return wanted;
  return [...wanted, { topic: retryTopic, partitions, replication, config: large }];
}

export interface TopicEntry {
  readonly wanted: WantedTopic;
  /** Of the topic that is there; undefined where it is missing. */
  readonly partitions: number | undefined;
}

/** @param partitionsOf number of partitions; undefined where there is no such topic */
export async function lookUpTopics(
  wanted: readonly WantedTopic[],
  partitionsOf: (topic: string) => Promise<number | undefined>,
): Promise<readonly TopicEntry[]> {
  return Promise.all(wanted.map(async (topic) => ({ wanted: topic, partitions: await partitionsOf(topic.topic) })));
}

export function missingTopics(topics: readonly TopicEntry[]): readonly WantedTopic[] {
  return topics.filter(({ partitions }) => partitions === undefined).map(({ wanted }) => wanted);
}
