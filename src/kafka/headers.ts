// The headers that copies of records carry (docs/delivery.md): text all of them, numbers too. What was there before stays,
// save what gbx says anew; a reader trusts none of them.
import type { HeaderValue, LogRecord, RecordHeaders } from '../core/exposure/exposure.ts';
import { HEADERS } from '../core/exposure/header-names.ts';
import { formatOrigin, originOf } from '../core/exposure/origin.ts';
import type { DeadLetter, RequeuedRecord } from '../core/load/ports.ts';

const MESSAGE_LENGTH_MAX = 256;
const MILLISECONDS = /^\d{1,15}$/;

interface CopyHeaderOptions {
  /** The topic the record was read from. */
  readonly sourceTopic: string;
  readonly nowMs: number;
  /** Leaves the message out: for a record so large that it fits no other way. */
  readonly brief?: boolean;
}

type Headers = Readonly<Record<string, HeaderValue>>;

/** Origin and first failure are those of the first time; reason and last failure are of now. */
export function deadLetterHeaders({ record, code, message, stage }: DeadLetter, options: CopyHeaderOptions): Headers {
  return failureHeaders(record, { code, message, stage }, options);
}

/** Of a record that is not due the headers stay as they are; only where it comes from is added, once. */
export function requeueHeaders(requeued: RequeuedRecord, options: CopyHeaderOptions): Headers {
  const { record } = requeued;
  if (requeued.kind === 'not-due') return { ...kept(record.headers), ...originHeader(record, options) };
  const { retryCount, notBeforeMs, code, message } = requeued;
  return {
    ...failureHeaders(record, { code, message, stage: 'load' }, options),
    [HEADERS.retryCount]: String(retryCount),
    [HEADERS.notBefore]: String(Math.ceil(notBeforeMs)),
  };
}

function failureHeaders(record: LogRecord, why: Pick<DeadLetter, 'code' | 'message' | 'stage'>, options: CopyHeaderOptions): Headers {
  const { nowMs, brief = false } = options;
  const { [HEADERS.errorMessage]: _former, ...others } = kept(record.headers);
  const text = brief ? {} : { [HEADERS.errorMessage]: oneLine(why.message) };
  return {
    ...others,
    ...originHeader(record, options),
    [HEADERS.firstFailedAt]: firstFailedAt(record.headers) ?? String(nowMs),
    [HEADERS.lastFailedAt]: String(nowMs),
    [HEADERS.errorCode]: why.code,
    [HEADERS.errorStage]: why.stage,
    ...text,
  };
}

function originHeader(record: LogRecord, { sourceTopic }: CopyHeaderOptions): Headers {
  return { [HEADERS.origin]: formatOrigin(originOf(record, sourceTopic)) };
}

/** Without a prototype: a header may have any name. */
function kept(headers: RecordHeaders): Record<string, HeaderValue> {
  const values: Record<string, HeaderValue> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) values[name] = value;
  return values;
}

function firstFailedAt(headers: RecordHeaders): string | undefined {
  const value = headers[HEADERS.firstFailedAt];
  const text = Buffer.isBuffer(value) || typeof value === 'string' ? value.toString() : '';
  return MILLISECONDS.test(text) ? text : undefined;
}

function oneLine(message: string): string {
  const line = message.replace(/\s+/g, ' ');
  return line.length <= MESSAGE_LENGTH_MAX ? line : `${line.slice(0, MESSAGE_LENGTH_MAX - 1)}…`;
}
