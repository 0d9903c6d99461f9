// Moving a group's committed offsets by hand, for `gbx consume --reset-ledger`. Kafka lets nobody do it while a member runs.
import { CONNECTION_TIMEOUT_MS, createClient, type KafkaConnection, RETRY } from './client.ts';
import { withDeadline } from './deadline.ts';

const REQUEST_TIMEOUT_MS = 5_000;
const ANSWER_MS_MAX = 30_000;

interface GroupPositions {
  readonly group: string;
  readonly topic: string;
  readonly positions: ReadonlyMap<number, bigint>;
}

/** @throws {GbxError} GBX_KAFKA_UNREACHABLE, GBX_KAFKA_AUTH, and what the broker says of a group with members that run */
export async function moveGroup(connection: KafkaConnection, { group, topic, positions }: GroupPositions): Promise<void> {
  const { clock } = connection;
  const late = (): Error => new Error(`Kafka did not answer within ${ANSWER_MS_MAX} ms`);
  const client = createClient(connection, { requestTimeoutMs: REQUEST_TIMEOUT_MS });
  const admin = client.kafka.admin({ retry: { ...RETRY, retries: 3 } });
  const partitions = [...positions].map(([partition, offset]) => ({ partition, offset: String(offset) }));
  try {
    await withDeadline(
      admin.connect().then(() => admin.setOffsets({ groupId: group, topic, partitions })),
      { clock, ms: ANSWER_MS_MAX, late },
    );
  } catch (error) {
    throw client.translate(error, `move the offsets of the group ${group}`);
  } finally {
    await withDeadline(admin.disconnect(), { clock, ms: CONNECTION_TIMEOUT_MS, late }).catch(() => undefined);
    client.close();
  }
}
