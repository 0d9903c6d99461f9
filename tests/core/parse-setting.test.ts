import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SettingEntry } from '../../src/core/config.ts';
import { parseSetting } from '../../src/core/parse-setting.ts';

const BASE = { env: 'X', about: 'x' };
const BROKERS: SettingEntry = { ...BASE, type: 'list', portDefault: 9092 };
const COUNT: SettingEntry = { ...BASE, type: 'integer', min: 1, max: 100 };

describe('parseSetting() refuses', () => {
  test.each(['', ' ', 'abc', '1.5', '1e2', '0x10', '10 rows', '0', '101', '99999999999999999999', 'NaN', '١'])(
    '%j as a whole number',
    (text) => {
      expect(parseSetting(text, COUNT)).toMatchObject({ ok: false, expected: 'must be a whole number from 1 to 100' });
    },
  );

  test.each(['', ',', ' , '])('the empty list %j', (text) => {
    expect(parseSetting(text, { ...BASE, type: 'list' })).toMatchObject({ ok: false });
  });

  test.each(['kafka:port', 'kafka:0', 'kafka:70000', 'PLAINTEXT://kafka:9092', '::1', 'user@kafka:9092', 'a b:9092', 'ok:1,:9092'])(
    '%j as brokers, naming the wrong one',
    (text) => {
      const wrong = text.split(',').at(-1) ?? '';
      expect(parseSetting(text, BROKERS)).toEqual({ ok: false, expected: expect.stringContaining(JSON.stringify(wrong)) });
    },
  );

  test('a word that is no choice', () => {
    expect(parseSetting('yes', { ...BASE, type: 'choice', choices: ['on', 'off'] })).toEqual({
      ok: false,
      expected: 'must be one of on, off',
    });
  });

  test('NUL in a text', () => {
    expect(parseSetting('a\0b', { ...BASE, type: 'text' })).toMatchObject({ ok: false });
  });
});

describe('parseSetting() takes', () => {
  test.each([
    ['kafka', ['kafka:9092']],
    [' a:1 , b:2,', ['a:1', 'b:2']],
    ['[::1],[fe80::1]:9093', ['[::1]:9092', '[fe80::1]:9093']],
  ])('%j as brokers', (text, value) => {
    expect(parseSetting(text, BROKERS)).toEqual({ ok: true, value });
  });

  test('a choice in any case', () => {
    expect(parseSetting(' ON ', { ...BASE, type: 'choice', choices: ['on', 'off'] })).toEqual({ ok: true, value: 'on' });
  });

  test('a secret with its spaces, another text without', () => {
    expect(parseSetting(' a ', { ...BASE, type: 'text', secret: true })).toEqual({ ok: true, value: ' a ' });
    expect(parseSetting(' a ', { ...BASE, type: 'text' })).toEqual({ ok: true, value: 'a' });
  });

  test('every whole number within the bounds, and no other', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1000, max: 1000 }), (number) => {
        const parsed = parseSetting(String(number), COUNT);
        expect(parsed.ok).toBe(number >= 1 && number <= 100);
        if (parsed.ok) expect(parsed.value).toBe(number);
      }),
    );
  });
});
