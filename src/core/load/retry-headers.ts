// What gbx wrote into the headers of a copy, read strictly: anybody may write to the topic, so nothing in them may make a
// record wait for ever, be tried for ever, or be given up before it was tried again.
import type { HeaderValue, LogRecord } from '../exposure/exposure.ts';
import { HEADERS } from '../exposure/header-names.ts';
import { parseOrigin } from '../exposure/origin.ts';

const COUNT = /^(?:0|[1-9]\d{0,2})$/;
const MILLISECONDS = /^\d{1,15}$/;

/** Whether it is a copy of a record that stood elsewhere, made by gbx as far as one can tell. */
export function isCopy({ headers }: LogRecord): boolean {
  return headers[HEADERS.origin] !== undefined && parseOrigin(headers[HEADERS.origin]) !== undefined;
}

/**
 * How often the record has been requeued. Believed only of a copy that names its origin, and up to `maxRetries`: beyond it
 * nobody wrote it under this setting, and it counts as 0, so that it is tried again like any other.
 */
export function retryCountOf(record: LogRecord, maxRetries: number): number {
  const text = textOf(record.headers[HEADERS.retryCount]);
  if (!COUNT.test(text) || !isCopy(record)) return 0;
  const count = Number(text);
  return count <= maxRetries ? count : 0;
}

/** Whether it was requeued after a refusal, whatever the setting was then; copies made for another reason were never tried. */
export function isRetry(record: LogRecord): boolean {
  return record.headers[HEADERS.retryCount] !== undefined && retryCountOf(record, Number.POSITIVE_INFINITY) > 0;
}

/** Not to be loaded before: milliseconds since the Unix epoch; undefined where it is no copy that names its origin. */
export function notBeforeOf(record: LogRecord): number | undefined {
  const text = textOf(record.headers[HEADERS.notBefore]);
  return MILLISECONDS.test(text) && isCopy(record) ? Number(text) : undefined;
}

function textOf(value: HeaderValue | undefined): string {
  // Longer than any number that counts, and costly to read.
  if (value === undefined || value.length > 16) return '';
  return typeof value === 'string' || Buffer.isBuffer(value) ? value.toString() : '';
}
