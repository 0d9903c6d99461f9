// The headers that a dead letter carries (docs/delivery.md): text all of them, numbers too. What was there before stays,
// save what gbx says anew; a reader trusts none of them.
import type { HeaderValue, RecordHeaders } from '../core/exposure/exposure.ts';
import { formatOrigin, ORIGIN_HEADER, originOf } from '../core/exposure/origin.ts';
import type { DeadLetter } from '../core/load/ports.ts';

const MESSAGE_LENGTH_MAX = 256;
const FIRST_FAILED_AT = 'gbx-first-failed-at';
const MILLISECONDS = /^\d{1,15}$/;

interface DeadLetterHeaderOptions {
  /** The topic the record was read from. */
  readonly sourceTopic: string;
  readonly nowMs: number;
  /** Leaves the message out: for a record so large that it fits no other way. */
  readonly brief?: boolean;
}

/** Origin and first failure are those of the first time; reason and last failure are of now. */
export function deadLetterHeaders(
  { record, code, message, stage }: DeadLetter,
  { sourceTopic, nowMs, brief = false }: DeadLetterHeaderOptions,
): Readonly<Record<string, HeaderValue>> {
  const text = brief ? {} : { 'gbx-error-message': oneLine(message) };
  return {
    ...kept(record.headers),
    [ORIGIN_HEADER]: formatOrigin(originOf(record, sourceTopic)),
    [FIRST_FAILED_AT]: firstFailedAt(record.headers) ?? String(nowMs),
    'gbx-last-failed-at': String(nowMs),
    'gbx-error-code': code,
    'gbx-error-stage': stage,
    ...text,
  };
}

function kept(headers: RecordHeaders): Record<string, HeaderValue> {
  const values: Record<string, HeaderValue> = {};
  for (const [name, value] of Object.entries(headers)) if (value !== undefined && name !== 'gbx-error-message') values[name] = value;
  return values;
}

function firstFailedAt(headers: RecordHeaders): string | undefined {
  const value = headers[FIRST_FAILED_AT];
  const text = Buffer.isBuffer(value) || typeof value === 'string' ? value.toString() : '';
  return MILLISECONDS.test(text) ? text : undefined;
}

function oneLine(message: string): string {
  const line = message.replace(/\s+/g, ' ');
  return line.length <= MESSAGE_LENGTH_MAX ? line : `${line.slice(0, MESSAGE_LENGTH_MAX - 1)}…`;
}
