import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LogRecord } from '../../../src/core/exposure/exposure.ts';
import { formatOrigin, originOf, parseOrigin } from '../../../src/core/exposure/origin.ts';

const RECORD: LogRecord = { partition: 3, offset: 42n, timestampMs: 1_769_860_800_000, key: null, value: null, headers: {} };

describe('parseOrigin() refuses', () => {
  test.each([
    '',
    'exposures',
    'exposures/3/42',
    'exposures/3/42/',
    '/3/42/1769860800000',
    'exposures/3/42/1769860800000/1',
    'exposures/3/42/1769860800000\n',
    ' exposures/3/42/1769860800000',
    'exposures/03/42/1769860800000',
    'exposures/3/042/1769860800000',
    'exposures/-1/42/1769860800000',
    'exposures/3/-42/1769860800000',
    'exposures/3/42/-2',
    'exposures/3/4.2/1769860800000',
    'exposures/3/42/1e12',
    'exp osures/3/42/1769860800000',
    'expösures/3/42/1769860800000',
    `${'x'.repeat(250)}/3/42/1769860800000`,
    'exposures/2147483648/42/1769860800000',
    'exposures/3/9223372036854775808/1769860800000',
    'exposures/3/42/9007199254740992',
    'x'.repeat(1_000_000),
  ])('%.40j', (text) => {
    expect(parseOrigin(text)).toBeUndefined();
    expect(parseOrigin(Buffer.from(text))).toBeUndefined();
  });

  test('no header, and one that is there twice', () => {
    expect(parseOrigin(undefined)).toBeUndefined();
    expect(parseOrigin(['exposures/3/42/1769860800000', 'exposures/3/42/1769860800000'])).toBeUndefined();
  });

  test('any bytes without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(() => parseOrigin(Buffer.from(bytes))).not.toThrow();
      }),
    );
  });
});

test('parseOrigin() reads what formatOrigin() wrote, as text and as bytes', () => {
  const origin = fc.record({
    topic: fc.stringMatching(/^[a-zA-Z0-9._-]{1,249}$/),
    partition: fc.nat(),
    offset: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    timestampMs: fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER }),
  });
  fc.assert(
    fc.property(origin, (place) => {
      const text = formatOrigin(place);
      expect(parseOrigin(text)).toEqual(place);
      expect(parseOrigin(Buffer.from(text))).toEqual(place);
    }),
  );
});

describe('originOf()', () => {
  test('is the place of the record when its header is malformed or absent', () => {
    const own = { topic: 'exposures', partition: 3, offset: 42n, timestampMs: 1_769_860_800_000 };
    expect(originOf(RECORD, 'exposures')).toEqual(own);
    expect(originOf({ ...RECORD, headers: { 'gbx-origin': 'nonsense' } }, 'exposures')).toEqual(own);
    expect(originOf({ ...RECORD, headers: { 'gbx-origin': undefined } }, 'exposures')).toEqual(own);
  });

  test('is what the header says of a copy, whatever its place', () => {
    const copy = { ...RECORD, headers: { 'gbx-origin': Buffer.from('exposures/0/7/-1') } };
    expect(originOf(copy, 'exposures.dlq')).toEqual({ topic: 'exposures', partition: 0, offset: 7n, timestampMs: -1 });
  });
});
