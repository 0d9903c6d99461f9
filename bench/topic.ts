// Topics of the benchmark, made, filled and read again by kafkajs alone.
import { randomUUID } from 'node:crypto';
import { type Admin, type EachBatchPayload, Kafka, type KafkaMessage, logLevel, type Message } from 'kafkajs';
import { encodeExposure } from '../src/core/exposure/encode.ts';
import { partitionOfKey } from '../src/kafka/partitioner.ts';
import { exposuresOf, RECORD_BYTES, type RecordSet } from './records.ts';

export const PARTITIONS = 6;
const SEND_RECORDS = 2_000;

export function bareKafka(brokers: string): Kafka {
  return new Kafka({ clientId: 'gbx-bench', brokers: [brokers], logLevel: logLevel.ERROR });
}

export async function createTopics(brokers: string, topics: Readonly<Record<string, number>>): Promise<void> {
  const admin: Admin = bareKafka(brokers).admin();
  await admin.connect();
  try {
    await admin.createTopics({
      waitForLeaders: true,
      topics: Object.entries(topics).map(([topic, numPartitions]) => ({ topic, numPartitions, replicationFactor: 1 })),
    });
  } finally {
    await admin.disconnect();
  }
}

/** Each record in the partition of its key, as every producer of ours has it. @param poisonEvery each so-many-th is no exposure */
export async function fillTopic(brokers: string, topic: string, set: RecordSet, { poisonEvery = 0 } = {}): Promise<void> {
  const producer = bareKafka(brokers).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const waiting: Message[][] = Array.from({ length: PARTITIONS }, () => []);
  const send = async (partition: number): Promise<void> => {
    const messages = waiting[partition]?.splice(0) ?? [];
    if (messages.length > 0) await producer.send({ topic, acks: -1, messages });
  };
  const exposureAt = exposuresOf(set);
  try {
    for (let i = 0; i < set.records; i++) {
      const exposure = exposureAt(i);
      const value = Buffer.from(encodeExposure(exposure));
      if (value.length !== RECORD_BYTES) throw new RangeError(`record ${i} has ${value.length} bytes`);
      // Valid JSON of the same size, and no user in it: found by validation alone.
      if (poisonEvery > 0 && i % poisonEvery === 0) value.write('"xs_user_id"', value.indexOf('"ds_user_id"'));
      const partition = partitionOfKey(exposure.dsUserId, PARTITIONS);
      const messages = waiting[partition];
      messages?.push({ key: exposure.dsUserId, value, partition, timestamp: String(Math.floor(exposure.tsMicros / 1000)) });
      if (messages !== undefined && messages.length >= SEND_RECORDS) await send(partition);
    }
    for (const partition of waiting.keys()) await send(partition);
  } finally {
    await producer.disconnect();
  }
}

/** Every record that the topic holds now, partition by partition. @throws {Error} when kafkajs gives up */
export async function readTopic(brokers: string, topic: string, onMessage: (message: KafkaMessage) => void): Promise<void> {
  const kafka = bareKafka(brokers);
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic).finally(() => admin.disconnect());
  let left = ends.reduce((sum, { low, high }) => sum + Number(high) - Number(low), 0);
  if (left === 0) return;
  const consumer = kafka.consumer({ groupId: `bench-${randomUUID()}`, maxWaitTimeInMs: 250 });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      const eachBatch = async ({ batch: { messages } }: EachBatchPayload): Promise<void> => {
        for (const message of messages) onMessage(message);
        left -= messages.length;
        if (left <= 0) resolve();
      };
      consumer.run({ autoCommit: false, eachBatch }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
}
