// Which records go to the broker together: by partition, and within what it takes as one batch.
import type { HeaderValue } from '../core/exposure/exposure.ts';
import { partitionOfKey } from './partitioner.ts';

/** What the producer writes: exposures and dead letters. An OutgoingRecord fits. */
export interface ProducerRecord {
  readonly key: string | Buffer | null;
  readonly value: string | Buffer | null;
  readonly headers?: Readonly<Record<string, HeaderValue | undefined>>;
  /** Milliseconds since the Unix epoch. */
  readonly timestampMs: number;
  /** For records without a key; taken modulo the number of partitions. */
  readonly partition?: number;
}

export interface PlannedPart {
  readonly partition: number;
  /** Places in the list of records. */
  readonly indexes: readonly number[];
}

/** What goes out at one time: at most one part for each partition. */
export type PlannedSend = readonly PlannedPart[];

interface SendLimits {
  readonly partitionCount: number;
  /** Of one partition in one send: Kafka takes them as one batch. */
  readonly recordsMax: number;
  readonly bytesMax: number;
  /** Of all partitions in one send. */
  readonly sendBytesMax: number;
}

/** A record's own fields and the lengths of its parts: at most this, by the format of a record. */
const RECORD_OVERHEAD_BYTES = 32;
const HEADER_OVERHEAD_BYTES = 8;

/** Keeps the order of records within a partition. A record beyond `bytesMax` is alone in its part. */
export function planSends(records: readonly ProducerRecord[], limits: SendLimits): PlannedSend[] {
  const sends: PlannedSend[] = [];
  let parts = new Map<number, { readonly indexes: number[]; bytes: number }>();
  let sendBytes = 0;
  const close = (): void => {
    if (parts.size > 0) sends.push([...parts].map(([partition, { indexes }]) => ({ partition, indexes })));
    parts = new Map();
    sendBytes = 0;
  };
  for (const [index, record] of records.entries()) {
    const partition = partitionOf(record, limits.partitionCount);
    const bytes = recordBytes(record);
    const part = parts.get(partition);
    const isFull = part !== undefined && (part.indexes.length >= limits.recordsMax || part.bytes + bytes > limits.bytesMax);
    if (isFull || sendBytes + bytes > limits.sendBytesMax) close();
    const open = parts.get(partition) ?? { indexes: [], bytes: 0 };
    parts.set(partition, open);
    open.indexes.push(index);
    open.bytes += bytes;
    sendBytes += bytes;
  }
  close();
  return sends;
}

function partitionOf({ key, partition = 0 }: ProducerRecord, partitionCount: number): number {
  return key === null ? partition % partitionCount : partitionOfKey(key, partitionCount);
}

/** No less than the record takes in a batch without compression. */
export function recordBytes({ key, value, headers = {} }: ProducerRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + byteLength(key) + byteLength(value);
  for (const [name, values] of Object.entries(headers)) {
    for (const one of Array.isArray(values) ? values : [values]) bytes += HEADER_OVERHEAD_BYTES + Buffer.byteLength(name) + byteLength(one);
  }
  return bytes;
}

function byteLength(data: string | Buffer | null | undefined): number {
  return data === null || data === undefined ? 0 : Buffer.byteLength(data);
}
