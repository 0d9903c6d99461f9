import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BYTES_MAX } from '../../../src/core/exposure/exposure.ts';
import { type FieldError, type ValidFields, validateExposure } from '../../../src/core/exposure/validate.ts';
import { anyFields, anyJson, posted } from '../../support/arbitraries.ts';

const NOON_MS = Date.UTC(2026, 0, 31, 12);
const GOOD = { ds_user_id: 'u1', experiment_id: 'e1', variation_id: '0' };

function errorsOf(input: unknown, referenceMs: number | undefined = NOON_MS): readonly FieldError[] {
  const result = validateExposure(input, { referenceMs });
  return result.kind === 'invalid' ? result.errors : [];
}

function codesOf(input: unknown, referenceMs?: number): readonly string[] {
  return errorsOf(input, referenceMs).map((error) => `${error.field}:${error.code}`);
}

function fieldsOf(input: unknown, referenceMs: number | undefined = NOON_MS): ValidFields {
  const result = validateExposure(input, { referenceMs });
  if (result.kind === 'invalid') throw new Error(`expected valid, found ${JSON.stringify(result.errors)}`);
  return result.fields;
}

describe('validateExposure() refuses', () => {
  test.each([null, undefined, 'x', 7, true, [], [GOOD]])('%j, which is no object', (input) => {
    expect(codesOf(input)).toEqual([':wrong_type']);
  });

  test('everything that is wrong at once, in the order of the fields', () => {
    const input = { exposure_id: '', ds_user_id: null, experiment_id: [], variation_id: 1.5, ts: 'soon', attributes: 'x', source: 7 };
    expect(codesOf(input)).toEqual([
      'exposure_id:empty',
      'ds_user_id:required',
      'experiment_id:wrong_type',
      'variation_id:unsafe_number',
      'ts:not_a_time',
      'attributes:wrong_type',
      'source:wrong_type',
    ]);
  });

  test.each(['ds_user_id', 'experiment_id', 'variation_id'])('a missing, empty or wrongly typed %s', (field) => {
    expect(codesOf({ ...GOOD, [field]: undefined })).toEqual([`${field}:required`]);
    expect(codesOf({ ...GOOD, [field]: null })).toEqual([`${field}:required`]);
    expect(codesOf({ ...GOOD, [field]: '' })).toEqual([`${field}:empty`]);
    for (const value of [true, {}, ['x']]) expect(codesOf({ ...GOOD, [field]: value })).toEqual([`${field}:wrong_type`]);
    for (const value of [0.5, 2 ** 53, -(2 ** 53), Number('1e999'), Number.NaN])
      expect(codesOf({ ...GOOD, [field]: value })).toEqual([`${field}:unsafe_number`]);
  });

  test.each(['exposure_id', 'source'])('an empty or wrongly typed %s', (field) => {
    expect(codesOf({ ...GOOD, [field]: '' })).toEqual([`${field}:empty`]);
    for (const value of [0, 7, false, {}, []]) expect(codesOf({ ...GOOD, [field]: value })).toEqual([`${field}:wrong_type`]);
  });

  test.each(['exposure_id', 'ds_user_id', 'experiment_id', 'variation_id', 'source'] as const)(
    'one byte too many in %s, whatever the characters',
    (field) => {
      for (const character of ['x', 'é', '€', '😀']) {
        const bytes = Buffer.byteLength(character);
        const full = character.repeat(Math.floor(BYTES_MAX[field] / bytes)) + 'x'.repeat(BYTES_MAX[field] % bytes);
        expect(codesOf({ ...GOOD, [field]: full })).toEqual([]);
        expect(codesOf({ ...GOOD, [field]: `${full}x` })).toEqual([`${field}:too_long`]);
      }
      expect(codesOf({ ...GOOD, [field]: 'x'.repeat(1_000_000) })).toEqual([`${field}:too_long`]);
    },
  );

  test.each(['exposure_id', 'ds_user_id', 'experiment_id', 'variation_id', 'source'])('NUL and lone surrogates in %s', (field) => {
    for (const text of ['\0', 'a\0', '\ud800', 'x\udfff', '\udc00\ud800'])
      expect(codesOf({ ...GOOD, [field]: text })).toEqual([`${field}:not_storable`]);
  });

  test('a time that is no text in ISO 8601', () => {
    for (const value of ['', 'x', 1769860800, {}, [], true, '2026-02-30T00:00:00Z'])
      expect(codesOf({ ...GOOD, timestamp: value })).toEqual(['timestamp:not_a_time']);
  });

  test('a time before 2000, to the microsecond', () => {
    expect(codesOf({ ...GOOD, timestamp: '1999-12-31T23:59:59.999999Z' })).toEqual(['timestamp:too_early']);
    expect(codesOf({ ...GOOD, timestamp: '2000-01-01T01:00:00+01:00' })).toEqual([]);
    expect(codesOf({ ...GOOD, timestamp: '0000-01-01T00:00:00Z' })).toEqual(['timestamp:too_early']);
  });

  test('a time more than 24 hours ahead, to the microsecond', () => {
    expect(codesOf({ ...GOOD, timestamp: '2026-02-01T12:00:00.000001Z' })).toEqual(['timestamp:too_late']);
    expect(codesOf({ ...GOOD, timestamp: '2026-02-01T12:00:00Z' })).toEqual([]);
  });

  test('a time beyond what is counted in microseconds, also where nothing says when it came', () => {
    const read = (timestamp: string): string => validateExposure({ ...GOOD, timestamp }, { referenceMs: undefined }).kind;
    expect(read('2255-01-01T00:00:00Z')).toBe('invalid');
    expect(read('9999-12-31T23:59:59Z')).toBe('invalid');
    expect(read('2254-12-31T23:59:59.999999Z')).toBe('valid');
  });

  test('deep attributes with the code that dead letters tell apart', () => {
    expect(codesOf({ ...GOOD, attributes: { a: JSON.parse('['.repeat(20) + ']'.repeat(20)) } })).toEqual(['attributes:too_deep']);
  });

  test('without a word of what was sent', () => {
    const secret = 'hunter2';
    const input = {
      exposure_id: secret.repeat(20),
      ds_user_id: `${secret}\0`,
      experiment_id: [secret],
      variation_id: { [secret]: 1 },
      timestamp: secret,
      attributes: { [`${secret}\0`]: secret },
      source: secret.repeat(9),
    };
    const errors = errorsOf(input);
    expect(errors).toHaveLength(7);
    expect(JSON.stringify(errors)).not.toContain(secret);
  });
});

describe('validateExposure() gives', () => {
  test('the fields, nothing where nothing was given', () => {
    expect(fieldsOf({ ...GOOD, exposure_id: null, timestamp: null, ts: null, attributes: null, source: null, other: 1 })).toEqual({
      exposureId: undefined,
      dsUserId: 'u1',
      experimentId: 'e1',
      variationId: '0',
      givenMicros: undefined,
      tsMicros: undefined,
      wasFuture: false,
      attributes: '{}',
      source: undefined,
    });
  });

  test('safe integers as text', () => {
    const { dsUserId, experimentId, variationId } = fieldsOf({ ds_user_id: 2 ** 53 - 1, experiment_id: -7, variation_id: -0 });
    expect([dsUserId, experimentId, variationId]).toEqual(['9007199254740991', '-7', '0']);
  });

  test('blanks as they are, since an id is never changed', () => {
    expect(fieldsOf({ ...GOOD, ds_user_id: ' u1 ' }).dsUserId).toBe(' u1 ');
  });

  test('`ts` where there is no `timestamp`, and `timestamp` where there are both', () => {
    expect(fieldsOf({ ...GOOD, ts: '2026-01-31T11:00:00Z' }).tsMicros).toBe((NOON_MS - 3_600_000) * 1000);
    expect(fieldsOf({ ...GOOD, ts: '2026-01-31T11:00:00Z', timestamp: null }).tsMicros).toBe((NOON_MS - 3_600_000) * 1000);
    expect(fieldsOf({ ...GOOD, ts: 'nonsense', timestamp: '2026-01-31T12:00:00Z' }).tsMicros).toBe(NOON_MS * 1000);
  });

  test('the reference time for a time ahead, flagged, and keeps the given one for the id', () => {
    const ahead = fieldsOf({ ...GOOD, timestamp: '2026-01-31T12:00:00.000001Z' });
    expect(ahead).toMatchObject({ tsMicros: NOON_MS * 1000, givenMicros: NOON_MS * 1000 + 1, wasFuture: true });
    const now = fieldsOf({ ...GOOD, timestamp: '2026-01-31T12:00:00Z' });
    expect(now).toMatchObject({ tsMicros: NOON_MS * 1000, givenMicros: NOON_MS * 1000, wasFuture: false });
  });

  test('a time far ahead as it is, where nothing says when it came', () => {
    expect(validateExposure({ ...GOOD, timestamp: '2200-01-01T00:00:00Z' }, { referenceMs: undefined })).toMatchObject({
      fields: { tsMicros: Date.UTC(2200, 0, 1) * 1000, wasFuture: false },
    });
  });

  test('nothing inherited: a key named __proto__ gives no field', () => {
    expect(codesOf(JSON.parse('{"__proto__":{"source":"x"},"ds_user_id":"u","experiment_id":"e","variation_id":"v"}'))).toEqual([]);
    expect(
      fieldsOf(JSON.parse('{"__proto__":{"source":"x"},"ds_user_id":"u","experiment_id":"e","variation_id":"v"}')).source,
    ).toBeUndefined();
  });

  test('an answer for anything, never an exception, and a reason with every refusal', () => {
    fc.assert(
      fc.property(fc.oneof(anyJson(), anyFields()), fc.option(fc.constant(NOON_MS), { nil: undefined }), (input, referenceMs) => {
        const result = validateExposure(input, { referenceMs });
        if (result.kind === 'invalid') expect(result.errors.length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });

  test('fields within the limits for everything that it takes', () => {
    fc.assert(
      fc.property(posted(), (input) => {
        const fields = fieldsOf(input);
        const limits = [
          [fields.exposureId ?? 'x', BYTES_MAX.exposure_id],
          [fields.dsUserId, BYTES_MAX.ds_user_id],
          [fields.experimentId, BYTES_MAX.experiment_id],
          [fields.variationId, BYTES_MAX.variation_id],
          [fields.source ?? 'x', BYTES_MAX.source],
          [fields.attributes, BYTES_MAX.attributes],
        ] as const;
        for (const [text, bytesMax] of limits) {
          expect(Buffer.byteLength(text)).toBeGreaterThan(0);
          expect(Buffer.byteLength(text)).toBeLessThanOrEqual(bytesMax);
          expect(Buffer.from(text).toString()).toBe(text);
        }
      }),
    );
  });
});
