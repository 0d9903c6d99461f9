// A record as an exposure, or the reason why it is given up. Runs once a record in the drain, so it is written for speed:
// what can be known of the whole text is not asked again of each field. Everything that is computed comes from the record's
// origin, never from a copy's place or the present clock (docs/delivery.md).
import type { DeadLetterCode } from '../load/ports.ts';
import type { Exposure, LogRecord } from './exposure.ts';
import { idFromOrigin } from './identity.ts';
import { originOf } from './origin.ts';
import { type FieldError, isJsonObject, TIME_MS_END, TIME_MS_MIN, validateExposure } from './validate.ts';

/** The default of the column in sql/0001: whose records bear no source. */
const SOURCE_DEFAULT = 'python_sdk';

export type Decoded =
  | { readonly kind: 'exposure'; readonly exposure: Exposure }
  | { readonly kind: 'invalid'; readonly code: DeadLetterCode; readonly message: string; readonly stage: 'decode' | 'validate' };

/** Where the record was read. */
interface Place {
  readonly clusterId: string;
  readonly topic: string;
}

/** Never throws, whatever the bytes. The message names fields and limits, never values. */
export function decodeRecord(record: LogRecord, { clusterId, topic }: Place): Decoded {
  const { value } = record;
  if (value === null || value.length === 0) return refuse('GBX_EMPTY', 'the record has no value');
  const text = value.toString('utf8');
  // Bytes that are not UTF-8 decode to U+FFFD; a producer may also have written that character itself.
  if (text.includes('\ufffd') && !Buffer.from(text).equals(value)) return refuse('GBX_NOT_JSON', 'the value is not UTF-8');
  const parsed = parseJson(text);
  if (parsed === undefined) return refuse('GBX_NOT_JSON', 'the value is not JSON');
  if (!isJsonObject(parsed)) return refuse('GBX_NOT_AN_OBJECT', 'the value is not a JSON object');

  const origin = originOf(record, topic);
  const recordMs = origin.timestampMs >= TIME_MS_MIN && origin.timestampMs < TIME_MS_END ? origin.timestampMs : undefined;
  // Valid UTF-8 holds no lone surrogates and JSON no bare NUL: both come by an escape only.
  const validated = validateExposure(parsed, { referenceMs: recordMs, isStorable: !text.includes('\\u') });
  if (validated.kind === 'invalid') return refuseFields(validated.errors);

  const { fields } = validated;
  const tsMicros = fields.tsMicros ?? (recordMs === undefined ? undefined : recordMs * 1000);
  if (tsMicros === undefined)
    return refuseFields([{ field: 'timestamp', code: 'required', message: 'is required, as the record has no time either' }]);
  return {
    kind: 'exposure',
    exposure: {
      exposureId: fields.exposureId ?? idFromOrigin(origin, { clusterId, value }),
      dsUserId: fields.dsUserId,
      experimentId: fields.experimentId,
      variationId: fields.variationId,
      tsMicros,
      attributes: fields.attributes,
      source: fields.source ?? SOURCE_DEFAULT,
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refuse(code: DeadLetterCode, message: string): Decoded {
  return { kind: 'invalid', code, message, stage: 'decode' };
}

function refuseFields(errors: readonly FieldError[]): Decoded {
  const code = errors.some((error) => error.code === 'too_deep') ? 'GBX_TOO_DEEP' : 'GBX_INVALID_FIELD';
  const message = errors.map((error) => `${error.field} ${error.message}`).join('; ');
  return { kind: 'invalid', code, message, stage: 'validate' };
}
