import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Decoded, decodeRecord } from '../../../src/core/exposure/decode.ts';
import { encodeExposure } from '../../../src/core/exposure/encode.ts';
import type { Exposure, LogRecord } from '../../../src/core/exposure/exposure.ts';
import { formatOrigin } from '../../../src/core/exposure/origin.ts';
import { anyFields, anyJson, anyText, exposure, logRecord, MICROS_MAX, posted } from '../../support/arbitraries.ts';

const PLACE = { clusterId: 'cluster', topic: 'exposures' };
const NOON_MS = Date.UTC(2026, 0, 31, 12);
const GOOD = { ds_user_id: 'u1', experiment_id: 'e1', variation_id: '0' };

function record(value: string | Buffer | null | object, changes: Partial<LogRecord> = {}): LogRecord {
  const bytes = value === null || Buffer.isBuffer(value) ? value : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  return { partition: 3, offset: 42n, timestampMs: NOON_MS, key: null, value: bytes, headers: {}, ...changes };
}

function decode(value: string | Buffer | null | object, changes: Partial<LogRecord> = {}): Decoded {
  return decodeRecord(record(value, changes), PLACE);
}

function exposureOf(decoded: Decoded): Exposure {
  if (decoded.kind === 'invalid') throw new Error(`expected an exposure, found ${decoded.code}: ${decoded.message}`);
  return decoded.exposure;
}

describe('decodeRecord() gives up', () => {
  test.each([
    ['no value', null, 'GBX_EMPTY'],
    ['an empty value', '', 'GBX_EMPTY'],
    ['a blank value', ' ', 'GBX_NOT_JSON'],
    ['text', 'hello', 'GBX_NOT_JSON'],
    ['cut JSON', '{"ds_user_id":"u1"', 'GBX_NOT_JSON'],
    ['JSON and more', `${JSON.stringify(GOOD)}x`, 'GBX_NOT_JSON'],
    ['a byte order mark', `\ufeff${JSON.stringify(GOOD)}`, 'GBX_NOT_JSON'],
    ['a bare control character', '{"ds_user_id":"\n"}', 'GBX_NOT_JSON'],
    ['bytes that are not UTF-8', Buffer.concat([Buffer.from('{"ds_user_id":"'), Buffer.from([0xff]), Buffer.from('"}')]), 'GBX_NOT_JSON'],
    [
      'an encoded surrogate',
      Buffer.concat([Buffer.from('{"ds_user_id":"'), Buffer.from('eda080', 'hex'), Buffer.from('"}')]),
      'GBX_NOT_JSON',
    ],
    ['UTF-16', Buffer.from(JSON.stringify(GOOD), 'utf16le'), 'GBX_NOT_JSON'],
    ['null', 'null', 'GBX_NOT_AN_OBJECT'],
    ['a number', '7', 'GBX_NOT_AN_OBJECT'],
    ['text in quotes', '"x"', 'GBX_NOT_AN_OBJECT'],
    ['a list', JSON.stringify([GOOD]), 'GBX_NOT_AN_OBJECT'],
    ['a list of a hundred thousand levels', '['.repeat(100_000) + ']'.repeat(100_000), 'GBX_NOT_AN_OBJECT'],
  ])('%s', (_, value, code) => {
    expect(decode(value)).toMatchObject({ kind: 'invalid', code, stage: 'decode' });
  });

  test.each([
    ['an object without fields', {}, 'GBX_INVALID_FIELD'],
    ['a wrong type', { ...GOOD, variation_id: true }, 'GBX_INVALID_FIELD'],
    ['a value that is too long', { ...GOOD, ds_user_id: 'x'.repeat(129) }, 'GBX_INVALID_FIELD'],
    ['a megabyte of attributes', { ...GOOD, attributes: { a: 'x'.repeat(1_000_000) } }, 'GBX_INVALID_FIELD'],
    ['NUL by escape', '{"ds_user_id":"a\\u0000","experiment_id":"e","variation_id":"0"}', 'GBX_INVALID_FIELD'],
    ['half a pair by escape', '{"ds_user_id":"a\\uD800","experiment_id":"e","variation_id":"0"}', 'GBX_INVALID_FIELD'],
    ['NUL in attributes', '{"ds_user_id":"a","experiment_id":"e","variation_id":"0","attributes":{"a\\u0000":1}}', 'GBX_INVALID_FIELD'],
    [
      'attributes of a hundred thousand levels',
      `{"ds_user_id":"a","experiment_id":"e","variation_id":"0","attributes":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_001)}`,
      'GBX_TOO_DEEP',
    ],
  ])('%s', (_, value, code) => {
    expect(decode(value)).toMatchObject({ kind: 'invalid', code, stage: 'validate' });
  });

  test('with every wrong field in the message, and no value', () => {
    const decoded = decode({ ds_user_id: 'hunter2'.repeat(99), experiment_id: 'e', attributes: ['hunter2'] });
    expect(decoded).toMatchObject({ kind: 'invalid', message: expect.stringMatching(/^ds_user_id .*; variation_id .*; attributes /) });
    expect(JSON.stringify(decoded)).not.toContain('hunter2');
  });

  test.each([-1, 0, NOON_MS - 100 * 366 * 86_400_000, Date.UTC(2255, 0, 1), Number.NaN])(
    'a record without any time, its own being %d',
    (timestampMs) => {
      expect(decode(GOOD, { timestampMs })).toMatchObject({ code: 'GBX_INVALID_FIELD', message: expect.stringContaining('timestamp') });
    },
  );

  test('a time more than 24 hours after the record', () => {
    expect(decode({ ...GOOD, ts: '2026-02-01T12:00:00.000001Z' })).toMatchObject({
      code: 'GBX_INVALID_FIELD',
      message: expect.stringContaining('ts '),
    });
  });

  test('nothing by an exception, whatever the bytes', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      anyText().map((text) => new TextEncoder().encode(text)),
      fc.oneof(anyJson(), anyFields()).map((value) => new TextEncoder().encode(JSON.stringify(value))),
    );
    fc.assert(
      fc.property(bytes, fc.integer(), fc.uint8Array(), (value, timestampMs, header) => {
        const decoded = decode(Buffer.from(value), { timestampMs, headers: { 'gbx-origin': Buffer.from(header) } });
        expect(['exposure', 'invalid']).toContain(decoded.kind);
      }),
      { numRuns: 300 },
    );
  });
});

describe('decodeRecord() reads', () => {
  test("a former Python producer's record: no id, `ts` without a zone, no source", () => {
    const decoded = exposureOf(
      decode(
        '{"ds_user_id": "u1", "experiment_id": "e1", "variation_id": 1, "ts": "2026-01-31T11:59:59.123456", "attributes": {"a": "\\u00e9"}}',
      ),
    );
    expect(decoded).toEqual({
      exposureId: expect.stringMatching(/^rec_/),
      dsUserId: 'u1',
      experimentId: 'e1',
      variationId: '1',
      tsMicros: NOON_MS * 1000 - 1_000_000 + 123_456,
      attributes: '{"a":"é"}',
      source: 'python_sdk',
    });
  });

  test("the record's time where the value has none", () => {
    expect(exposureOf(decode(GOOD)).tsMicros).toBe(NOON_MS * 1000);
  });

  test("the record's time for a time ahead of it, by up to 24 hours", () => {
    expect(exposureOf(decode({ ...GOOD, timestamp: '2026-02-01T12:00:00Z' })).tsMicros).toBe(NOON_MS * 1000);
  });

  test.each([-1, 0, Date.UTC(2255, 0, 1)])('a time without an upper bound where the record has none, its own being %d', (timestampMs) => {
    expect(exposureOf(decode({ ...GOOD, timestamp: '2200-01-01T00:00:00Z' }, { timestampMs })).tsMicros).toBe(Date.UTC(2200, 0, 1) * 1000);
  });

  test('U+FFFD where the producer wrote it', () => {
    expect(exposureOf(decode({ ...GOOD, ds_user_id: 'a\ufffd' })).dsUserId).toBe('a\ufffd');
  });

  test('escapes that are no harm', () => {
    expect(exposureOf(decode('{"ds_user_id":"\\ud83d\\ude00\\\\u0000","experiment_id":"e","variation_id":"0"}')).dsUserId).toBe(
      '😀\\u0000',
    );
  });

  test('a copy as its origin, wherever it stands and whenever it was written', () => {
    fc.assert(
      fc.property(posted(), fc.nat({ max: 50 }), fc.bigInt({ min: 0n, max: 2n ** 62n }), (input, partition, offset) => {
        const value = Buffer.from(JSON.stringify(input));
        const original = record(value, { partition, offset });
        const headers = {
          'gbx-origin': formatOrigin({ topic: PLACE.topic, partition, offset, timestampMs: NOON_MS }),
          'gbx-retry-count': '1',
        };
        const copy = record(value, { partition: 99, offset: offset + 1n, timestampMs: NOON_MS + 40 * 86_400_000, headers });
        const decoded = decodeRecord(original, PLACE);
        expect(decoded.kind).toBe('exposure');
        expect(decodeRecord(copy, { ...PLACE, topic: 'exposures.dlq' })).toEqual(decoded);
      }),
    );
  });

  test('the id of two records as two, though their bytes are the same', () => {
    expect(exposureOf(decode(GOOD, { offset: 43n })).exposureId).not.toBe(exposureOf(decode(GOOD)).exposureId);
  });

  test('what encodeExposure() wrote, to the last character, again and again', () => {
    fc.assert(
      fc.property(exposure(), (value) => {
        const first = Buffer.from(encodeExposure(value));
        const decoded = exposureOf(decodeRecord(record(first, { timestampMs: Math.ceil(value.tsMicros / 1000) }), PLACE));
        expect({ ...decoded, attributes: '' }).toEqual({ ...value, attributes: '' });
        expect(JSON.parse(decoded.attributes)).toEqual(JSON.parse(value.attributes));
        const again = exposureOf(decodeRecord(record(encodeExposure(decoded), { timestampMs: -1 }), PLACE));
        expect(again).toEqual(decoded);
      }),
    );
  });

  test('the same exposure from the same record, whatever else is true of it', () => {
    const value = Buffer.from(JSON.stringify(GOOD));
    fc.assert(
      fc.property(logRecord(value), (read) => {
        const decoded = exposureOf(decodeRecord(read, PLACE));
        expect(decodeRecord({ ...read, key: null, headers: { other: 'x' } }, PLACE)).toEqual({ kind: 'exposure', exposure: decoded });
        expect(decoded.tsMicros).toBeLessThanOrEqual(MICROS_MAX);
      }),
    );
  });
});
