// The one set of rules for exposures, whichever way they come: HTTP (posted.ts) and Kafka (decode.ts) ask here, so that
// nothing is accepted by the one that the other gives up. Messages name fields and limits, never values.
import { type FieldErrorCode, formatAttributes, isLongerThan, isStorable, NOT_STORABLE, type Wrong } from './attributes.ts';
import { BYTES_MAX } from './exposure.ts';
import { parseTimestamp } from './timestamp.ts';

/** The oldest time that an exposure may have. */
export const TIME_MS_MIN = Date.UTC(2000, 0, 1);
/** One past the newest: beyond it microseconds are no safe integers. */
export const TIME_MS_END = Date.UTC(2255, 0, 1);
const AHEAD_MICROS_MAX = 24 * 3_600_000_000;

export interface FieldError {
  /** As it is called on the wire; empty when the whole is no object. */
  readonly field: string;
  readonly code: FieldErrorCode;
  readonly message: string;
}

/** The fields as they are stored, before defaults: what is undefined was not given. */
export interface ValidFields {
  readonly exposureId: string | undefined;
  readonly dsUserId: string;
  readonly experimentId: string;
  readonly variationId: string;
  /** As given: what an id is derived from, since it stays the same when the client tries again. */
  readonly givenMicros: number | undefined;
  /** As stored: never later than the reference time. */
  readonly tsMicros: number | undefined;
  /** The given time lay ahead of the reference time. */
  readonly wasFuture: boolean;
  readonly attributes: string;
  readonly source: string | undefined;
}

export type Validated =
  | { readonly kind: 'valid'; readonly fields: ValidFields }
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[] };

interface ValidateOptions {
  /** When it was accepted: milliseconds since the Unix epoch; undefined where nobody knows, then no time is too late. */
  readonly referenceMs: number | undefined;
  /** The fields are known to hold neither NUL nor lone surrogates; spares the look. */
  readonly isStorable?: boolean;
}

type Input = Readonly<Record<string, unknown>>;
type TextField = 'exposure_id' | 'ds_user_id' | 'experiment_id' | 'variation_id' | 'source';

export function isJsonObject(value: unknown): value is Input {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Checks every field and reports every wrong one; unknown fields are ignored, and null is the same as absent.
 * Never throws for what JSON.parse can give.
 */
export function validateExposure(input: unknown, options: ValidateOptions): Validated {
  if (!isJsonObject(input)) return { kind: 'invalid', errors: [{ field: '', code: 'wrong_type', message: 'must be a JSON object' }] };

  const errors: FieldError[] = [];
  const knownStorable = options.isStorable === true;
  const exposureId = readOptional(input['exposure_id'], { field: 'exposure_id', knownStorable, errors });
  const dsUserId = readId(input['ds_user_id'], { field: 'ds_user_id', knownStorable, errors });
  const experimentId = readId(input['experiment_id'], { field: 'experiment_id', knownStorable, errors });
  const variationId = readId(input['variation_id'], { field: 'variation_id', knownStorable, errors });
  const time = readTime(input, options.referenceMs);
  if ('wrong' in time) report(errors, time.field, time.wrong);
  const attributes = formatAttributes(input['attributes']);
  if (typeof attributes !== 'string') report(errors, 'attributes', attributes);
  const source = readOptional(input['source'], { field: 'source', knownStorable, errors });

  if (errors.length > 0 || 'wrong' in time || typeof attributes !== 'string') return { kind: 'invalid', errors };
  const { givenMicros, tsMicros, wasFuture } = time;
  return {
    kind: 'valid',
    fields: { exposureId, dsUserId, experimentId, variationId, givenMicros, tsMicros, wasFuture, attributes, source },
  };
}

interface TextRules {
  readonly field: TextField;
  readonly knownStorable: boolean;
  /** Where what is wrong is added. */
  readonly errors: FieldError[];
}

function readOptional(value: unknown, rules: TextRules): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return readText(value, rules);
  return report(rules.errors, rules.field, { code: 'wrong_type', message: 'must be a string' });
}

/** Clients hold ids as numbers too; within 2^53 a number has one text. */
function readId(value: unknown, rules: TextRules): string {
  if (typeof value === 'string') return readText(value, rules);
  if (typeof value === 'number' && Number.isSafeInteger(value)) return readText(String(value), rules);
  return report(rules.errors, rules.field, wrongId(value));
}

function wrongId(value: unknown): Wrong {
  if (value === undefined || value === null) return { code: 'required', message: 'is required' };
  if (typeof value === 'number') return { code: 'unsafe_number', message: 'must be a string, or an integer within 2^53' };
  return { code: 'wrong_type', message: 'must be a string or an integer' };
}

function readText(value: string, { field, knownStorable, errors }: TextRules): string {
  if (value === '') return report(errors, field, { code: 'empty', message: 'must not be empty' });
  const bytesMax = BYTES_MAX[field];
  if (isLongerThan(value, bytesMax))
    return report(errors, field, { code: 'too_long', message: `must be at most ${bytesMax} bytes in UTF-8` });
  if (!knownStorable && !isStorable(value)) return report(errors, field, NOT_STORABLE);
  return value;
}

/** Adds it; the empty text stands for the field, and is never used. */
function report(errors: FieldError[], field: string, { code, message }: Wrong): '' {
  errors.push({ field, code, message });
  return '';
}

type Time = Pick<ValidFields, 'givenMicros' | 'tsMicros' | 'wasFuture'> | { readonly field: string; readonly wrong: Wrong };

function readTime(input: Input, referenceMs: number | undefined): Time {
  const timestamp = input['timestamp'] ?? undefined;
  const field = timestamp === undefined ? 'ts' : 'timestamp';
  const value = timestamp ?? input['ts'] ?? undefined;
  if (value === undefined) return { givenMicros: undefined, tsMicros: undefined, wasFuture: false };

  const micros = typeof value === 'string' ? parseTimestamp(value) : undefined;
  if (micros === undefined)
    return { field, wrong: { code: 'not_a_time', message: 'must be a time in ISO 8601, like 2026-01-31T12:00:00Z' } };
  if (micros < TIME_MS_MIN * 1000) return { field, wrong: { code: 'too_early', message: 'must not be before the year 2000' } };
  if (micros >= TIME_MS_END * 1000) return { field, wrong: { code: 'too_late', message: 'must be before the year 2255' } };

  const referenceMicros = referenceMs === undefined ? micros : referenceMs * 1000;
  if (micros <= referenceMicros) return { givenMicros: micros, tsMicros: micros, wasFuture: false };
  if (micros - referenceMicros > AHEAD_MICROS_MAX)
    return { field, wrong: { code: 'too_late', message: 'must not be more than 24 hours ahead' } };
  return { givenMicros: micros, tsMicros: referenceMicros, wasFuture: true };
}
