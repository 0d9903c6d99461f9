import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/core/parse-config.ts';
import { redact, secretTexts, shownValue } from '../../src/core/redact.ts';

const env = { DB_PASSWORD: 'correct horse', GBX_API_KEYS: 'key-one,key-two', MONGODB_URI: 'mongodb://root:mongo-pass@db/x', DB_HOST: 'db' };
const { config } = parseConfig({ flags: {}, env, dotEnv: undefined, readSecretFile: () => '' });

test('secretTexts() are all secrets, one by one, and the password inside a URL', () => {
  expect(secretTexts(config)).toEqual(['correct horse', 'key-one', 'key-two', 'mongodb://root:mongo-pass@db/x', 'mongo-pass']);
});

describe('redact()', () => {
  test('blots out every secret, wherever it stands', () => {
    const text = 'user x password correct horse, key-two; login mongo-pass failed for mongodb://root:mongo-pass@db/x';
    expect(redact(text, secretTexts(config))).toBe('user x password [secret], [secret]; login [secret] failed for [secret]');
  });

  test('blots out the longer of two secrets that overlap first', () => {
    expect(redact('abcdefgh', ['abcd', 'abcdefgh'])).toBe('[secret]');
  });

  test('hides passwords in URLs that it was not told of', () => {
    expect(redact('cannot open postgres://me:passw0rd@host/db', [])).toBe('cannot open postgres://me:[secret]@host/db');
  });

  test('leaves words alone that a very short secret would hit', () => {
    expect(redact('the database', ['the'])).toBe('the database');
  });
});

test('shownValue() masks secrets, joins lists, and leaves out what is not set', () => {
  expect(shownValue(config, 'dbPassword')).toBe('[secret]');
  expect(shownValue(config, 'apiKeys')).toBe('[secret]');
  expect(shownValue(config, 'corsOrigins')).toBe('*');
  expect(shownValue(config, 'dbPort')).toBe(5439);
  expect(shownValue(config, 'dbUser')).toBeUndefined();
});
