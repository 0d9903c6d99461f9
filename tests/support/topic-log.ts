// Topics as tests see them: records written to a chosen partition and read back whole, offsets of groups, a topic made
// anew. With kafkajs as it comes, not through src/kafka, so that nothing is checked by the code under test.
import { randomUUID } from 'node:crypto';
import { type Admin, Kafka, logLevel, Partitioners } from 'kafkajs';
import { eventually } from './eventually.ts';
import { groupBy } from './group-by.ts';

export interface NewRecord {
  readonly partition: number;
  readonly key: Buffer | string | null;
  readonly value: Buffer | string | null;
  /** Milliseconds since the Unix epoch. */
  readonly timestampMs?: number;
  readonly headers?: Readonly<Record<string, string | string[]>>;
}

/** A record where it stands in the log. */
export interface PlacedRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

interface TopicPlace {
  readonly brokers: string;
  readonly topic: string;
}

/** Records of one request; a broker takes no more than a megabyte. */
const RECORDS_PER_SEND = 500;
const READ_MS_MAX = 20_000;

/** In their order, partition by partition. @returns where each came to stand, in the order given */
export async function writeRecords({ brokers, topic }: TopicPlace, records: readonly NewRecord[]): Promise<PlacedRecord[]> {
  const producer = client(brokers).producer({ createPartitioner: Partitioners.DefaultPartitioner, retry: { retries: 0 } });
  await producer.connect();
  try {
    const placed: PlacedRecord[] = [];
    for (const [partition, own] of groupBy(records, (record) => record.partition)) {
      for (const part of split(own)) {
        const messages = part.map((record) => ({
          ...record,
          timestamp: String(record.timestampMs ?? Date.now()),
          headers: { ...record.headers },
        }));
        const [answer] = await sendOnce(() => producer.send({ topic, acks: -1, messages }));
        const base = BigInt(answer?.baseOffset ?? -1);
        for (const [index, message] of messages.entries()) {
          const { key, value, timestamp } = message;
          placed.push({
            partition,
            offset: base + BigInt(index),
            timestampMs: Number(timestamp),
            key: toBuffer(key),
            value: toBuffer(value),
            headers: {},
          });
        }
      }
    }
    return placed;
  } finally {
    await producer.disconnect();
  }
}

/** A broker that does not lead a new partition yet has written nothing: then once more. Any other failure is the test's. */
export async function sendOnce<T>(send: () => Promise<T>): Promise<T> {
  const sent = await eventually('the partition to have its leader', async () => {
    try {
      return { value: await send() };
    } catch (error) {
      if (error instanceof Error && error.message.includes('not the leader')) return undefined;
      return { error };
    }
  });
  if ('error' in sent) throw sent.error;
  return sent.value;
}

/** All that stands in the topic now, partition by partition. */
export async function readTopic({ brokers, topic }: TopicPlace): Promise<PlacedRecord[]> {
  const ends = new Map((await withAdmin(brokers, (admin) => admin.fetchTopicOffsets(topic))).map((one) => [one.partition, one]));
  const records: PlacedRecord[] = [];
  const open = new Map([...ends].filter(([, { low, high }]) => low !== high).map(([partition, { high }]) => [partition, BigInt(high)]));
  if (open.size === 0) return records;
  const consumer = client(brokers).consumer({ groupId: `reader-${randomUUID()}`, maxWaitTimeInMs: 50, allowAutoTopicCreation: false });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message: { offset, timestamp, key, value, headers } }) => {
        const texts = Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)]);
        const at = { partition, offset: BigInt(offset), timestampMs: Number(timestamp) };
        records.push({ ...at, key, value, headers: Object.fromEntries(texts) });
        if (BigInt(offset) + 1n >= (open.get(partition) ?? 0n)) open.delete(partition);
      },
    });
    await eventually(`all records of ${topic}`, () => open.size === 0, { timeoutMs: READ_MS_MAX });
  } finally {
    await consumer.disconnect();
  }
  return records.sort((one, other) => one.partition - other.partition || Number(one.offset - other.offset));
}

/** One past the last record, by partition. */
export async function endOffsets({ brokers, topic }: TopicPlace): Promise<ReadonlyMap<number, bigint>> {
  const ends = await withAdmin(brokers, (admin) => admin.fetchTopicOffsets(topic));
  return new Map(ends.map(({ partition, high }) => [partition, BigInt(high)]));
}

/** By partition; those without a committed offset are left out. */
export async function committedOffsets({ brokers, topic }: TopicPlace, group: string): Promise<ReadonlyMap<number, bigint>> {
  const [answer] = await withAdmin(brokers, (admin) => admin.fetchOffsets({ groupId: group, topics: [topic] }));
  const known = answer?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)] as const) ?? [];
  return new Map(known.filter(([, offset]) => offset >= 0n));
}

/** As another consumer of this group would have left them. The group must have no members. */
export async function commitOffsets(
  { brokers, topic }: TopicPlace,
  { group, offsets }: { readonly group: string; readonly offsets: ReadonlyMap<number, bigint> },
): Promise<void> {
  // Not by kafkajs's setOffsets: that waits for a fetch of five seconds each time.
  const consumer = client(brokers).consumer({ groupId: group, maxWaitTimeInMs: 50 });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic });
    const joined = new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.GROUP_JOIN, () => resolve());
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    });
    await consumer.run({ autoCommit: false, eachMessage: async () => undefined });
    await joined;
    await consumer.commitOffsets([...offsets].map(([partition, offset]) => ({ topic, partition, offset: String(offset) })));
  } finally {
    await consumer.disconnect();
  }
}

/** The group is gone, with all its offsets. It must have no members. */
export function deleteGroup(brokers: string, group: string): Promise<unknown> {
  return withAdmin(brokers, (admin) => admin.deleteGroups([group]));
}

/** Up to these offsets, as retention does it. */
export function expireRecords({ brokers, topic }: TopicPlace, upTo: ReadonlyMap<number, bigint>): Promise<void> {
  return withAdmin(brokers, async (admin) => {
    // kafkajs finds no leader of a topic that this client has not heard of.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [...upTo].map(([partition, offset]) => ({ partition, offset: String(offset) })) });
  });
}

export function addPartitions({ brokers, topic }: TopicPlace, count: number): Promise<void> {
  return withAdmin(brokers, async (admin) => {
    await admin.createPartitions({ topicPartitions: [{ topic, count }] });
    await eventually(`leaders of ${count} partitions`, async () => {
      const partitions = (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions ?? [];
      return partitions.length === count && partitions.every(({ leader }) => leader >= 0);
    });
  });
}

/** Deletes the topic and makes an empty one of the same name. */
export function remakeTopic({ brokers, topic }: TopicPlace, { partitions }: { readonly partitions: number }): Promise<void> {
  return withAdmin(brokers, async (admin) => {
    await admin.deleteTopics({ topics: [topic] });
    await eventually(`${topic} gone`, async () => !(await admin.listTopics()).includes(topic));
    const wanted = { topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }], waitForLeaders: false };
    // The name may be taken for some moments more.
    await eventually(`${topic} made anew`, () => admin.createTopics(wanted));
    await eventually(`leaders of ${topic}`, async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]?.partitions.every(({ leader }) => leader >= 0);
    });
  });
}

async function withAdmin<T>(brokers: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = client(brokers).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

function client(brokers: string): Kafka {
  return new Kafka({ brokers: brokers.split(','), clientId: 'gbx-tests', logLevel: logLevel.NOTHING });
}

function toBuffer(bytes: Buffer | string | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes);
}

function* split<T extends NewRecord>(records: readonly T[]): Generator<readonly T[]> {
  const BYTES_MAX = 500_000;
  let part: T[] = [];
  let bytes = 0;
  for (const record of records) {
    const size = (record.value?.length ?? 0) + 100;
    if (part.length > 0 && (bytes + size > BYTES_MAX || part.length === RECORDS_PER_SEND)) {
      yield part;
      [part, bytes] = [[], 0];
    }
    part.push(record);
    bytes += size;
  }
  if (part.length > 0) yield part;
}
