// One poll of everything `gbx lag` looks at, as it was found: nothing is judged here. Declares what it needs of Kafka and of
// the warehouse; src/kafka/lag-source.ts and src/warehouse/open-lag-reader.ts fit by shape. read-sample.ts fills it.
import type { GbxError } from '../errors.ts';
import type { TimeLag } from './time-lag.ts';

/** What is looked at. */
export interface LagTarget {
  readonly group: string;
  readonly topic: string;
  readonly deadLetterTopic: string;
  /** Only where rows to be tried again go to a topic of their own. */
  readonly retryTopic: string | undefined;
}

/** As Kafka names them; `Dead` is a group that it does not know. */
export type GroupStateName = string;

export interface GroupMember {
  readonly memberId: string;
  readonly clientId: string;
  readonly host: string;
  /** Of the target's topic. */
  readonly partitions: readonly number[];
}

export interface GroupAnswer {
  readonly clusterId: string;
  /** `host:port` of those that answered the metadata. */
  readonly brokers: readonly string[];
  readonly state: GroupStateName;
  readonly members: readonly GroupMember[];
  /** By topic and partition; those without a committed offset are left out. */
  readonly committed: ReadonlyMap<string, ReadonlyMap<number, bigint>>;
}

/** Where a partition's log starts and ends; an error in their place where its leader does not say. */
export interface LogPlace {
  readonly partition: number;
  readonly start: bigint | undefined;
  readonly end: bigint | undefined;
  readonly error: string | undefined;
}

/** Undefined for a topic: it is not there, or may not be seen. */
export type LogAnswer = ReadonlyMap<string, readonly LogPlace[]>;

export interface TimeAsk {
  readonly topic: string;
  readonly partition: number;
  /** Milliseconds since the Unix epoch. */
  readonly sinceMs: number;
}

/** The first record that is stamped with this time or later. */
export interface TimeAnswer {
  readonly offset: bigint;
  readonly timestampMs: number;
}

/** Kafka, as lag needs it. Each rejects with a GbxError: GBX_KAFKA_UNREACHABLE, GBX_KAFKA_TLS, GBX_KAFKA_AUTH, GBX_TOPIC_MISSING. */
export interface LagSource {
  /** The group's state, members and committed offsets; asked before `readLogs`, so that no position is younger than its log. */
  readGroup(): Promise<GroupAnswer>;
  readLogs(): Promise<LogAnswer>;
  /** One answer an ask, in order, all of them in one request a broker; undefined: there is no such record, or no answer. */
  findByTime(asks: readonly TimeAsk[]): Promise<readonly (TimeAnswer | 'none' | undefined)[]>;
  /** `CreateTime` or `LogAppendTime`; undefined where it may not be asked. */
  timestampType(): Promise<string | undefined>;
}

export interface LedgerPosition {
  readonly clusterId: string;
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: bigint;
  /** When it was last moved, by the consumer's clock; milliseconds since the Unix epoch. */
  readonly updatedAtMs: number;
}

/** Of the newest rows of the table; times in milliseconds. */
export interface TableFreshness {
  /** Newest `ts` that is not in the future; undefined: no row of the last 30 days. */
  readonly newestTsMs: number | undefined;
  /** `created_at` minus `ts` of the newest rows. */
  readonly loadDelayMs: { readonly p50: number; readonly p95: number; readonly rows: number } | undefined;
}

/** The warehouse, as lag needs it. Each rejects with a GbxError. */
export interface LagWarehouse {
  /** Rows of all clusters: which one it is, the broker says meanwhile. */
  readLedger(asked: { readonly group: string; readonly topics: readonly string[] }): Promise<readonly LedgerPosition[]>;
  readFreshness(nowMs: number): Promise<TableFreshness>;
}

export interface PartitionSample {
  readonly partition: number;
  readonly start: bigint | undefined;
  readonly end: bigint | undefined;
  /** The group's offset; undefined: it has none. */
  readonly committed: bigint | undefined;
  /** The ledger's; undefined: no row, or the warehouse was not read. */
  readonly loaded: bigint | undefined;
  /** When the ledger moved last; milliseconds since the Unix epoch. */
  readonly loadedAtMs: number | undefined;
  /** What lag counts from: the ledger where it is read and has a row, else the group. */
  readonly position: bigint | undefined;
  readonly by: 'ledger' | 'group';
  /** Age of the first record that is not loaded; zero where there is none; undefined: not known. */
  readonly timeLag: TimeLag | undefined;
  readonly member: GroupMember | undefined;
  /** Why start and end are not known. */
  readonly error: string | undefined;
}

/** Records that wait in a topic beside the main one. */
export interface SideTopicSample {
  readonly topic: string;
  /** Undefined: there is no such topic, or it may not be seen. */
  readonly records: number | undefined;
  /** Undefined where there is none, or not known. */
  readonly newestAgeMs: number | undefined;
}

export type WarehouseSample =
  | { readonly kind: 'off' }
  /** `readAtMs`: where it was read for an earlier sample than this. */
  | { readonly kind: 'read'; readonly freshness: TableFreshness | undefined; readonly readAtMs?: number }
  | { readonly kind: 'failed'; readonly error: GbxError };

export interface LagSample {
  /** When the ends of the logs were read; milliseconds since the Unix epoch. */
  readonly atMs: number;
  /** The same by the monotonic clock: what rates are computed from. */
  readonly elapsedMs: number;
  readonly tookMs: number;
  readonly target: LagTarget;
  readonly clusterId: string;
  readonly brokers: readonly string[];
  readonly state: GroupStateName;
  readonly members: readonly GroupMember[];
  readonly partitions: readonly PartitionSample[];
  /** Partitions that the ledger knows and the topic has not. */
  readonly gone: readonly number[];
  readonly timestampType: string | undefined;
  readonly deadLetters: SideTopicSample;
  /** Records that wait for another try; undefined where they go to the main topic, and count there. */
  readonly retries: SideTopicSample | undefined;
  readonly warehouse: WarehouseSample;
}
