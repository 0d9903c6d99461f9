// What the checks of `gbx doctor` ask of the world. src/network, src/kafka, src/warehouse and src/files fit by shape.
import type { LedgerRow, LedgerScope } from '../load/ports.ts';
import type { MigrationPlan } from '../migrate/plan.ts';

export interface HostAddress {
  readonly host: string;
  readonly port: number;
}

export interface CertificateFacts {
  readonly subject: string;
  readonly expiresAtMs: number;
  /** Why it is not trusted, as Node names it; undefined when it is. */
  readonly refused: string | undefined;
}

interface HandshakeOptions {
  /** PEM; without it the authorities that Node trusts. */
  readonly ca: string | undefined;
  /** `postgres` asks for TLS on the plain port first. */
  readonly start: 'tls' | 'postgres';
}

/** Each rejects with what Node says; `signal` ends it. */
export interface Network {
  resolve(host: string): Promise<readonly string[]>;
  dial(address: HostAddress, signal: AbortSignal): Promise<void>;
  /** Reads the certificate, also one that is not trusted. No data is sent. */
  handshake(address: HostAddress, options: HandshakeOptions, signal: AbortSignal): Promise<CertificateFacts>;
}

export interface BrokerFacts extends HostAddress {
  readonly id: number;
}

export interface PartitionFacts {
  readonly partition: number;
  /** -1: none at this moment. */
  readonly leader: number;
  readonly replicas: number;
  readonly inSync: number;
}

export interface TopicFacts {
  readonly topic: string;
  readonly partitions: readonly PartitionFacts[];
  /** Names of Kafka's operations that this login may do; undefined where the broker does not tell. */
  readonly rights: readonly string[] | undefined;
}

export interface ClusterFacts {
  /** The seed that told the rest. */
  readonly answeredBy: HostAddress;
  readonly clusterId: string;
  /** As they are advertised: where clients are sent. */
  readonly brokers: readonly BrokerFacts[];
  /** Those asked for that are there. */
  readonly topics: readonly TopicFacts[];
  /** Topics that are kept from this login. */
  readonly forbidden: readonly string[];
}

export interface LogRange {
  readonly partition: number;
  readonly start: bigint;
  readonly end: bigint;
}

export interface KafkaProbe {
  readonly seeds: readonly HostAddress[];
  readonly tls: { readonly kind: 'off' } | { readonly kind: 'on'; readonly ca?: string };
  /** From the first seed that answers; asked without being sent to another address. @throws {GbxError} */
  cluster(signal: AbortSignal): Promise<ClusterFacts>;
  /** Names of Kafka's operations that this login may do with the group; undefined where the broker does not tell. @throws {GbxError} */
  groupRights(group: string, signal: AbortSignal): Promise<readonly string[] | undefined>;
  /** Undefined where it is not permitted. @throws {GbxError} */
  topicConfig(topic: string): Promise<ReadonlyMap<string, string> | undefined>;
  logRanges(topic: string): Promise<readonly LogRange[]>;
  committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, bigint>>;
  /** The first offset with this time or a later one; the end of the log, or nothing, where there is none. */
  offsetsAtTimestamp(topic: string, timestampMs: number): Promise<ReadonlyMap<number, bigint>>;
}

export interface ServerFacts {
  readonly server: 'postgres' | 'redshift';
  readonly version: string;
  readonly dialect: string;
  /** Undefined where the server does not tell. */
  readonly isolation: string | undefined;
  /** 0: sessions are never ended for idling; undefined where the server does not tell. */
  readonly idleTimeoutMs: number | undefined;
  /** The server's clock less ours, and half the time the answer took: how far off that may be. */
  readonly skewMs: number;
  readonly skewErrorMs: number;
}

export interface RightFacts {
  /** E.g. `INSERT on growthbook.experiment_exposures`. */
  readonly right: string;
  readonly has: boolean;
}

export interface WarehouseProbe extends HostAddress {
  readonly tls: KafkaProbe['tls'];
  /** `user@host:port/database`. */
  readonly name: string;
  /** @throws {GbxError} */
  server(): Promise<ServerFacts>;
  /** A phrase for each column that is not as it must be; undefined where there is no table. */
  tableDifferences(): Promise<readonly string[] | undefined>;
  hasLedger(): Promise<boolean>;
  rights(): Promise<readonly RightFacts[]>;
  /** @throws {GbxError} GBX_WAREHOUSE_PERMISSION where the history is kept from this login */
  migrations(): Promise<MigrationPlan>;
  /** @throws {GbxError} GBX_LEDGER_BROKEN */
  ledger(scope: LedgerScope): Promise<readonly LedgerRow[]>;
}

export interface SpoolFacts {
  readonly isFolder: boolean;
  readonly isWritable: boolean;
  readonly freeBytes: number;
  /** Files that hold exposures which Kafka has not yet. */
  readonly files: number;
  readonly bytes: number;
  /** Files of records that Kafka refused, and of segments that are damaged. */
  readonly setAside: number;
}

export interface MachineFacts {
  readonly node: string;
  readonly memoryBytesMax: number;
  readonly heapBytesMax: number;
  readonly cores: number;
  /** Undefined where the system does not tell. */
  readonly openFilesMax: number | undefined;
}
