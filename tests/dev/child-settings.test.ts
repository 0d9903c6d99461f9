import { expect, it } from 'vitest';
import { parseConfig } from '../../src/core/parse-config.ts';
import { childSettings } from '../../src/dev/child-settings.ts';

it('childSettings() gives a child the very configuration that the parent has, secrets from files included', () => {
  const env = { KAFKA_BOOTSTRAP_SERVERS: 'a:1,b:2', DB_PASSWORD_FILE: '/secret', GBX_API_KEYS: 'one,two' };
  const flags = { batchSize: '7' };
  const { config } = parseConfig({ flags, env, dotEnv: undefined, readSecretFile: () => 'from the file' });
  const child = parseConfig({
    flags: {},
    env: { ...env, ...childSettings(config) },
    dotEnv: undefined,
    readSecretFile: () => 'never read',
  });
  expect(child.config).toEqual(config);
  expect(child.config.dbPassword).toBe('from the file');
});
