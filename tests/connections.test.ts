import { describe, expect, test } from 'vitest';
import { kafkaConnection, warehouseConnection } from '../src/connections.ts';
import { systemClock } from '../src/core/clock.ts';
import type { Logger } from '../src/core/log.ts';
import { parseConfig } from '../src/core/parse-config.ts';

function context(env: Record<string, string>) {
  const warned: string[] = [];
  const quiet = (): void => undefined;
  const log: Logger = { error: quiet, warn: (event) => warned.push(event), info: quiet, debug: quiet };
  const { config, sources } = parseConfig({ flags: {}, env, dotEnv: undefined, readSecretFile: () => '' });
  return { warned, needs: { config, sources, log, clock: systemClock, random: () => 0.5 } };
}

const named = { clientId: 'gbx-test' };

describe('kafkaConnection()', () => {
  test('needs the brokers', () => {
    expect(() => kafkaConnection(context({}).needs, named)).toThrow('KAFKA_BOOTSTRAP_SERVERS is not set');
  });

  test('refuses a certificate file that is not there', () => {
    const { needs } = context({ KAFKA_BOOTSTRAP_SERVERS: 'k', GBX_KAFKA_CA_FILE: '/none.pem' });
    expect(() => kafkaConnection(needs, named)).toThrow(
      expect.objectContaining({ code: 'GBX_CONFIG', from: 'GBX_KAFKA_CA_FILE (environment)' }),
    );
  });

  test.each([
    ['kafka-1,localhost', undefined, { kind: 'on' }, []],
    ['localhost:9092,[::1]:9093', undefined, { kind: 'off' }, []],
    ['kafka-1', 'off', { kind: 'off' }, ['tls.off']],
    ['localhost', 'on', { kind: 'on' }, []],
  ])('towards %s with GBX_KAFKA_TLS %s has TLS %j', (brokers, setting, tls, words) => {
    const { warned, needs } = context({ KAFKA_BOOTSTRAP_SERVERS: brokers, ...(setting && { GBX_KAFKA_TLS: setting }) });
    expect(kafkaConnection(needs, named)).toMatchObject({ tls, clientId: 'gbx-test', brokers: needs.config.kafkaBootstrapServers });
    expect(warned).toEqual(words);
  });

  test('says that a certificate file goes unused without TLS', () => {
    const { warned, needs } = context({ KAFKA_BOOTSTRAP_SERVERS: 'localhost', GBX_KAFKA_CA_FILE: '/none.pem' });
    kafkaConnection(needs, named);
    expect(warned).toEqual(['tls.ca_file_unused']);
  });
});

describe('warehouseConnection()', () => {
  test('needs host and user, and names both', () => {
    expect(() => warehouseConnection(context({}).needs, named)).toThrow('DB_HOST, DB_USER are not set');
  });

  test('turns seconds into milliseconds and has TLS on towards another machine', () => {
    const { needs } = context({ DB_HOST: 'db.example.com', DB_USER: 'u', DB_PASSWORD: 'p', GBX_LOCK_TIMEOUT_SECONDS: '7' });
    expect(warehouseConnection(needs, named)).toMatchObject({
      host: 'db.example.com',
      port: 5439,
      database: 'dev',
      user: 'u',
      password: 'p',
      tls: { kind: 'on' },
      dialect: 'auto',
      lockTimeoutMs: 7000,
      statementTimeoutMs: 180_000,
      applicationName: 'gbx-test',
    });
  });
});
