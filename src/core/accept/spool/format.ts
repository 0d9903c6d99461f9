// The bytes of a segment: a header, then records, each with a mark, a checksum and its length, so that what a crash or
// a bad disk left can be told from what was written. Written by writer.ts, read by read-records.ts. Little-endian.
//
// header: "gbxspool", u32 version, u32 CRC of the twelve bytes before
// record: mark FF 67 62 78, u32 CRC of all that follows, u32 bytes of key and value, f64 time of acceptance in
//         milliseconds, u32 bytes of the key, key, value
import type { OutgoingRecord } from '../../exposure/exposure.ts';
import type { Checksum } from './disk.ts';

const VERSION = 1;
const SIGNATURE = Buffer.from('gbxspool');
/** FF is no byte of UTF-8 text: no exposure can hold what looks like a record. */
const MARK = Buffer.from([0xff, 0x67, 0x62, 0x78]);
const MARK_NUMBER = MARK.readUInt32LE(0);

export const HEADER_BYTES = SIGNATURE.length + 8;
export const RECORD_HEADER_BYTES = 24;
const CHECKED_FROM = 8;
/** A length beyond this is damage: no request is that large. */
const BODY_BYTES_MAX = 64_000_000;

export interface StoredRecord extends OutgoingRecord {
  readonly key: Buffer;
  readonly value: Buffer;
}

export function encodeHeader(checksum: Checksum): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  SIGNATURE.copy(header);
  header.writeUInt32LE(VERSION, SIGNATURE.length);
  header.writeUInt32LE(checksum(header.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4);
  return header;
}

/** short: the file ended before anything could be accepted into it. newer: a later gbx wrote it. */
export function checkHeader(bytes: Buffer, checksum: Checksum): 'ok' | 'short' | 'newer' | 'damaged' {
  if (bytes.length < HEADER_BYTES) return 'short';
  const isWhole =
    bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE) &&
    bytes.readUInt32LE(HEADER_BYTES - 4) === checksum(bytes.subarray(0, HEADER_BYTES - 4));
  if (!isWhole) return 'damaged';
  return bytes.readUInt32LE(SIGNATURE.length) === VERSION ? 'ok' : 'newer';
}

/** All records in one piece, to be written at once. @param prefix goes before them: the header of a new segment */
export function encodeRecords(records: readonly OutgoingRecord[], checksum: Checksum, prefix: Buffer = Buffer.alloc(0)): Buffer {
  let bytesMax = prefix.length;
  // Three bytes a character is the most that UTF-8 takes; measuring costs more than the memory.
  for (const { key, value } of records) bytesMax += RECORD_HEADER_BYTES + roomFor(key) + roomFor(value);
  const bytes = Buffer.allocUnsafe(bytesMax);
  prefix.copy(bytes);
  let at = prefix.length;
  for (const { key, value, timestampMs } of records) {
    const keyBytes = put(bytes, key, at + RECORD_HEADER_BYTES);
    const end = at + RECORD_HEADER_BYTES + keyBytes + put(bytes, value, at + RECORD_HEADER_BYTES + keyBytes);
    bytes.writeUInt32LE(MARK_NUMBER, at);
    bytes.writeUInt32LE(end - at - RECORD_HEADER_BYTES, at + 8);
    bytes.writeDoubleLE(timestampMs, at + 12);
    bytes.writeUInt32LE(keyBytes, at + 20);
    bytes.writeUInt32LE(checksum(bytes.subarray(at + CHECKED_FROM, end)), at + 4);
    at = end;
  }
  return bytes.subarray(0, at);
}

function roomFor(data: string | Buffer): number {
  return typeof data === 'string' ? data.length * 3 : data.length;
}

function put(bytes: Buffer, data: string | Buffer, at: number): number {
  return typeof data === 'string' ? bytes.write(data, at) : data.copy(bytes, at);
}

/** Bytes of a segment, offsets from the start of what was decoded. */
export interface DamagedRange {
  readonly from: number;
  readonly to: number;
  /** Nothing that can be read comes after it: what a crash leaves of a write that nobody was told of. */
  readonly isTail: boolean;
  /** That it held, at least. */
  readonly records: number;
}

export interface Decoded {
  readonly records: readonly StoredRecord[];
  /** Up to here all is decoded or known to be damaged. */
  readonly consumed: number;
  readonly damaged: readonly DamagedRange[];
}

interface DecodeOptions {
  readonly checksum: Checksum;
  /** Nothing comes after these bytes: what is incomplete stays so. Otherwise decoding stops before what is not whole. */
  readonly isEnd: boolean;
}

/** The records are views of `bytes`. */
export function decodeRecords(bytes: Buffer, { checksum, isEnd }: DecodeOptions): Decoded {
  const records: StoredRecord[] = [];
  const damaged: DamagedRange[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = recordEnd(bytes, at, checksum);
    if (end !== undefined) {
      const keyEnd = at + RECORD_HEADER_BYTES + bytes.readUInt32LE(at + 20);
      records.push({
        key: bytes.subarray(at + RECORD_HEADER_BYTES, keyEnd),
        value: bytes.subarray(keyEnd, end),
        timestampMs: bytes.readDoubleLE(at + 12),
      });
      at = end;
      continue;
    }
    if (!isEnd) break;
    const range = damagedFrom(bytes, at, checksum);
    damaged.push(range);
    at = range.to;
  }
  return { records, consumed: at, damaged };
}

/** Where the record ends that begins here; undefined where none does, or not a whole one. */
function recordEnd(bytes: Buffer, at: number, checksum: Checksum): number | undefined {
  if (bytes.length - at < RECORD_HEADER_BYTES || bytes.readUInt32LE(at) !== MARK_NUMBER) return undefined;
  const bodyBytes = bytes.readUInt32LE(at + 8);
  const end = at + RECORD_HEADER_BYTES + bodyBytes;
  if (bodyBytes > BODY_BYTES_MAX || end > bytes.length || bytes.readUInt32LE(at + 20) > bodyBytes) return undefined;
  return checksum(bytes.subarray(at + CHECKED_FROM, end)) === bytes.readUInt32LE(at + 4) ? end : undefined;
}

/** Up to the next whole record, or to the end. */
function damagedFrom(bytes: Buffer, from: number, checksum: Checksum): DamagedRange {
  let marks = bytes.indexOf(MARK, from) === from ? 1 : 0;
  for (let next = bytes.indexOf(MARK, from + 1); next !== -1; next = bytes.indexOf(MARK, next + 1)) {
    if (recordEnd(bytes, next, checksum) !== undefined) return { from, to: next, isTail: false, records: Math.max(1, marks) };
    marks += 1;
  }
  return { from, to: bytes.length, isTail: true, records: Math.max(1, marks) };
}
