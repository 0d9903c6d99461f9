// Dead letters out of Kafka as lines of text, to be mended by a person or a script, and back: export writes a line for each,
// import reads them. What was mended is the same exposure: it keeps its origin and its id, whatever became of its bytes.
import { type Decoded, decodeRecord } from '../exposure/decode.ts';
import type { LogRecord, RecordHeaders } from '../exposure/exposure.ts';
import { HEADERS } from '../exposure/header-names.ts';
import { idFromOrigin } from '../exposure/identity.ts';
import { formatOrigin, parseOrigin } from '../exposure/origin.ts';
import { isJsonObject } from '../exposure/validate.ts';
import { decodeLetter, experimentOf, type Letter, parseObject } from './letter.ts';

export const LETTER_SCHEMA = 'gbx.replay-letter/1';

/** One letter as a document: what inspect shows and export writes. */
export function letterDocument(record: LogRecord, letter: Letter, clusterId: string): Record<string, unknown> {
  const decoded = decodeLetter(record, letter.origin, clusterId);
  return {
    schema: LETTER_SCHEMA,
    place: `${letter.partition}/${letter.offset}`,
    origin: formatOrigin(letter.origin),
    code: letter.code,
    message: letter.message,
    stage: letter.stage,
    from: letter.dialect,
    failedAt: isoOf(letter.failedAtMs),
    retryCount: letter.retryCount,
    replayCount: letter.replayCount,
    replayId: letter.replayId ?? null,
    experimentId: experimentOf(record, decoded) ?? null,
    exposureId: decoded.kind === 'exposure' ? decoded.exposure.exposureId : null,
    /** What consume would say to it now. */
    now: decoded.kind === 'exposure' ? 'valid' : decoded.message,
    ...bytesOf('key', record.key),
    ...bytesOf('value', record.value),
    headers: headersOf(record.headers),
  };
}

export function isoOf(ms: number): string | null {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 && ms >= 0 ? new Date(ms).toISOString() : null;
}

/** Text where the bytes are UTF-8, else base64. */
function bytesOf(name: string, bytes: Buffer | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null };
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? { [name]: text } : { [`${name}Base64`]: bytes.toString('base64') };
}

function headersOf(headers: RecordHeaders): Record<string, unknown> {
  const entries = Object.entries(headers).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const values = typeof value === 'string' || Buffer.isBuffer(value) ? [value] : value;
    const texts = values.map((one) => (typeof one === 'string' ? one : readable(one)));
    return [[name, texts.length === 1 ? texts[0] : texts] as const];
  });
  return Object.fromEntries(entries);
}

function readable(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : `base64:${bytes.toString('base64')}`;
}

export interface EditedLine {
  readonly partition: number;
  readonly offset: bigint;
  readonly origin: string;
  /** The record's value as it is to be. */
  readonly value: string;
}

type Parsed = { readonly kind: 'line'; readonly line: EditedLine } | { readonly kind: 'wrong'; readonly why: string };

const PLACE = /^(\d{1,5})\/(\d{1,18})$/u;

/** Never throws. */
export function parseEditedLine(text: string): Parsed {
  const wrong = (why: string): Parsed => ({ kind: 'wrong', why });
  const parsed = parseObject(Buffer.from(text));
  if (parsed === undefined) return wrong('is not a JSON object');
  const [, partition, offset] = PLACE.exec(String(parsed['place'])) ?? [];
  if (partition === undefined || offset === undefined) return wrong('has no "place" as gbx replay export writes it');
  const origin = parsed['origin'];
  if (typeof origin !== 'string' || parseOrigin(origin) === undefined) return wrong('has no "origin" as gbx replay export writes it');
  const value = parsed['value'];
  // An object in its place is what an editor of JSON likes to make of it.
  const asText = isJsonObject(value) ? JSON.stringify(value) : value;
  if (typeof asText !== 'string') return wrong('has no "value"');
  return { kind: 'line', line: { partition: Number(partition), offset: BigInt(offset), origin, value: asText } };
}

export type Mended =
  | { readonly kind: 'mended'; readonly key: string; readonly value: string; readonly decoded: Extract<Decoded, { kind: 'exposure' }> }
  | { readonly kind: 'wrong'; readonly why: string };

/** The edited value as it is to be written: validated as consume does it, with the id that the record had. */
export function mend(
  record: LogRecord,
  letter: Letter,
  { clusterId, value }: { readonly clusterId: string; readonly value: string },
): Mended {
  const parsed = parseObject(Buffer.from(value));
  const given = parsed?.['exposure_id'];
  const text =
    parsed === undefined || (given !== undefined && given !== null) ? value : withId(value, parsed, formerId(record, letter, clusterId));
  const headers = { [HEADERS.origin]: formatOrigin(letter.origin) };
  const decoded = decodeRecord({ ...record, value: Buffer.from(text), headers }, { clusterId, topic: letter.origin.topic });
  if (decoded.kind === 'invalid') return { kind: 'wrong', why: `is still no exposure: ${decoded.message}` };
  return { kind: 'mended', key: decoded.exposure.dsUserId, value: text, decoded };
}

/** What the record's bytes, as they stand in the log, are known by. */
export function formerId(record: LogRecord, letter: Letter, clusterId: string): string {
  const decoded = decodeLetter(record, letter.origin, clusterId);
  if (decoded.kind === 'exposure') return decoded.exposure.exposureId;
  const id = parseObject(record.value)?.['exposure_id'];
  if (typeof id === 'string' && /^[\x21-\x7e]{1,64}$/u.test(id)) return id;
  return idFromOrigin(letter.origin, { clusterId, value: record.value ?? Buffer.alloc(0) });
}

/** Set in at the front, so that not a byte of the rest is written anew. */
function withId(value: string, parsed: Readonly<Record<string, unknown>>, id: string): string {
  // A null stands there already: a name given twice is read as the last one.
  if ('exposure_id' in parsed) return JSON.stringify({ ...parsed, exposure_id: id });
  const open = value.indexOf('{') + 1;
  const rest = value.slice(open);
  return `${value.slice(0, open)}"exposure_id":${JSON.stringify(id)}${Object.keys(parsed).length === 0 ? '' : ','}${rest}`;
}
