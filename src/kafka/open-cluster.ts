// kafkajs's own way to the brokers, below its consumer: metadata, and a fetch from the leader of a partition. Its public API
// reads records as a member of a group only. Used by open-log-reader.ts; bound to the version that patch-kafkajs.ts knows.
import { createRequire } from 'node:module';
import type { KafkaMessage } from 'kafkajs';
import { GbxError } from '../core/errors.ts';
import { type ClientOptions, createClient, type KafkaClient, type KafkaConnection } from './client.ts';
import { withDeadline } from './deadline.ts';
import { PATCHED_VERSION, patchKafkaJs } from './patch-kafkajs.ts';

/** As kafkajs decodes it; offsets are decimal text. */
export interface FetchedMessage extends Pick<KafkaMessage, 'offset' | 'timestamp' | 'key' | 'value' | 'headers'> {
  readonly isControlRecord: boolean;
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean; readonly isControlBatch: boolean };
}

export interface FetchedPartition {
  readonly partition: number;
  readonly highWatermark: string;
  readonly abortedTransactions?: readonly { readonly producerId: string; readonly firstOffset: string }[];
  readonly messages: readonly FetchedMessage[];
}

interface FetchRequest {
  readonly isolationLevel: number;
  readonly maxWaitTime: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string; readonly maxBytes: number }[];
  }[];
}

interface Broker {
  fetch(request: FetchRequest): Promise<{ readonly responses: readonly { readonly partitions: readonly FetchedPartition[] }[] }>;
}

interface TopicQuestion {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number }[];
  readonly fromBeginning: boolean;
}

interface KafkaJsCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  /** Node -> its partitions; unknown ones are left out. */
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, readonly number[]>>;
  findBroker(node: { readonly nodeId: string }): Promise<Broker>;
  fetchTopicsOffset(
    topics: readonly TopicQuestion[],
  ): Promise<readonly { readonly partitions: readonly { readonly partition: number; readonly offset: string }[] }[]>;
}

export interface Cluster extends KafkaJsCluster, AsyncDisposable {
  readonly translate: KafkaClient['translate'];
}

interface Emitter {
  addListener(name: string, listener: KafkaClient['onRequestTimeout']): void;
}

type CreateCluster = (options: {
  readonly metadataMaxAge: number;
  readonly allowAutoTopicCreation: boolean;
  readonly instrumentationEmitter: Emitter;
}) => KafkaJsCluster;

const METADATA_AGE_MS_MAX = 10_000;
const CLOSE_MS_MAX = 5_000;

/** Connects with the first question. @throws {GbxError} GBX_BUG where another version of kafkajs is installed */
export function openCluster(connection: KafkaConnection, options: ClientOptions): Cluster {
  if (!patchKafkaJs())
    throw new GbxError('GBX_BUG', `Cannot read a log without kafkajs ${PATCHED_VERSION}, which is not what is installed`);
  const client = createClient(connection, options);
  const emitter: Emitter = new (createRequire(import.meta.url)('kafkajs/src/instrumentation/emitter'))();
  emitter.addListener('network.request_timeout', client.onRequestTimeout);
  const cluster = clusterMaker(client.kafka)({
    metadataMaxAge: METADATA_AGE_MS_MAX,
    allowAutoTopicCreation: false,
    instrumentationEmitter: emitter,
  });
  return Object.assign(cluster, {
    translate: client.translate,
    [Symbol.asyncDispose]: async () => {
      const late = (): Error => new Error('slow to close');
      await withDeadline(cluster.disconnect(), { clock: connection.clock, ms: CLOSE_MS_MAX, late }).catch(() => undefined);
      client.close();
    },
  });
}

/** What kafkajs's producers, consumers and admins are made with; it is a property under a symbol of its own. */
function clusterMaker(kafka: object): CreateCluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === 'private:Kafka:createCluster');
  const maker: unknown = symbol === undefined ? undefined : Reflect.get(kafka, symbol);
  if (typeof maker !== 'function') throw new GbxError('GBX_BUG', 'Cannot read a log as kafkajs is not as it was');
  return maker as CreateCluster;
}
