// The batches of a fetched partition as the messages kafkajs hands on. In place of kafkajs's own decoder, which takes a minute
// for a record with thousands of headers, checks no checksum, unpacks without a limit, and knows two of the five codecs.
// patch-kafkajs.ts puts it there. Source of the format: org.apache.kafka.common.record.DefaultRecordBatch and DefaultRecord.
import { decompress } from './codecs/decompress.ts';
import { crc32c } from './crc32c.ts';
import { type BatchContext, type Cursor, type DecodedMessage, decodeRecord, type UnreadableBatch } from './decode-record.ts';

/** What one answer of a broker may unpack to; what goes beyond it in the next batch is fetched again. */
const BYTES_MAX = 64_000_000;
const RECORDS_MAX = 500_000;
/** Offset and length: what comes before the length's content. */
const PREFIX_BYTES = 12;
const HEADER_BYTES = 61;
const CHECKSUM_AT = 17;
const CHECKED_FROM = 21;
const MAGIC_AT = 16;
const LAST_DELTA_AT = 23;
const MAGIC = 2;
const CODEC_MASK = 0x07;
const APPEND_TIME_FLAG = 0x08;
const TRANSACTION_FLAG = 0x10;
const CONTROL_FLAG = 0x20;
const BEYOND_ALL = String(2n ** 63n - 1n);
const NO_HEADERS = Object.freeze({});

/** Whether the batches in `bytes` are of the format that this decoder reads, which Kafka writes since 0.11. */
export function isRecordBatches(bytes: Buffer): boolean {
  return bytes.length > MAGIC_AT && bytes.readInt8(MAGIC_AT) === MAGIC;
}

/** A batch that is cut off at the end is left out, as is what follows one that cannot be read. */
export async function decodeBatches(bytes: Buffer): Promise<DecodedMessage[]> {
  const messages: DecodedMessage[] = [];
  let unpacked = 0;
  for (let at = 0; at + PREFIX_BYTES <= bytes.length; ) {
    const length = bytes.readInt32BE(at + 8);
    const end = at + PREFIX_BYTES + length;
    if (length >= HEADER_BYTES - PREFIX_BYTES && end > bytes.length) break;
    const batch = bytes.subarray(at, end);
    // Another format begins here: the next fetch, from its first record, gives it to kafkajs's own decoder.
    if (at > 0 && !isRecordBatches(batch)) break;
    try {
      unpacked += await decodeBatch(batch, messages);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const offset = bytes.readBigInt64BE(at);
      const delta = batch.length < HEADER_BYTES ? 0 : batch.readInt32BE(LAST_DELTA_AT);
      messages.push(asUnreadable({ offset, lastOffset: offset + BigInt(Math.max(0, delta)), reason }));
      break;
    }
    if (unpacked > BYTES_MAX || messages.length > RECORDS_MAX) break;
    at = end;
  }
  return messages;
}

/** @returns how many bytes its records take */
async function decodeBatch(batch: Buffer, messages: DecodedMessage[]): Promise<number> {
  if (batch.length < HEADER_BYTES) throw new Error('its length is no length');
  if (crc32c(batch.subarray(CHECKED_FROM)) !== batch.readUInt32BE(CHECKSUM_AT)) throw new Error('its checksum is wrong');
  const attributes = batch.readInt16BE(21);
  const count = batch.readInt32BE(57);
  if (count < 0 || count > RECORDS_MAX) throw new Error(`it says that it holds ${count} records`);
  const baseOffset = batch.readBigInt64BE(0);
  const lastOffset = baseOffset + BigInt(batch.readInt32BE(LAST_DELTA_AT));
  const isControlBatch = (attributes & CONTROL_FLAG) !== 0;
  const context: BatchContext = {
    firstOffset: String(baseOffset),
    producerId: String(batch.readBigInt64BE(43)),
    inTransaction: (attributes & TRANSACTION_FLAG) !== 0,
    isControlBatch,
  };
  const records = await decompress(attributes & CODEC_MASK, batch.subarray(HEADER_BYTES), BYTES_MAX);
  const appendTime = (attributes & APPEND_TIME_FLAG) === 0 ? undefined : String(batch.readBigInt64BE(35));
  const base = { offset: baseOffset, timestampMs: Number(batch.readBigInt64BE(27)), appendTime, context };
  const before = messages.length;
  const cursor: Cursor = { bytes: records, at: 0, end: records.length };
  try {
    for (let index = 0; index < count; index++) messages.push(decodeRecord(cursor, base));
  } catch (error) {
    // Of a batch that cannot be read nothing is given.
    messages.length = before;
    throw error;
  }
  // Compaction may have taken the last records, or all: the position has to pass them.
  const last = messages.length > before ? messages.at(-1) : undefined;
  if (last === undefined || BigInt(last.offset) < lastOffset) messages.push(asGap(String(lastOffset), context));
  return records.length;
}

const EMPTY = { timestamp: '-1', key: null, value: null, headers: NO_HEADERS, attributes: 0 };

/** Nobody sees it but the position: kafkajs hides control records. */
function asGap(offset: string, batchContext: BatchContext): DecodedMessage {
  return { ...EMPTY, offset, isControlRecord: true, batchContext };
}

function asUnreadable(unreadable: UnreadableBatch): DecodedMessage {
  const context = { firstOffset: String(unreadable.offset), producerId: '-1', inTransaction: false, isControlBatch: false };
  return { ...EMPTY, offset: BEYOND_ALL, isControlRecord: false, batchContext: context, unreadable };
}
