// Who gave a record up, and what it says of itself in its headers: gbx, Kafka Connect, Spring or Kafka Streams. Numbers are
// text with all of them but Spring, which writes bytes. Headers repeat when a record is given up again: the first one tells
// where it comes from, the last one what happened last.
import type { HeaderValue, LogRecord, RecordHeaders } from '../exposure/exposure.ts';
import { HEADERS } from '../exposure/header-names.ts';
import { formatOrigin, parseOrigin, type RecordOrigin } from '../exposure/origin.ts';

export type Dialect = 'gbx' | 'connect' | 'spring' | 'streams' | 'none';

export interface FailureFacts {
  readonly dialect: Dialect;
  /** Undefined where its headers do not name one that could be. */
  readonly origin: RecordOrigin | undefined;
  /** One of gbx's codes, or the name of an exception without its package. */
  readonly code: string;
  readonly message: string;
  readonly stage: string;
  /** Milliseconds since the Unix epoch. */
  readonly failedAtMs: number | undefined;
}

const TEXT_MAX = 1_000;
const MILLISECONDS = /^\d{1,15}$/;
/** What others wrote of the failure: told again by the headers of gbx, and large (stack traces). */
const FOREIGN =
  /^(?:__connect\.errors\.|__streams\.errors\.|kafka_dlt-|kafka_original-|kafka_exception-|kafka_key-exception-|retry_topic-)/;

export function isForeignFailureHeader(name: string): boolean {
  return FOREIGN.test(name);
}

export function readFailure(record: LogRecord): FailureFacts {
  const { headers } = record;
  if (headers[HEADERS.errorCode] !== undefined || parseOrigin(headers[HEADERS.origin]) !== undefined) return ofGbx(headers);
  for (const [prefix, dialect] of TEXTUAL) {
    if (headers[`${prefix}topic`] !== undefined || headers[`${prefix}exception.class.name`] !== undefined)
      return ofTextual(record, { prefix, dialect });
  }
  for (const prefix of SPRING) if (headers[`${prefix}original-topic`] !== undefined) return ofSpring(record, prefix);
  return { dialect: 'none', origin: undefined, code: 'unknown', message: '', stage: '', failedAtMs: undefined };
}

function ofGbx(headers: RecordHeaders): FailureFacts {
  const failedAt = lastText(headers[HEADERS.lastFailedAt]);
  return {
    dialect: 'gbx',
    origin: parseOrigin(headers[HEADERS.origin]),
    code: lastText(headers[HEADERS.errorCode]) || 'unknown',
    message: lastText(headers[HEADERS.errorMessage]),
    stage: lastText(headers[HEADERS.errorStage]),
    failedAtMs: MILLISECONDS.test(failedAt) ? Number(failedAt) : undefined,
  };
}

// Sources: org.apache.kafka.connect.runtime.errors.DeadLetterQueueReporter (KIP-298); KIP-1034 for Kafka Streams.
const TEXTUAL = [
  ['__connect.errors.', 'connect'],
  ['__streams.errors.', 'streams'],
] as const;

/** Both keep the record's own timestamp. */
function ofTextual({ headers, timestampMs }: LogRecord, { prefix, dialect }: { prefix: string; dialect: Dialect }): FailureFacts {
  const first = (name: string): string => firstText(headers[`${prefix}${name}`]);
  const last = (name: string): string => lastText(headers[`${prefix}${name}`]);
  return {
    dialect,
    origin: checked({ topic: first('topic'), partition: first('partition'), offset: first('offset'), timestampMs: String(timestampMs) }),
    code: shortName(last('exception.class.name') || last('exception')),
    message: last('exception.message') || last('message'),
    stage: last('stage').toLowerCase(),
    failedAtMs: undefined,
  };
}

// Source: org.springframework.kafka.support.KafkaHeaders; numbers as written by DeadLetterPublishingRecoverer.
const SPRING = ['kafka_dlt-', 'kafka_'] as const;

function ofSpring({ headers, timestampMs }: LogRecord, prefix: string): FailureFacts {
  const bytes = (name: string): Buffer | undefined => firstBytes(headers[`${prefix}${name}`]);
  const last = (name: string): string => lastText(headers[`${prefix}${name}`]);
  const timestamp = bigEndian(bytes('original-timestamp') ?? firstBytes(headers['retry_topic-original-timestamp']));
  return {
    dialect: 'spring',
    origin: checked({
      topic: firstText(headers[`${prefix}original-topic`]),
      partition: String(bigEndian(bytes('original-partition')) ?? ''),
      offset: String(bigEndian(bytes('original-offset')) ?? ''),
      timestampMs: String(timestamp ?? timestampMs),
    }),
    // What was thrown wraps the cause, which tells more.
    code: shortName(last('exception-cause-fqcn') || last('exception-fqcn')),
    message: last('exception-message'),
    stage: '',
    failedAtMs: undefined,
  };
}

/** Signed, of any length up to eight bytes: Spring writes some as a BigInteger, without leading zeros. */
function bigEndian(bytes: Buffer | undefined): bigint | undefined {
  if (bytes === undefined || bytes.length === 0 || bytes.length > 8) return undefined;
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
}

/** As strict as a header of gbx is read. */
function checked(place: { topic: string; partition: string; offset: string; timestampMs: string }): RecordOrigin | undefined {
  return parseOrigin(`${place.topic}/${place.partition}/${place.offset}/${place.timestampMs}`);
}

function shortName(className: string): string {
  return className.slice(className.lastIndexOf('.') + 1) || 'unknown';
}

function values(header: HeaderValue | undefined): ReadonlyArray<Buffer | string> {
  if (header === undefined) return [];
  return typeof header === 'string' || Buffer.isBuffer(header) ? [header] : header;
}

function firstBytes(header: HeaderValue | undefined): Buffer | undefined {
  const [value] = values(header);
  return typeof value === 'string' ? Buffer.from(value) : value;
}

function firstText(header: HeaderValue | undefined): string {
  return text(values(header)[0]);
}

function lastText(header: HeaderValue | undefined): string {
  return text(values(header).at(-1));
}

function text(value: Buffer | string | undefined): string {
  if (value === undefined) return '';
  return (typeof value === 'string' ? value : value.subarray(0, TEXT_MAX * 4).toString()).slice(0, TEXT_MAX);
}

/** Without the time: what two dead letters of one record have in common. */
export function placeOfOrigin(origin: RecordOrigin): string {
  return formatOrigin({ ...origin, timestampMs: 0 }).slice(0, -2);
}
