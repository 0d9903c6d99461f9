// What `gbx lag` asks the brokers: state and offsets of the group, ends of the logs, the time index. As few requests as the
// protocol allows, and a partition without an answer is marked instead of failing the rest.
import { AssignerProtocol } from 'kafkajs';
import { GbxError } from '../core/errors.ts';
import type { GroupAnswer, GroupMember, LagSource, LagTarget, LogPlace, TimeAnswer, TimeAsk } from '../core/lag/sample.ts';
import { CONNECTION_TIMEOUT_MS, createClient, type KafkaConnection } from './client.ts';
import { withDeadline } from './deadline.ts';
import { type ClusterMetadata, createLagCluster, type LagCluster } from './lag-cluster.ts';
import { createOffsetLister, type OffsetLister } from './lag-offsets.ts';
import { protocolTypeOf } from './translate-error.ts';

const REQUEST_TIMEOUT_MS = 5_000;
const ANSWER_MS_MAX = 12_000;
/** Leaders move; what is asked again and again is looked up anew after this. */
const METADATA_MS_MAX = 30_000;
const TRIES = 8;
const BACKOFF_MS = 250;
const CONFIG_TOPIC = 2;
const TIMESTAMP_TYPE = 'message.timestamp.type';
/** Said by a broker that is not, or not yet, the one to ask. */
const COORDINATOR_MOVES = new Set(['GROUP_COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR_FOR_GROUP', 'GROUP_LOAD_IN_PROGRESS']);

interface FetchedOffsets {
  readonly errorCode?: number;
  readonly responses: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly offset: string; readonly errorCode: number }[];
  }[];
}

interface DescribedGroup {
  readonly errorCode: number;
  readonly state: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly clientId: string;
    readonly clientHost: string;
    readonly memberAssignment: Buffer;
  }[];
}

interface DescribedConfigs {
  readonly resources: readonly {
    readonly errorCode: number;
    readonly configEntries: readonly { readonly configName: string; readonly configValue: string | null }[];
  }[];
}

interface Context {
  readonly cluster: LagCluster;
  readonly target: LagTarget;
  readonly clock: KafkaConnection['clock'];
  readonly offsets: OffsetLister;
}

/** Nothing is connected before the first question. */
export function openLagSource(connection: KafkaConnection, target: LagTarget): LagSource & AsyncDisposable {
  const { clock } = connection;
  const client = createClient(connection, { requestTimeoutMs: REQUEST_TIMEOUT_MS });
  const cluster = createLagCluster(client.kafka, { onRequestTimeout: client.onRequestTimeout });
  let known: { readonly metadata: ClusterMetadata; readonly atMs: number } | undefined;
  let coordinator: number | undefined;

  async function refresh(): Promise<ClusterMetadata> {
    const topics = [target.topic, target.deadLetterTopic, ...(target.retryTopic === undefined ? [] : [target.retryTopic])];
    const metadata = await cluster.refresh([...new Set(topics)]);
    known = { metadata, atMs: clock.elapsed() };
    return metadata;
  }
  const metadataNow = async (): Promise<ClusterMetadata> =>
    known !== undefined && clock.elapsed() - known.atMs < METADATA_MS_MAX ? known.metadata : refresh();
  const offsets = createOffsetLister({ cluster, clock, metadataNow, refresh });
  const context: Context = { cluster, target, clock, offsets };

  let underWay = 0;
  async function ask<T>(doing: string, work: () => Promise<T>): Promise<T> {
    const late = (): Error =>
      new GbxError('GBX_KAFKA_UNREACHABLE', `Cannot ${doing} as ${connection.brokers.join(', ')} did not answer in time`);
    underWay++;
    try {
      return await withDeadline(work(), { clock, ms: ANSWER_MS_MAX, late });
    } catch (error) {
      known = undefined;
      coordinator = undefined;
      throw withRights(client.translate(error, doing, 'GBX_KAFKA_UNREACHABLE'), error);
    } finally {
      underWay--;
    }
  }

  async function close(): Promise<void> {
    // Nobody waits for that answer any more: kafkajs would, before it lets go of the connection.
    if (underWay > 0) client.close();
    const late = (): Error => new Error('slow to close');
    await withDeadline(cluster.close(), { clock, ms: CONNECTION_TIMEOUT_MS, late }).catch(() => undefined);
    client.close();
  }

  return {
    readGroup: async () => {
      const metadata = await ask(`look up the topic ${target.topic}`, () => findTopic(context, { metadataNow, refresh }));
      return ask(`ask for the group ${target.group}`, async () => {
        for (let nth = 1; ; nth++) {
          coordinator ??= await findCoordinator(context);
          try {
            return await readGroup(context, metadata, coordinator);
          } catch (error) {
            if (nth === TRIES || !COORDINATOR_MOVES.has(protocolTypeOf(error) ?? '')) throw error;
            coordinator = undefined;
            await clock.sleep(BACKOFF_MS);
          }
        }
      });
    },
    readLogs: () =>
      ask(`ask for the ends of the topic ${target.topic}`, async () => {
        const topics = (await metadataNow()).topicMetadata.filter(({ topicErrorCode }) => topicErrorCode === 0);
        const places = await offsets.readEnds(topics.map(({ topic }) => topic));
        return new Map<string, readonly LogPlace[]>(places);
      }),
    findByTime: (asks: readonly TimeAsk[]): Promise<readonly (TimeAnswer | 'none' | undefined)[]> =>
      ask(`ask for the age of records of ${target.topic}`, () => offsets.findByTime(asks)),
    timestampType: () => ask(`ask for the settings of the topic ${target.topic}`, () => readTimestampType(context)).catch(() => undefined),
    [Symbol.asyncDispose]: close,
  };
}

interface Lookups {
  readonly metadataNow: () => Promise<ClusterMetadata>;
  readonly refresh: () => Promise<ClusterMetadata>;
}

/** A topic that is not there on the first look may be one that this broker has not heard of yet. */
async function findTopic({ cluster, target, clock }: Context, { metadataNow, refresh }: Lookups): Promise<ClusterMetadata> {
  let metadata = await metadataNow();
  for (let nth = 1; ; nth++) {
    const code = metadata.topicMetadata.find(({ topic }) => topic === target.topic)?.topicErrorCode ?? 0;
    const error = cluster.errorOf(code);
    if (error === undefined) return metadata;
    if (nth === 3 || error.retriable !== true) throw error;
    await clock.sleep(BACKOFF_MS);
    metadata = await refresh();
  }
}

async function findCoordinator({ cluster, target, clock }: Context): Promise<number> {
  for (let nth = 1; ; nth++) {
    const answer = (await cluster.ask('any', 'GroupCoordinator', { groupId: target.group, coordinatorType: 0 })) as {
      readonly errorCode: number;
      readonly coordinator: { readonly nodeId: number };
    };
    const error = cluster.errorOf(answer.errorCode);
    if (error === undefined) return answer.coordinator.nodeId;
    if (nth === TRIES || error.retriable !== true) throw error;
    await clock.sleep(BACKOFF_MS);
  }
}

async function readGroup({ cluster, target }: Context, metadata: ClusterMetadata, coordinator: number): Promise<GroupAnswer> {
  const topics = metadata.topicMetadata
    .filter(({ topic, topicErrorCode }) => topicErrorCode === 0 && (topic === target.topic || topic === target.retryTopic))
    .map(({ topic, partitionMetadata }) => ({
      topic,
      partitions: partitionMetadata.map(({ partitionId }) => ({ partition: partitionId })),
    }));
  const [described, fetched] = await Promise.all([
    cluster.ask(coordinator, 'DescribeGroups', { groupIds: [target.group] }) as Promise<{ readonly groups: readonly DescribedGroup[] }>,
    cluster.ask(coordinator, 'OffsetFetch', { groupId: target.group, topics }) as Promise<FetchedOffsets>,
  ]);
  const group = described.groups[0];
  const wrong = fetched.responses.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode)).find((code) => code !== 0);
  const error = cluster.errorOf(fetched.errorCode ?? 0) ?? cluster.errorOf(group?.errorCode ?? 0) ?? cluster.errorOf(wrong ?? 0);
  if (error !== undefined) throw error;
  const committed = fetched.responses.map(({ topic, partitions }) => {
    const known = partitions.map(({ partition, offset }) => [partition, BigInt(offset)] as const).filter(([, offset]) => offset >= 0n);
    return [topic, new Map(known)] as const;
  });
  return {
    clusterId: metadata.clusterId ?? '',
    brokers: metadata.brokers.map(({ host, port }) => `${host}:${port}`),
    state: group?.state === undefined || group.state === '' ? 'Dead' : group.state,
    members: group?.members.map((member) => toMember(member, target.topic)) ?? [],
    committed: new Map(committed),
  };
}

function toMember({ memberId, clientId, clientHost, memberAssignment }: DescribedGroup['members'][number], topic: string): GroupMember {
  return { memberId, clientId, host: clientHost.replace(/^\//u, ''), partitions: assignedPartitions(memberAssignment, topic) };
}

/** Empty while the group shares its partitions out; of clients that are no consumers, anything. */
function assignedPartitions(bytes: Buffer, topic: string): readonly number[] {
  try {
    return AssignerProtocol.MemberAssignment.decode(bytes)?.assignment[topic] ?? [];
  } catch {
    return [];
  }
}

async function readTimestampType({ cluster, target }: Context): Promise<string | undefined> {
  const resources = [{ type: CONFIG_TOPIC, name: target.topic, configNames: [TIMESTAMP_TYPE] }];
  const answer = (await cluster.ask('any', 'DescribeConfigs', { resources, includeSynonyms: false })) as DescribedConfigs;
  return answer.resources[0]?.configEntries.find(({ configName }) => configName === TIMESTAMP_TYPE)?.configValue ?? undefined;
}

/** Which rights are missing, the broker does not say. */
function withRights(translated: GbxError, error: unknown): GbxError {
  if (protocolTypeOf(error)?.endsWith('_AUTHORIZATION_FAILED') !== true) return translated;
  const hint = 'gbx lag needs the right to DESCRIBE the group and the topics, and no other';
  return new GbxError(translated.code, translated.message, { cause: error, hint });
}
