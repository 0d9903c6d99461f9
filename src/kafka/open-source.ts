// A member of the consumer group: kafkajs's callbacks fill a bounded buffer, the load flow takes from it when it likes.
// Commits are for others to read; where to go on is decided by seek(), never by kafkajs.
import { GbxError } from '../core/errors.ts';
import type { PartitionOffsets, Source } from '../core/load/ports.ts';
import type { KafkaConnection } from './client.ts';
import { type MemberOptions, openMember } from './group-member.ts';
import { type KafkaAdmin, openAdmin } from './open-admin.ts';

/**
 * Joins the group in the background: the first event is `joined`.
 * @throws {GbxError} GBX_TOPIC_MISSING, GBX_KAFKA_UNREACHABLE, GBX_KAFKA_TLS, GBX_KAFKA_AUTH: within seconds
 */
export async function openSource(
  connection: KafkaConnection,
  options: Omit<MemberOptions, 'partitionCount'>,
): Promise<Source & AsyncDisposable> {
  const { topic, group } = options;
  const admin = await openAdmin(connection);
  try {
    const clusterId = await admin.clusterId();
    const partitionCount = await admin.topicPartitions(topic);
    if (partitionCount === undefined) throw new GbxError('GBX_TOPIC_MISSING', `Cannot read the topic ${topic} as it does not exist`);
    const member = await openMember(connection, { ...options, partitionCount });
    return {
      clusterId,
      topic,
      group,
      take: member.take,
      seek: member.seek,
      commit: member.commit,
      offsets: (partitions) => readOffsets(admin, { topic, group, partitions }),
      [Symbol.asyncDispose]: async () => {
        await Promise.all([member.close(), admin[Symbol.asyncDispose]()]);
      },
    };
  } catch (error) {
    await admin[Symbol.asyncDispose]();
    throw error;
  }
}

interface OffsetsQuery {
  readonly topic: string;
  readonly group: string;
  readonly partitions: readonly number[];
}

async function readOffsets(admin: KafkaAdmin, { topic, group, partitions }: OffsetsQuery): Promise<readonly PartitionOffsets[]> {
  const [ranges, committed] = await Promise.all([admin.logRanges(topic), admin.committedOffsets(group, topic)]);
  return partitions.map((partition) => {
    const range = ranges.find((one) => one.partition === partition);
    if (range === undefined)
      throw new GbxError('GBX_TOPIC_MISSING', `Cannot read partition ${partition} of the topic ${topic} as it does not exist`);
    return { ...range, committed: committed.get(partition) };
  });
}
