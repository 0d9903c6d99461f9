// Kafka's requests as they are, for lag: kafkajs's admin asks twice what it needs once, takes one bad partition for a failed
// answer and drops the stamps of the time index. So lag speaks through kafkajs's own cluster and encoders, which it does not
// export; as src/kafka/patch-kafkajs.ts, this is bound to the version that is pinned.
import { createRequire } from 'node:module';
import type { Kafka } from 'kafkajs';

export interface PartitionMetadata {
  readonly partitionErrorCode: number;
  readonly partitionId: number;
  /** -1: none. */
  readonly leader: number;
}

export interface TopicMetadata {
  readonly topicErrorCode: number;
  readonly topic: string;
  readonly partitionMetadata: readonly PartitionMetadata[];
}

export interface ClusterMetadata {
  readonly clusterId: string | null;
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
  readonly topicMetadata: readonly TopicMetadata[];
}

export type ApiName = 'GroupCoordinator' | 'DescribeGroups' | 'OffsetFetch' | 'ListOffsets' | 'DescribeConfigs';

interface Exchange {
  readonly request: object;
  readonly response: { readonly parse: (decoded: unknown) => Promise<unknown> };
}

interface KafkaJsBroker {
  readonly connectionPool: { send(exchange: Exchange): Promise<unknown> };
  lookupRequest(apiKey: number, definition: object): (args: object) => Exchange;
  disconnect(): Promise<void>;
  metadata(topics: readonly string[]): Promise<ClusterMetadata>;
}

interface BrokerPool {
  readonly metadata: ClusterMetadata | null;
  createBroker(options: object): KafkaJsBroker;
  refreshMetadata(topics: readonly string[]): Promise<void>;
  findConnectedBroker(): Promise<KafkaJsBroker>;
}

interface KafkaJsCluster {
  readonly brokerPool: BrokerPool;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  findBroker(broker: { readonly nodeId: number }): Promise<KafkaJsBroker>;
}

interface Protocol {
  readonly keys: Readonly<Record<string, number>>;
  readonly requests: Readonly<Record<string, object>>;
  readonly createErrorFromCode: (code: number) => Error & { readonly type?: string; readonly retriable?: boolean };
}

export interface LagCluster {
  /** Connects, at the first call, and asks where these topics are led; those that may not be seen or are not there bear a code. */
  refresh(topics: readonly string[]): Promise<ClusterMetadata>;
  /** One request to this broker, or to any; the answer decoded, whatever codes of errors it holds. */
  ask(nodeId: number | 'any', api: ApiName, args: object): Promise<unknown>;
  /** kafkajs's error for a code of the protocol; undefined for 0. */
  errorOf(code: number): (Error & { readonly type?: string; readonly retriable?: boolean }) | undefined;
  close(): Promise<void>;
}

interface ClusterOptions {
  readonly onRequestTimeout: (event: { readonly payload: { readonly broker: string; readonly apiName: string } }) => void;
}

const NETWORK_REQUEST_TIMEOUT = 'network.request_timeout';

export function createLagCluster(kafka: Kafka, { onRequestTimeout }: ClusterOptions): LagCluster {
  const load = createRequire(import.meta.url);
  const Emitter: new () => { addListener(name: string, listener: ClusterOptions['onRequestTimeout']): void } = load(
    'kafkajs/src/instrumentation/emitter',
  );
  const emitter = new Emitter();
  emitter.addListener(NETWORK_REQUEST_TIMEOUT, onRequestTimeout);
  const protocol: Protocol = {
    keys: load('kafkajs/src/protocol/requests/apiKeys'),
    requests: load('kafkajs/src/protocol/requests').requests,
    createErrorFromCode: load('kafkajs/src/protocol/error').createErrorFromCode,
  };
  const cluster = newCluster(kafka, emitter);
  const { brokerPool } = cluster;
  const createBroker = brokerPool.createBroker.bind(brokerPool);
  brokerPool.createBroker = (options) => {
    const broker = createBroker(options);
    broker.metadata = async (topics) =>
      (await exchange(broker, protocol, { api: 'Metadata', args: { topics, allowAutoTopicCreation: false } })) as ClusterMetadata;
    return broker;
  };
  let isConnected = false;
  return {
    async refresh(topics) {
      if (!isConnected) await cluster.connect();
      isConnected = true;
      await brokerPool.refreshMetadata(topics);
      if (brokerPool.metadata === null) throw new Error('Kafka gave no metadata');
      return brokerPool.metadata;
    },
    async ask(nodeId, api, args) {
      const broker = nodeId === 'any' ? await brokerPool.findConnectedBroker() : await cluster.findBroker({ nodeId });
      return exchange(broker, protocol, { api, args });
    },
    errorOf: (code) => (code === 0 ? undefined : protocol.createErrorFromCode(code)),
    close: () => cluster.disconnect(),
  };
}

function newCluster(kafka: Kafka, instrumentationEmitter: object): KafkaJsCluster {
  const key = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === 'private:Kafka:createCluster');
  const create = key === undefined ? undefined : (kafka as unknown as Record<symbol, unknown>)[key];
  if (typeof create !== 'function') throw new TypeError('this kafkajs is not the one that gbx was made for');
  return create({ allowAutoTopicCreation: false, instrumentationEmitter, maxInFlightRequests: null });
}

/** kafkajs's own parsing throws at the first code of an error; without it the whole answer comes through. */
async function exchange(
  broker: KafkaJsBroker,
  { keys, requests }: Protocol,
  { api, args }: { readonly api: ApiName | 'Metadata'; readonly args: object },
): Promise<unknown> {
  const [key, definition] = [keys[api], requests[api]];
  if (key === undefined || definition === undefined) throw new TypeError(`kafkajs does not know ${api}`);
  const { request, response } = broker.lookupRequest(key, definition)(args);
  try {
    return await broker.connectionPool.send({ request, response: { ...response, parse: async (decoded) => decoded } });
  } catch (error) {
    // As kafkajs's broker does: the next request then connects anew.
    if (error instanceof Error && error.name === 'KafkaJSConnectionClosedError') await broker.disconnect();
    throw error;
  }
}
