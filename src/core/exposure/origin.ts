// The header `gbx-origin`: where a copied record (requeued, dead-lettered, replayed) was first written. Id, time and
// validity are computed from there, so that an exposure stays the same however often it is copied.
import type { HeaderValue, LogRecord } from './exposure.ts';

export const ORIGIN_HEADER = 'gbx-origin';

/** A place in a log, with the timestamp that Kafka holds for it: milliseconds since the Unix epoch, or -1. */
export interface RecordOrigin {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
}

const TEXT_LENGTH_MAX = 320;
const PARTITION_MAX = 2 ** 31 - 1;
const OFFSET_MAX = 2n ** 63n - 1n;
// Topic names: org.apache.kafka.common.internals.Topic, LEGAL_CHARS and MAX_NAME_LENGTH.
const PATTERN = /^([a-zA-Z0-9._-]{1,249})\/(0|[1-9]\d{0,9})\/(0|[1-9]\d{0,18})\/(-1|0|[1-9]\d{0,15})$/;

/** Writes `topic/partition/offset/timestamp`. */
export function formatOrigin({ topic, partition, offset, timestampMs }: RecordOrigin): string {
  return `${topic}/${partition}/${offset}/${timestampMs}`;
}

/** Reads it back; undefined for anything that formatOrigin does not write, a repeated header included. */
export function parseOrigin(header: HeaderValue | undefined): RecordOrigin | undefined {
  if (header === undefined || (typeof header !== 'string' && !Buffer.isBuffer(header))) return undefined;
  if (header.length > TEXT_LENGTH_MAX) return undefined;
  const match = PATTERN.exec(header.toString());
  if (match === null) return undefined;
  const [, topic = '', partition, offset = '', timestampMs] = match;
  const origin = { topic, partition: Number(partition), offset: BigInt(offset), timestampMs: Number(timestampMs) };
  const isInRange = origin.partition <= PARTITION_MAX && origin.offset <= OFFSET_MAX && Number.isSafeInteger(origin.timestampMs);
  return isInRange ? origin : undefined;
}

/** Where a record that was read from `topic` comes from: what its header says, else the place where it stands. */
export function originOf(record: LogRecord, topic: string): RecordOrigin {
  const header = record.headers[ORIGIN_HEADER];
  const copied = header === undefined ? undefined : parseOrigin(header);
  return copied ?? { topic, partition: record.partition, offset: record.offset, timestampMs: record.timestampMs };
}
