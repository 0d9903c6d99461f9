import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatSqlTimestamp, formatTimestamp, parseTimestamp } from '../../../src/core/exposure/timestamp.ts';
import { anyText, MICROS_MAX, MICROS_MIN } from '../../support/arbitraries.ts';

const NOON = Date.UTC(2026, 0, 31, 12, 0, 0) * 1000;

describe('parseTimestamp() refuses', () => {
  test.each([
    '',
    'now',
    '2026',
    '2026-01-31',
    '2026-01-31T12:00',
    '2026-01-31t12:00:00Z',
    '2026-01-31T12:00:00z',
    '2026-01-31_12:00:00Z',
    '2026/01/31T12:00:00Z',
    '2026-01-31T12-00-00Z',
    '26-01-31T12:00:00Z',
    '+2026-01-31T12:00:00Z',
    '-2026-01-31T12:00:00Z',
    '02026-01-31T12:00:00Z',
    ' 2026-01-31T12:00:00Z',
    '2026-01-31T12:00:00Z ',
    '2026-01-31T12:00:00 Z',
    '2026-01-31T12:00:00ZZ',
    '2026-01-31T12:00:00UTC',
    '2026-01-31T12:00:00.Z',
    '2026-01-31T12:00:00.',
    '2026-01-31T12:00:00,5Z',
    '2026-01-31T12:00:00.1234567890Z',
    '2026-01-31T12:00:00.12a',
    '2026-01-31T12:00:00+',
    '2026-01-31T12:00:00+1',
    '2026-01-31T12:00:00+1:00',
    '2026-01-31T12:00:00+01:0',
    '2026-01-31T12:00:00+01:000',
    '2026-01-31T12:00:00+01-00',
    '2026-01-31T12:00:00+24:00',
    '2026-01-31T12:00:00+01:60',
    '2026-01-31T1２:00:00Z',
    '1769860800',
    'Sat, 31 Jan 2026 12:00:00 GMT',
  ])('%j', (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });

  test.each([
    '2026-02-29T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-13-10T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-32T00:00:00Z',
    '2026-01-31T24:00:00Z',
    '2026-01-31T25:00:00Z',
    '2026-01-31T12:60:00Z',
    '2016-12-31T23:59:60Z',
  ])('%j, a time that no calendar has', (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });
});

describe('parseTimestamp() reads', () => {
  test.each([
    ['2026-01-31T12:00:00Z', NOON],
    ['2026-01-31 12:00:00', NOON],
    ['2026-01-31T12:00:00', NOON],
    ['2026-01-31T14:00:00+02', NOON],
    ['2026-01-31T14:30:00+0230', NOON],
    ['2026-01-31T06:30:00-05:30', NOON],
    ['2026-01-31T12:00:00-00:00', NOON],
    ['2026-01-31T12:00:00.5Z', NOON + 500_000],
    ['2026-01-31T12:00:00.000001', NOON + 1],
    ['2026-01-31T12:00:00.123456', NOON + 123_456],
    ['2026-01-31T12:00:00.123456999+00:00', NOON + 123_456],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29) * 1000],
    ['2000-02-29T00:00:00Z', Date.UTC(2000, 1, 29) * 1000],
    ['2026-12-31T23:59:59.999999Z', Date.UTC(2027, 0, 1) * 1000 - 1],
    ['1969-12-31T23:59:59.999999Z', -1],
  ])('%j', (text, micros) => {
    expect(parseTimestamp(text)).toBe(micros);
  });

  test('what Date writes, as the same time', () => {
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(1700, 0, 1), max: Date.UTC(2254, 0, 1) }), (millis) => {
        expect(parseTimestamp(new Date(millis).toISOString())).toBe(millis * 1000);
      }),
    );
  });

  test('any text without throwing, and only as a whole microsecond', () => {
    fc.assert(
      fc.property(
        fc.oneof(anyText(), fc.stringMatching(/^20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{0,10})?(Z|[+-][\d:]{0,6})?$/)),
        (text) => {
          const micros = parseTimestamp(text);
          expect(micros === undefined || Number.isSafeInteger(micros)).toBe(true);
        },
      ),
    );
  });
});

describe('formatTimestamp()', () => {
  test('keeps six digits of the fraction, whatever they are', () => {
    expect(formatTimestamp(NOON)).toBe('2026-01-31T12:00:00.000000Z');
    expect(formatTimestamp(NOON + 1)).toBe('2026-01-31T12:00:00.000001Z');
    expect(formatTimestamp(NOON + 10_020)).toBe('2026-01-31T12:00:00.010020Z');
    expect(formatTimestamp(-1)).toBe('1969-12-31T23:59:59.999999Z');
  });

  test('is undone by parseTimestamp(), to the microsecond', () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: MICROS_MIN, max: MICROS_MAX }), fc.integer({ min: -1e15, max: 1e15 })), (micros) => {
        expect(parseTimestamp(formatTimestamp(micros))).toBe(micros);
      }),
    );
  });

  test('is the text that parseTimestamp() read, where that was written in full', () => {
    for (const text of ['2026-01-31T12:00:00.123456Z', '2000-01-01T00:00:00.000000Z', '2254-12-31T23:59:59.999999Z']) {
      expect(formatTimestamp(parseTimestamp(text) ?? 0)).toBe(text);
    }
  });

  test('agrees with Date to the millisecond', () => {
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(1700, 0, 1), max: Date.UTC(2254, 0, 1) }), (millis) => {
        expect(formatTimestamp(millis * 1000)).toBe(`${new Date(millis).toISOString().slice(0, -1)}000Z`);
      }),
    );
  });
});

describe('formatSqlTimestamp()', () => {
  test('writes a literal without a zone, for columns that hold UTC', () => {
    expect(formatSqlTimestamp(NOON + 42)).toBe('2026-01-31 12:00:00.000042');
  });

  test('is undone by parseTimestamp()', () => {
    fc.assert(
      fc.property(fc.integer({ min: MICROS_MIN, max: MICROS_MAX }), (micros) => {
        expect(parseTimestamp(formatSqlTimestamp(micros))).toBe(micros);
      }),
    );
  });
});
