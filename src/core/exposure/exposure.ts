// The words of the whole program as types: what an exposure is once it is valid, and what a Kafka record is to gbx.
// Everything outside (HTTP bodies, records, rows) is parsed into these once, at the edge.

/** One user seen in one variation of one experiment: valid, within the warehouse's limits, ready to be stored. */
export interface Exposure {
  readonly exposureId: string;
  readonly dsUserId: string;
  readonly experimentId: string;
  readonly variationId: string;
  /** When it happened: microseconds since the Unix epoch, UTC. A safe integer until the year 2255. */
  readonly tsMicros: number;
  /** A JSON object as text, as the warehouse parses it; `{}` where there are none. */
  readonly attributes: string;
  readonly source: string;
}

export type HeaderValue = Buffer | string | ReadonlyArray<Buffer | string>;
export type RecordHeaders = Readonly<Record<string, HeaderValue | undefined>>;

/** A record as read from a partition of the topic. */
export interface LogRecord {
  readonly partition: number;
  readonly offset: bigint;
  /** Kafka's own timestamp: milliseconds since the Unix epoch, -1 where the producer gave none. */
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
}

/** A record to be written; the partition is computed from the key by src/kafka. */
export interface OutgoingRecord {
  readonly key: string | Buffer;
  readonly value: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds since the Unix epoch. */
  readonly timestampMs: number;
}

/** Byte limits as Redshift counts them (UTF-8), by wire name: the columns of sql/0001. */
export const BYTES_MAX = {
  exposure_id: 64,
  ds_user_id: 128,
  experiment_id: 128,
  variation_id: 64,
  source: 32,
  attributes: 65_535,
} as const;
