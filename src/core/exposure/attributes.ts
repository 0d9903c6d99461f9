// The attributes of an exposure: a JSON object whose limits keep both warehouses and our own stack safe. JSON.parse
// accepts a million levels, while JSON.stringify overflows at some thousands, so nothing here recurses before the depth is known.
import { BYTES_MAX } from './exposure.ts';

const DEPTH_MAX = 20;
const KEYS_MAX = 500;

/** What is wrong; the message names limits, never values. */
export interface Wrong {
  readonly code: FieldErrorCode;
  readonly message: string;
}

export type FieldErrorCode =
  | 'required'
  | 'wrong_type'
  | 'empty'
  | 'too_long'
  | 'not_storable'
  | 'unsafe_number'
  | 'not_a_time'
  | 'too_early'
  | 'too_late'
  | 'too_deep'
  | 'too_many_keys';

const TOO_LONG: Wrong = { code: 'too_long', message: `must be at most ${BYTES_MAX.attributes} bytes as JSON in UTF-8` };
const TOO_DEEP: Wrong = { code: 'too_deep', message: `must be at most ${DEPTH_MAX} levels deep` };
const TOO_MANY_KEYS: Wrong = { code: 'too_many_keys', message: `must have at most ${KEYS_MAX} keys in all` };
const NOT_AN_OBJECT: Wrong = { code: 'wrong_type', message: 'must be a JSON object' };
const NOT_JSON: Wrong = { code: 'wrong_type', message: 'must hold JSON values only' };
const UNSAFE_NUMBER: Wrong = {
  code: 'unsafe_number',
  message: 'must hold finite numbers only, and integers within 2^53: give others as text',
};

/** Text that no warehouse stores as it is. */
export const NOT_STORABLE: Wrong = { code: 'not_storable', message: 'must not contain NUL or half of a surrogate pair' };

/**
 * The attributes as JSON text, or what is wrong with them; absent and null are `{}`.
 * Never throws for what JSON.parse can give.
 */
export function formatAttributes(value: unknown): string | Wrong {
  if (value === undefined || value === null) return '{}';
  if (typeof value !== 'object' || Array.isArray(value)) return NOT_AN_OBJECT;
  const wrong = checkStructure(value);
  if (wrong !== undefined) return wrong;

  const text = JSON.stringify(value);
  if (isLongerThan(text, BYTES_MAX.attributes)) return TOO_LONG;
  // JSON.stringify escapes NUL and lone surrogates, and little else, as \uXXXX: text without any holds none of them.
  if (text.includes('\\u') && hasUnstorableText(value)) return NOT_STORABLE;
  return text;
}

/** Whether the text takes more bytes than that in UTF-8, which is how Redshift counts; looks at the text only when it is near the limit. */
export function isLongerThan(text: string, bytesMax: number): boolean {
  if (text.length * 3 <= bytesMax) return false;
  return text.length > bytesMax || Buffer.byteLength(text) > bytesMax;
}

/** False for NUL and for half of a surrogate pair. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && !LONE_SURROGATE.test(text);
}

// With the flag, a surrogate matches only where it has no partner.
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Level by level, so that depth costs no stack. */
function checkStructure(root: object): Wrong | undefined {
  let keys = 0;
  let level: object[] = [root];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > DEPTH_MAX) return TOO_DEEP;
    const next: object[] = [];
    for (const container of level) {
      const values: readonly unknown[] = Array.isArray(container) ? container : Object.values(container);
      if (values !== container) keys += values.length;
      if (keys > KEYS_MAX) return TOO_MANY_KEYS;
      for (const value of values) {
        if (typeof value === 'string' || typeof value === 'boolean' || value === null) continue;
        if (typeof value === 'object') next.push(value);
        else if (typeof value !== 'number') return NOT_JSON;
        else if (!isSafeNumber(value)) return UNSAFE_NUMBER;
      }
    }
    level = next;
  }
  return undefined;
}

/** An integer beyond 2^53 may have lost digits when it was parsed; nobody can tell. */
function isSafeNumber(value: number): boolean {
  return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
}

/** Recurses by the depth that checkStructure has bounded. */
function hasUnstorableText(value: unknown): boolean {
  if (typeof value === 'string') return !isStorable(value);
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasUnstorableText);
  return Object.entries(value).some(([key, inner]) => !isStorable(key) || hasUnstorableText(inner));
}
