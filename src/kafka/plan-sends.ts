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

export interface PlannedSend {
  readonly partition: number;
  /** Places in the list of records. */
  readonly indexes: readonly number[];
}

interface SendLimits {
  readonly partitionCount: number;
  readonly recordsMax: number;
  readonly bytesMax: number;
}

/** A record's own fields and the lengths of its parts: at most this, by the format of a record. */
const RECORD_OVERHEAD_BYTES = 32;
const HEADER_OVERHEAD_BYTES = 8;

/** Keeps the order of records within a partition. A record beyond `bytesMax` goes alone. */
export function planSends(records: readonly ProducerRecord[], { partitionCount, recordsMax, bytesMax }: SendLimits): PlannedSend[] {
  const sends: PlannedSend[] = [];
  const filling = new Map<number, { readonly indexes: number[]; bytes: number }>();
  for (const [index, record] of records.entries()) {
    const partition = partitionOf(record, partitionCount);
    const bytes = recordBytes(record);
    let send = filling.get(partition);
    if (send === undefined || send.indexes.length >= recordsMax || send.bytes + bytes > bytesMax) {
      send = { indexes: [], bytes: 0 };
      filling.set(partition, send);
      sends.push({ partition, indexes: send.indexes });
    }
    send.indexes.push(index);
    send.bytes += bytes;
  }
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
