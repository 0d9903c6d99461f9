// Kafka's ListOffsets for many partitions at once: one request a broker and kind, what a leader refuses asked again once its
// partitions have been looked up anew, and what stays without an answer marked.
import type { Clock } from '../core/clock.ts';
import type { LogPlace, TimeAnswer, TimeAsk } from '../core/lag/sample.ts';
import type { ClusterMetadata, LagCluster } from './lag-cluster.ts';
import { protocolTypeOf } from './translate-error.ts';

interface OffsetAsk {
  readonly topic: string;
  readonly partition: number;
  /** Milliseconds since the Unix epoch, or one of the two below. */
  readonly timestamp: number;
}

type OffsetAnswer = { readonly offset: bigint; readonly timestampMs: number } | { readonly error: string };

interface ListedOffsets {
  readonly responses: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly errorCode: number;
      readonly timestamp: string;
      readonly offset: string;
    }[];
  }[];
}

export interface OffsetLister {
  /** By topic; a partition without a leader bears an error. */
  readEnds(topics: readonly string[]): Promise<readonly (readonly [string, readonly LogPlace[]])[]>;
  findByTime(asks: readonly TimeAsk[]): Promise<readonly (TimeAnswer | 'none' | undefined)[]>;
}

interface ListerOptions {
  readonly cluster: LagCluster;
  readonly clock: Clock;
  readonly metadataNow: () => Promise<ClusterMetadata>;
  readonly refresh: () => Promise<ClusterMetadata>;
}

const LATEST = -1;
const EARLIEST = -2;
/** As Kafka's own tool counts: up to the high watermark, open transactions included. */
const READ_UNCOMMITTED = 0;
const TRIES = 3;
const BACKOFF_MS = 200;
const NO_LEADER = 'LEADER_NOT_AVAILABLE';

export function createOffsetLister({ cluster, clock, metadataNow, refresh }: ListerOptions): OffsetLister {
  /** In the order asked. Rejects where no broker answers at all. */
  async function list(asks: readonly OffsetAsk[]): Promise<readonly OffsetAnswer[]> {
    const answers = new Map<string, OffsetAnswer>();
    let open = asks;
    for (let nth = 1; open.length > 0; nth++) {
      const metadata = nth === 1 ? await metadataNow() : await refresh();
      for (const [key, answer] of await listOnce(cluster, metadata, open)) answers.set(key, answer);
      open = open.filter((ask) => 'error' in (answers.get(keyOf(ask)) ?? { error: NO_LEADER }));
      if (nth === TRIES) break;
      if (open.length > 0) await clock.sleep(BACKOFF_MS);
    }
    return asks.map((ask) => answers.get(keyOf(ask)) ?? { error: NO_LEADER });
  }

  return {
    async readEnds(topics) {
      const { topicMetadata } = await metadataNow();
      const places = topicMetadata
        .filter(({ topic }) => topics.includes(topic))
        .flatMap(({ topic, partitionMetadata }) => partitionMetadata.map(({ partitionId }) => ({ topic, partition: partitionId })));
      const [ends, starts] = await Promise.all([
        list(places.map((place) => ({ ...place, timestamp: LATEST }))),
        list(places.map((place) => ({ ...place, timestamp: EARLIEST }))),
      ]);
      return topics.map((topic) => {
        const own = places.flatMap((place, nth) => (place.topic === topic ? [toPlace(place.partition, starts[nth], ends[nth])] : []));
        return [topic, own.sort((one, other) => one.partition - other.partition)] as const;
      });
    },
    async findByTime(asks) {
      const answers = await list(
        asks.map(({ topic, partition, sinceMs }) => ({ topic, partition, timestamp: Math.max(0, Math.floor(sinceMs)) })),
      );
      return answers.map((answer) => ('error' in answer ? undefined : answer.offset < 0n ? 'none' : answer));
    },
  };
}

function toPlace(partition: number, start: OffsetAnswer | undefined, end: OffsetAnswer | undefined): LogPlace {
  const wrong = [start, end].find((answer) => answer === undefined || 'error' in answer);
  if (wrong !== undefined || start === undefined || end === undefined || 'error' in start || 'error' in end) {
    return { partition, start: undefined, end: undefined, error: wrong !== undefined && 'error' in wrong ? wrong.error : 'no answer' };
  }
  // Emptied between the two questions.
  if (end.offset < start.offset) return { partition, start: start.offset, end: start.offset, error: undefined };
  return { partition, start: start.offset, end: end.offset, error: undefined };
}

async function listOnce(
  cluster: LagCluster,
  metadata: ClusterMetadata,
  asks: readonly OffsetAsk[],
): Promise<readonly [string, OffsetAnswer][]> {
  const byLeader = new Map<number, OffsetAsk[]>();
  for (const ask of asks) {
    const leader = leaderOf(metadata, ask);
    if (leader !== undefined) byLeader.set(leader, [...(byLeader.get(leader) ?? []), ask]);
  }
  const parts = await Promise.allSettled(
    [...byLeader].map(async ([leader, own]) =>
      toAnswers(
        cluster,
        (await cluster.ask(leader, 'ListOffsets', { isolationLevel: READ_UNCOMMITTED, topics: byTopic(own) })) as ListedOffsets,
      ),
    ),
  );
  // One broker that is down is a matter of its partitions; without any there is nothing to tell.
  const failed = parts.find((part) => part.status === 'rejected');
  if (failed !== undefined && parts.every((part) => part.status === 'rejected')) throw failed.reason;
  const reasons = parts.flatMap((part, nth) => {
    if (part.status === 'fulfilled') return part.value;
    const own = [...byLeader.values()][nth] ?? [];
    const error = part.reason instanceof Error ? part.reason.message : String(part.reason);
    return own.map((ask): [string, OffsetAnswer] => [keyOf(ask), { error }]);
  });
  return reasons;
}

function leaderOf({ topicMetadata }: ClusterMetadata, { topic, partition }: OffsetAsk): number | undefined {
  const partitions = topicMetadata.find((one) => one.topic === topic)?.partitionMetadata;
  const leader = partitions?.find(({ partitionId }) => partitionId === partition)?.leader;
  return leader === undefined || leader < 0 ? undefined : leader;
}

function byTopic(asks: readonly OffsetAsk[]): readonly object[] {
  const topics = new Map<string, object[]>();
  for (const { topic, partition, timestamp } of asks) {
    const own = topics.get(topic) ?? [];
    own.push({ partition, timestamp });
    topics.set(topic, own);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

function toAnswers(cluster: LagCluster, { responses }: ListedOffsets): readonly [string, OffsetAnswer][] {
  return responses.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, errorCode, timestamp, offset }): [string, OffsetAnswer] => {
      const error = cluster.errorOf(errorCode);
      const answer =
        error === undefined
          ? { offset: BigInt(offset), timestampMs: Number(timestamp) }
          : { error: protocolTypeOf(error) ?? error.message };
      return [keyOf({ topic, partition }), answer];
    }),
  );
}

function keyOf({ topic, partition }: Pick<OffsetAsk, 'topic' | 'partition'>): string {
  return `${partition} ${topic}`;
}
