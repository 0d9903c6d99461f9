import { describe, expect, test } from 'vitest';
import { SETTING_KEYS, SETTINGS } from '../../src/core/config.ts';
import { GbxError } from '../../src/core/errors.ts';
import { type ConfigInput, parseConfig, readConfig, requireSettings } from '../../src/core/parse-config.ts';

function input(given: Partial<ConfigInput> = {}): ConfigInput {
  return { flags: {}, env: {}, dotEnv: undefined, readSecretFile: () => 'from file', ...given };
}

function failure(act: () => unknown): GbxError {
  try {
    act();
  } catch (error) {
    if (error instanceof GbxError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('parseConfig() with wrong values', () => {
  test('names one problem, its value and where it came from', () => {
    const error = failure(() => parseConfig(input({ env: { BATCH_SIZE: 'many' } })));
    expect(error).toMatchObject({ code: 'GBX_CONFIG', from: 'BATCH_SIZE (environment)', exitCode: 78 });
    expect(error.message).toBe('BATCH_SIZE: "many" must be a whole number from 1 to 100000 (rows)');
  });

  test('takes a wrong flag for wrong usage, unless other settings are wrong too', () => {
    expect(failure(() => parseConfig(input({ flags: { kafkaTls: 'maybe' } })))).toMatchObject({ code: 'GBX_USAGE', exitCode: 2 });
    const mixed = input({ flags: { kafkaTls: 'maybe' }, env: { BATCH_SIZE: 'many' } });
    expect(failure(() => parseConfig(mixed))).toMatchObject({ code: 'GBX_CONFIG', exitCode: 78 });
  });

  test('lists every problem at once, each with its source', () => {
    const given = input({ flags: { kafkaTls: 'maybe' }, env: { DB_PORT: '70000' }, dotEnv: { MAX_RETRIES: '-1' } });
    expect(failure(() => parseConfig(given)).message.split('\n')).toEqual([
      '3 settings are wrong:',
      '  --kafka-tls (flag --kafka-tls): "maybe" must be one of auto, on, off',
      '  DB_PORT (environment): "70000" must be a whole number from 1 to 65535',
      '  MAX_RETRIES (.env): "-1" must be a whole number from 0 to 100 (count)',
    ]);
  });

  test('never shows the value of a secret', () => {
    const error = failure(() => parseConfig(input({ env: { DB_PASSWORD: 'hunter2\0hunter2' } })));
    expect(error.message).toContain('DB_PASSWORD');
    expect(error.message).not.toContain('hunter2');
  });

  test('refuses a secret given as text and as a file in one place', () => {
    const error = failure(() => parseConfig(input({ env: { DB_PASSWORD: 'a', DB_PASSWORD_FILE: '/run/db' } })));
    expect(error.message).toContain('given twice');
  });

  test('says why a secret file cannot be used', () => {
    const unreadable = (): string => {
      throw new Error('no such file');
    };
    const error = failure(() => parseConfig(input({ env: { DB_PASSWORD_FILE: '/run/db' }, readSecretFile: unreadable })));
    expect(error).toMatchObject({ message: 'DB_PASSWORD_FILE: cannot be read: no such file', from: 'DB_PASSWORD_FILE (environment)' });
    const empty = failure(() => parseConfig(input({ env: { DB_PASSWORD_FILE: '/run/db' }, readSecretFile: () => '' })));
    expect(empty.message).toContain('is an empty file');
  });

  test('refuses an empty flag, for it was typed', () => {
    expect(failure(() => parseConfig(input({ flags: { kafkaTopic: ' ' } }))).message).toBe('--topic: must not be empty');
  });

  test('holds settings against each other', () => {
    const rows = failure(() => parseConfig(input({ env: { GBX_BATCH_ROWS_MAX: '50' } })));
    expect(rows.message).toBe('GBX_BATCH_ROWS_MAX: 50 must be at least BATCH_SIZE, which is 100 (default)');
    const lock = failure(() => parseConfig(input({ env: { GBX_LOCK_TIMEOUT_SECONDS: '180' } })));
    expect(lock.message).toContain('180 must be more than GBX_LOCK_TIMEOUT_SECONDS, which is 180 (environment)');
  });
});

describe('parseConfig()', () => {
  test('takes the flag before the environment before .env before the default, and tells which', () => {
    const dotEnv = { GBX_TOPIC: 'c', GBX_CONSUMER_GROUP: 'c', GBX_DEAD_LETTER_TOPIC: 'c' };
    const env = { GBX_TOPIC: 'b', GBX_CONSUMER_GROUP: 'b' };
    const { config, sources } = parseConfig(input({ flags: { kafkaTopic: 'a' }, env, dotEnv }));
    expect(config).toMatchObject({ kafkaTopic: 'a', consumerGroup: 'b', deadLetterTopic: 'c', dbName: 'dev', dbHost: undefined });
    expect(sources).toMatchObject({
      kafkaTopic: 'flag --topic',
      consumerGroup: 'environment',
      deadLetterTopic: '.env',
      dbName: 'default',
      dbHost: 'not set',
    });
  });

  test('takes an empty value for none', () => {
    const { config, sources } = parseConfig(input({ env: { DB_HOST: '', DB_NAME: '' }, dotEnv: { DB_HOST: 'db' } }));
    expect(config).toMatchObject({ dbHost: 'db', dbName: 'dev' });
    expect(sources.dbHost).toBe('.env');
  });

  test('fills every setting of the table without any input', () => {
    const { config, sources, warnings } = parseConfig(input());
    expect(Object.keys(config).sort()).toEqual([...SETTING_KEYS].sort());
    expect(SETTING_KEYS.filter((key) => config[key] === undefined)).toEqual(SETTING_KEYS.filter((key) => !('default' in SETTINGS[key])));
    expect(new Set(Object.values(sources))).toEqual(new Set(['default', 'not set']));
    expect(warnings).toEqual([]);
  });

  test("takes the architecture's .env as it stands, names it does not know included", () => {
    const dotEnv = {
      KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:9092,kafka-2:9092',
      KAFKA_TOPIC_PREFIX: 'whatever',
      DB_HOST: 'cluster.example.eu-central-1.redshift.amazonaws.com',
      DB_USER: 'growthbook',
      DB_PASSWORD: 'p@ss w0rd ',
      MONGODB_URI: 'mongodb://root:secret@mongo:27017/growthbook?authSource=admin',
      BATCH_SIZE: '100',
      BATCH_TIMEOUT_SECONDS: '30',
      MAX_RETRIES: '3',
      AWS_REGION: 'eu-central-1',
      LOG_LEVEL: 'INFO',
    };
    const { config, warnings } = parseConfig(input({ dotEnv }));
    expect(config).toMatchObject({
      kafkaBootstrapServers: ['kafka-1:9092', 'kafka-2:9092'],
      kafkaTopic: 'exposures',
      consumerGroup: 'growthbook-consumer',
      dbHost: 'cluster.example.eu-central-1.redshift.amazonaws.com',
      dbPort: 5439,
      dbName: 'dev',
      dbUser: 'growthbook',
      dbPassword: 'p@ss w0rd ',
      mongodbUri: dotEnv.MONGODB_URI,
      batchSize: 100,
      batchTimeoutSeconds: 30,
      maxRetries: 3,
    });
    expect(warnings).toEqual([]);
  });

  test('raises the cap of a batch to a BATCH_SIZE beyond it', () => {
    expect(parseConfig(input({ env: { BATCH_SIZE: '50000' } })).config.batchRowsMax).toBe(50_000);
  });

  test('reads a secret from the file that is named, and says so', () => {
    const { config, sources } = parseConfig(input({ env: { DB_PASSWORD_FILE: '/run/db' }, dotEnv: { DB_PASSWORD: 'old' } }));
    expect(config.dbPassword).toBe('from file');
    expect(sources.dbPassword).toBe('file /run/db');
  });

  test('warns of a name that looks like ours and is not, with the likely one', () => {
    const { warnings } = parseConfig(
      input({ env: { GBX_TOPICS: 'x', DB_PASWORD: 'y' }, dotEnv: { GBX_API_KEYS_FILE: '/k', GBX_FOO: '1' } }),
    );
    expect(warnings).toEqual([
      'GBX_TOPICS (environment) is no setting of gbx: did you mean GBX_TOPIC?',
      'GBX_FOO (.env) is no setting of gbx',
    ]);
  });
});

test('readConfig() returns problems instead of throwing, with the default in their place', () => {
  const { config, problems, sources } = readConfig(input({ env: { BATCH_SIZE: '0' } }));
  expect(config.batchSize).toBe(100);
  expect(sources.batchSize).toBe('default');
  expect(problems).toMatchObject([{ name: 'BATCH_SIZE', source: 'environment' }]);
});

describe('requireSettings()', () => {
  test('names every missing setting and each way to give it', () => {
    const { config } = parseConfig(input());
    const error = failure(() => requireSettings(config, ['dbHost', 'dbPassword', 'dbName']));
    expect(error.message).toBe('DB_HOST, DB_PASSWORD are not set, and this command needs them');
    expect(error.hint).toBe('set them in the environment or in .env, or pass --db-host, or name a file in DB_PASSWORD_FILE');
  });

  test('gives the same configuration back when all are there', () => {
    const { config } = parseConfig(input({ env: { DB_HOST: 'db' } }));
    expect(requireSettings(config, ['dbHost'])).toBe(config);
  });
});
