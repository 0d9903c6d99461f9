import { describe, expect, test } from 'vitest';
import { run } from '../../src/commands/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { SETTING_KEYS } from '../../src/core/config.ts';
import { readConfig } from '../../src/core/parse-config.ts';

async function explain(env: Record<string, string>, options: Record<string, unknown> = {}) {
  let printed = '';
  const quiet = (): void => undefined;
  const write = (text: string): void => {
    printed += text;
  };
  const stdout = { write, isTty: false, columns: 80 };
  const read = readConfig({ flags: { kafkaTopic: 'flagged' }, env, dotEnv: { DB_PASSWORD: 'hunter22' }, readSecretFile: () => '' });
  const exitCode = await run({
    ...read,
    runtime: { version: '1.2.3', node: '20.20.2', platform: 'linux', arch: 'x64', memoryBytesMax: undefined },
    options,
    args: ['explain'],
    log: { error: quiet, warn: quiet, info: quiet, debug: quiet },
    clock: systemClock,
    random: () => 0,
    signal: new AbortController().signal,
    stdout,
    stderr: stdout,
  });
  return { exitCode, printed };
}

describe('gbx config explain', () => {
  test('shows what is wrong and exits 78, in text and JSON', async () => {
    const text = await explain({ BATCH_SIZE: 'x' });
    expect(text.exitCode).toBe(78);
    expect(text.printed).toContain(
      'One setting is wrong:\n✗ BATCH_SIZE (environment): "x" must be a whole number from 1 to 100000 (rows)\n',
    );
    const json = await explain({ BATCH_SIZE: 'x' }, { json: true });
    expect(json.exitCode).toBe(78);
    expect(JSON.parse(json.printed).problems).toMatchObject([{ name: 'BATCH_SIZE', source: 'environment' }]);
  });

  test('never shows a secret', async () => {
    const secrets = { GBX_API_KEYS: 'key-one', MONGODB_URI: 'mongodb://u:mongo-pass@h' };
    for (const options of [{}, { json: true }]) {
      const { printed } = await explain(secrets, options);
      expect(printed).not.toMatch(/hunter22|key-one|mongo-pass/u);
      expect(printed).toContain('[secret]');
    }
  });

  test('shows each value with source, default and one sentence', async () => {
    const { exitCode, printed } = await explain({ BATCH_TIMEOUT_SECONDS: '5' });
    expect(exitCode).toBe(0);
    expect(printed).toContain('GBX_TOPIC = flagged   [flag --topic, default exposures]\n    Topic that carries the exposures.\n');
    expect(printed).toContain('BATCH_TIMEOUT_SECONDS = 5 seconds   [environment, default 30]\n');
    expect(printed).toContain('BATCH_SIZE = 100 rows   [default]\n');
    expect(printed).toContain('DB_HOST = (not set)   [not set]\n');
  });

  test('gives one JSON document with every setting', async () => {
    const { printed } = await explain({}, { json: true });
    const document = JSON.parse(printed);
    expect(document.schema).toBe('gbx.config/1');
    expect(document.settings.map(({ key }: { key: string }) => key)).toEqual(SETTING_KEYS);
    expect(document.settings).toContainEqual({
      key: 'dbPassword',
      name: 'DB_PASSWORD',
      flag: null,
      value: '[secret]',
      source: '.env',
      default: null,
      unit: null,
      secret: true,
      about: 'Password of that user.',
    });
  });
});
