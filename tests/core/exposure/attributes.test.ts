import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAttributes, isLongerThan, isStorable } from '../../../src/core/exposure/attributes.ts';
import { anyJson, anyText, attributesText } from '../../support/arbitraries.ts';

function codeOf(value: unknown): string {
  const result = formatAttributes(value);
  return typeof result === 'string' ? 'valid' : result.code;
}

/** `{"a":{"a":…}}` or lists within a list, `levels` containers in all, without recursion. */
function nested(levels: number, kind: 'object' | 'list'): unknown {
  let value: unknown = kind === 'object' ? {} : [];
  for (let level = 1; level < levels; level++) value = kind === 'object' ? { a: value } : [value];
  return value;
}

describe('formatAttributes() refuses', () => {
  test.each([['text'], [7], [true], [[]], [[{}]], ['{}']])('%j, which is no object', (value) => {
    expect(codeOf(value)).toBe('wrong_type');
  });

  test.each([undefined, () => 1, Symbol('x'), 1n])('%s within, which JSON does not know', (value) => {
    expect(codeOf({ a: value })).toBe('wrong_type');
  });

  test('21 levels, and takes 20', () => {
    expect(codeOf(nested(21, 'object'))).toBe('too_deep');
    expect(codeOf({ a: nested(20, 'list') })).toBe('too_deep');
    expect(codeOf(nested(20, 'object'))).toBe('valid');
    expect(codeOf({ a: nested(19, 'list') })).toBe('valid');
  });

  test('a hundred thousand levels without overflowing the stack', () => {
    expect(codeOf(nested(100_000, 'object'))).toBe('too_deep');
    expect(codeOf({ a: JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)) })).toBe('too_deep');
  });

  test('501 keys in all, wherever they stand, and takes 500', () => {
    const keys = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 0]));
    expect(codeOf(keys(501))).toBe('too_many_keys');
    expect(codeOf(keys(500))).toBe('valid');
    expect(codeOf({ a: keys(250), b: [keys(249)] })).toBe('too_many_keys');
    expect(codeOf({ a: keys(250), b: [keys(248)] })).toBe('valid');
  });

  test.each([Number('1e999'), Number('-1e999'), Number.NaN, 2 ** 53, -(2 ** 53), Number('12345678901234567890'), 1e300])(
    '%d, a number that may not be the one that was sent',
    (value) => {
      expect(codeOf({ a: value })).toBe('unsafe_number');
      expect(codeOf({ a: [{ b: value }] })).toBe('unsafe_number');
    },
  );

  test.each(['\0', 'a\0b', '\ud800', 'a\udc00', '\udc00\ud800'])('%j in a value or a key, at any level', (text) => {
    expect(codeOf({ a: text })).toBe('not_storable');
    expect(codeOf({ [text]: 1 })).toBe('not_storable');
    expect(codeOf({ a: [{ b: text }] })).toBe('not_storable');
    expect(codeOf({ a: [{ [text]: 1 }] })).toBe('not_storable');
  });

  test.each(['x', 'é', '€', '😀'])('65,536 bytes of JSON in %s, and takes 65,535', (character) => {
    const bytes = Buffer.byteLength(character);
    const room = 65_535 - '{"a":""}'.length;
    const filled = character.repeat(Math.floor(room / bytes)) + 'x'.repeat(room % bytes);
    expect(formatAttributes({ a: filled })).toHaveProperty('length');
    expect(Buffer.byteLength(String(formatAttributes({ a: filled })))).toBe(65_535);
    expect(codeOf({ a: `${filled}x` })).toBe('too_long');
  });
});

describe('formatAttributes() gives', () => {
  test.each([undefined, null, {}])('{} for %s', (value) => {
    expect(formatAttributes(value)).toBe('{}');
  });

  test('what looks like an escape as it is', () => {
    for (const text of ['\\u0000', '\\ud800', '\u0001', '😀'])
      expect(JSON.parse(String(formatAttributes({ a: text })))).toEqual({ a: text });
  });

  test('a key named __proto__ as a key like others, and changes no prototype', () => {
    const text = String(formatAttributes(JSON.parse('{"__proto__":{"isAdmin":true},"constructor":1,"toJSON":"x"}')));
    expect(text).toBe('{"__proto__":{"isAdmin":true},"constructor":1,"toJSON":"x"}');
    expect(Object.hasOwn(Object.prototype, 'isAdmin')).toBe(false);
  });

  test('the same text for what it wrote itself', () => {
    fc.assert(
      fc.property(attributesText(), (text) => {
        const once = String(formatAttributes(JSON.parse(text)));
        expect(formatAttributes(JSON.parse(once))).toBe(once);
        expect(JSON.parse(once)).toEqual(JSON.parse(text));
      }),
    );
  });

  test('either text or a reason for anything, never an exception', () => {
    fc.assert(
      fc.property(anyJson(), (value) => {
        const result = formatAttributes(value);
        expect(typeof result === 'string' || result.message.length > 0).toBe(true);
      }),
    );
  });
});

test('isLongerThan() counts the bytes of UTF-8 exactly', () => {
  fc.assert(
    fc.property(anyText(), fc.nat({ max: 40 }), (text, bytesMax) => {
      expect(isLongerThan(text, bytesMax)).toBe(new TextEncoder().encode(text).length > bytesMax);
    }),
  );
});

test('isStorable() is false for NUL and for half a pair only', () => {
  expect(['', 'a', '\u0001', '😀', '\ud83d\ude00', '\uffff', '\ufffd'].every(isStorable)).toBe(true);
  expect(['\0', '\ud83d', '\ude00', '\ude00\ud83d', '😀\ud83d'].some(isStorable)).toBe(false);
});
