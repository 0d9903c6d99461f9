// A batch of kafkajs as records of gbx. On the path of every record: one small object each, nothing else made.
import type { KafkaMessage } from 'kafkajs';
import { GbxError } from '../core/errors.ts';
import type { LogRecord, RecordHeaders } from '../core/exposure/exposure.ts';
import { headersBytes } from '../core/load/header-bytes.ts';
import type { UnreadableBatch } from './decode-record.ts';

/** About what V8 takes for a record, its two Buffers and its offset, beside the bytes of key and value. */
const RECORD_BYTES = 300;
const EMPTY = Buffer.alloc(0);
const NO_HEADERS: RecordHeaders = Object.freeze({});

interface Batch {
  readonly partition: number;
  readonly messages: readonly Pick<KafkaMessage, 'offset' | 'timestamp' | 'key' | 'value' | 'headers'>[];
}

interface FetchedBatch {
  readonly records: readonly LogRecord[];
  /** About what they hold in memory. */
  readonly bytes: number;
}

/** Keys and values are slices of what the broker sent: whoever keeps one for long should copy it. */
export function toLogRecords({ partition, messages }: Batch): FetchedBatch {
  const records: LogRecord[] = new Array(messages.length);
  let bytes = messages.length * RECORD_BYTES;
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index];
    if (message === undefined) break;
    const { key, value } = message;
    bytes += (key?.length ?? 0) + (value?.length ?? 0);
    const headers = toHeaders(message.headers);
    if (headers !== NO_HEADERS) bytes += headersBytes(headers);
    records[index] = { partition, offset: BigInt(message.offset), timestampMs: Number(message.timestamp), key, value, headers };
  }
  return { records, bytes };
}

interface Split<M> {
  readonly messages: readonly M[];
  readonly unreadable: UnreadableBatch | undefined;
}

/** Takes off what decode-batches.ts put at the end in place of a batch that cannot be read. */
export function splitUnreadable<M extends object>(messages: readonly M[]): Split<M> {
  const last: { readonly unreadable?: UnreadableBatch } | undefined = messages.at(-1);
  if (last?.unreadable === undefined) return { messages, unreadable: undefined };
  return { messages: messages.slice(0, -1), unreadable: last.unreadable };
}

interface UnreadablePlace extends UnreadableBatch {
  readonly topic: string;
  readonly partition: number;
}

export function unreadableError({ topic, partition, offset, lastOffset, reason }: UnreadablePlace): GbxError {
  const where = `the batch of offsets ${offset} to ${lastOffset} in partition ${partition} of the topic ${topic}`;
  return new GbxError('GBX_BATCH_UNREADABLE', `Cannot read ${where} as ${reason}`);
}

/** As they are, save that a null becomes empty: kafkajs reads nulls but cannot write them, and a dead letter keeps its headers. */
function toHeaders(headers: KafkaMessage['headers']): RecordHeaders {
  let isEmpty = true;
  for (const name in headers) {
    isEmpty = false;
    const value: unknown = headers[name];
    if (value === null) headers[name] = EMPTY;
    else if (Array.isArray(value)) headers[name] = value.map((one) => one ?? EMPTY);
  }
  return isEmpty || headers === undefined ? NO_HEADERS : headers;
}
