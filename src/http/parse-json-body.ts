// A request's body as JSON. Fastify only gathers the bytes; what is wrong with them is an answer here, not an exception,
// so that garbage costs little and keeps its connection. Called by the ingest routes.
import { isUtf8 } from 'node:buffer';

export type ParsedBody = { readonly kind: 'json'; readonly value: unknown } | { readonly kind: 'wrong'; readonly message: string };

const EMPTY: ParsedBody = { kind: 'wrong', message: 'the body is empty: send one JSON document' };
const NOT_UTF8: ParsedBody = { kind: 'wrong', message: 'the body is not UTF-8' };
const NOT_JSON: ParsedBody = { kind: 'wrong', message: 'the body is not JSON' };

/**
 * `__proto__` in it becomes an ordinary own key: whoever takes the value reads fields by name and never merges it into
 * another object. A byte order mark is skipped. The message holds nothing of the body.
 */
export function parseJsonBody(body: unknown): ParsedBody {
  if (!Buffer.isBuffer(body) || body.length === 0) return EMPTY;
  // Decoding would put U+FFFD for bad bytes, and an id would silently become another one.
  if (!isUtf8(body)) return NOT_UTF8;
  const text = body[0] === 0xef ? body.toString('utf8').replace(/^\uFEFF/u, '') : body.toString('utf8');
  try {
    return { kind: 'json', value: JSON.parse(text) };
  } catch {
    return NOT_JSON;
  }
}
