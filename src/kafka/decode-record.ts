// One record within a batch. On the path of every record that is read.
// Source: org.apache.kafka.common.record.DefaultRecord, ByteUtils.readVarint.
import { HEADERS } from '../core/exposure/header-names.ts';

/** As kafkajs's consumer wants it: offsets and timestamps are decimal text. */
export interface DecodedMessage {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Record<string, Buffer | (Buffer | null)[] | null>;
  readonly attributes: number;
  readonly isControlRecord: boolean;
  readonly batchContext: BatchContext;
  /** In place of a batch that cannot be read: always the last message, with an offset beyond all others. */
  readonly unreadable?: UnreadableBatch;
}

export interface BatchContext {
  readonly firstOffset: string;
  readonly producerId: string;
  readonly inTransaction: boolean;
  readonly isControlBatch: boolean;
}

export interface UnreadableBatch {
  /** Of its first record, and of its last one as it says itself. */
  readonly offset: bigint;
  readonly lastOffset: bigint;
  readonly reason: string;
}

/** What its batch says of all records. */
export interface RecordBase {
  readonly offset: bigint;
  readonly timestampMs: number;
  /** Of a topic that stamps records with the broker's time. */
  readonly appendTime: string | undefined;
  readonly context: BatchContext;
}

/** A place in the unpacked records of a batch. */
export interface Cursor {
  readonly bytes: Buffer;
  at: number;
  end: number;
}

/** Of one record, gbx's own not counted: nobody needs more, and each takes memory. */
const HEADERS_MAX = 1_000;
/** A header of gbx that is there twice is not believed; more of it would tell no more. */
const OWN_VALUES_MAX = 2;
const SMALL = 2n ** 52n;
const OWN = new Set<string>(Object.values(HEADERS));
const NO_HEADERS: DecodedMessage['headers'] = Object.freeze({});

/** Moves the cursor behind the record. @throws {RangeError} where the record does not fit into the bytes */
export function decodeRecord(cursor: Cursor, base: RecordBase): DecodedMessage {
  cursor.end = cursor.bytes.length;
  const length = readVarint(cursor);
  const next = cursor.at + length;
  if (length < 0 || next > cursor.end) throw new RangeError('a record in it ends in the middle');
  cursor.end = next;
  // Attributes: unused.
  cursor.at += 1;
  const timestampMs = base.timestampMs + readVarint(cursor);
  const offset = offsetText(base.offset, readVarint(cursor));
  const key = readBytes(cursor);
  const value = readBytes(cursor);
  const headers = readHeaders(cursor);
  cursor.at = next;
  return {
    offset,
    timestamp: base.appendTime ?? String(timestampMs),
    key,
    value,
    headers,
    attributes: 0,
    isControlRecord: base.context.isControlBatch,
    batchContext: base.context,
  };
}

/** Small numbers are quicker than big ones, and nearly all are small. */
function offsetText(base: bigint, delta: number): string {
  return base < SMALL ? String(Number(base) + delta) : String(base + BigInt(delta));
}

/** Without a prototype: a header may have any name. */
function readHeaders(cursor: Cursor): DecodedMessage['headers'] {
  const count = readVarint(cursor);
  if (count === 0) return NO_HEADERS;
  if (count < 0) throw new RangeError('a record in it has no count of headers');
  const headers: DecodedMessage['headers'] = Object.create(null);
  let kept = 0;
  for (let index = 0; index < count; index++) {
    const name = readBytes(cursor);
    const value = readBytes(cursor);
    if (name === null) throw new RangeError('a header in it has no name');
    const text = name.toString();
    const isOwn = OWN.has(text);
    if (!isOwn && kept++ >= HEADERS_MAX) continue;
    const former = headers[text];
    if (former === undefined) headers[text] = value;
    else if (!Array.isArray(former)) headers[text] = [former, value];
    else if (!isOwn || former.length < OWN_VALUES_MAX) former.push(value);
  }
  return headers;
}

function readBytes(cursor: Cursor): Buffer | null {
  const length = readVarint(cursor);
  if (length < 0) return null;
  const start = cursor.at;
  cursor.at += length;
  if (cursor.at > cursor.end) throw new RangeError('a field in it ends in the middle');
  return cursor.bytes.subarray(start, cursor.at);
}

/** Zigzag, up to 64 bits; exact up to 2^53, which no time and no length goes beyond. */
function readVarint(cursor: Cursor): number {
  const { bytes } = cursor;
  let low = 0;
  let at = cursor.at;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = byteAt(bytes, at++, cursor.end);
    low |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      cursor.at = at;
      return (low >>> 1) ^ -(low & 1);
    }
  }
  let high = 0;
  for (let factor = 1; factor < 2 ** 42; factor *= 128) {
    const byte = byteAt(bytes, at++, cursor.end);
    high += (byte & 0x7f) * factor;
    if (byte < 0x80) {
      cursor.at = at;
      const magnitude = (low >>> 1) + high * 2 ** 27;
      return (low & 1) === 0 ? magnitude : -magnitude - 1;
    }
  }
  throw new RangeError('a number in it is no number');
}

function byteAt(bytes: Buffer, at: number, end: number): number {
  if (at >= end) throw new RangeError('a number in it ends in the middle');
  return bytes[at] as number;
}
