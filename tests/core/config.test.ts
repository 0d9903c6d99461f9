import { expect, test } from 'vitest';
import { SETTING_KEYS, settingEntry } from '../../src/core/config.ts';

const ENTRIES = SETTING_KEYS.map((key) => ({ key, ...settingEntry(key) }));

test('SETTINGS have each environment name and each flag once', () => {
  const names = ENTRIES.map(({ env }) => env);
  const flags = ENTRIES.flatMap(({ flag }) => flag ?? []);
  expect(new Set(names).size).toBe(names.length);
  expect(new Set(flags).size).toBe(flags.length);
});

test('SETTINGS give no secret a flag or a default', () => {
  expect(ENTRIES.filter(({ secret, flag, default: standard }) => secret && (flag !== undefined || standard !== undefined))).toEqual([]);
});

test("SETTINGS begin with GBX_ save where the architecture's .env names them", () => {
  const given = [
    'KAFKA_BOOTSTRAP_SERVERS',
    'DB_HOST',
    'DB_PORT',
    'DB_NAME',
    'DB_USER',
    'DB_PASSWORD',
    'MONGODB_URI',
    'BATCH_SIZE',
    'BATCH_TIMEOUT_SECONDS',
    'MAX_RETRIES',
  ];
  const others = ENTRIES.map(({ env }) => env).filter((env) => !env.startsWith('GBX_'));
  expect(others.sort()).toEqual(given.sort());
});

test('SETTINGS have bounds, a unit in the name where there is one, and one sentence', () => {
  for (const { key, env, type, min, max, unit, choices, about } of ENTRIES) {
    expect(about, env).toMatch(/^\p{Lu}[^\n]*\.$/u);
    expect(about.match(/\.\s/gu), env).toBeNull();
    if (type === 'integer') expect(max, env).toBeGreaterThan(min ?? Number.NaN);
    expect(choices !== undefined, env).toBe(type === 'choice');
    if (unit === 'seconds') expect(key).toMatch(/Seconds$/u);
    if (unit === 'milliseconds') expect(key).toMatch(/Ms$/u);
  }
});
