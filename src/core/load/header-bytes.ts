// What the headers of a record take in memory, roughly: whoever keeps records within a bound of bytes counts them. A record
// may carry a megabyte of them.
import type { HeaderValue, RecordHeaders } from '../exposure/exposure.ts';

/** About what V8 takes for a header beside its bytes. */
const HEADER_BYTES = 150;

/** 0 without headers, and then nothing is made. */
export function headersBytes(headers: RecordHeaders): number {
  let bytes = 0;
  for (const name in headers) bytes += HEADER_BYTES + name.length + valueBytes(headers[name]);
  return bytes;
}

function valueBytes(value: HeaderValue | undefined): number {
  if (value === undefined) return 0;
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value.length;
  return value.reduce((sum, one) => sum + HEADER_BYTES + one.length, 0);
}
