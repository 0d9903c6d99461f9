// The contract of `gbx migrate`: status and plan write nothing, up makes the tables and the topics, once however many run,
// and each answer has its exit code, for people and for programs.
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startGbx } from '../support/process.ts';
import { openDatabase, type TestDatabase, testStack } from '../support/stack.ts';

let database: TestDatabase;
let topics: { readonly GBX_TOPIC: string; readonly GBX_DEAD_LETTER_TOPIC: string };

beforeEach(async () => {
  database = await openDatabase({ migrated: false });
  topics = { GBX_TOPIC: `t-${randomUUID()}`, GBX_DEAD_LETTER_TOPIC: `t-${randomUUID()}.dlq` };
});
afterEach(() => database[Symbol.asyncDispose]());

/** Runs to the end. */
async function migrate(args: readonly string[], over: Readonly<Record<string, string>> = {}) {
  const { host, port, user, password } = testStack().postgres;
  const warehouse = { DB_HOST: host, DB_PORT: String(port), DB_USER: user, DB_PASSWORD: password, DB_NAME: database.name };
  const env = { ...warehouse, ...topics, KAFKA_BOOTSTRAP_SERVERS: testStack().brokers, ...over };
  await using child = await startGbx(['migrate', ...args], {
    env: Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '')),
  });
  const { code } = await child.exit();
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

function parse(stdout: string): Record<string, unknown> {
  const document: unknown = JSON.parse(stdout);
  if (typeof document !== 'object' || document === null) throw new Error(`not an object: ${stdout}`);
  return { ...document };
}

async function topicConfig(topic: string): Promise<{ partitions: number; settings: Record<string, string> }> {
  const admin = new Kafka({ brokers: [testStack().brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const { topics: found } = await admin.fetchTopicMetadata({ topics: [topic] });
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: topic }] });
    const entries = resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]) ?? [];
    return { partitions: found[0]?.partitions.length ?? 0, settings: Object.fromEntries(entries) };
  } finally {
    await admin.disconnect();
  }
}

describe('gbx migrate', () => {
  it('exits 77 with a wrong password, and prints nothing on stdout', async () => {
    const { code, stdout, stderr } = await migrate(['status'], { DB_PASSWORD: 'not-the-password' });
    expect({ code, stdout }).toEqual({ code: 77, stdout: '' });
    expect(stderr).toContain('GBX_WAREHOUSE_AUTH');
    expect(stderr).not.toContain('not-the-password');
  });

  it('exits 69 when Kafka cannot be reached, before it touches the warehouse', async () => {
    const { code } = await migrate(['up'], { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' });
    expect(code).toBe(69);
    expect(await database.query(`SELECT 1 FROM pg_namespace WHERE nspname = 'growthbook'`)).toEqual([]);
  });

  it('status --check exits 1 while something is left to do, and 0 after up', async () => {
    const before = await migrate(['status', '--check', '--json']);
    expect(before.code).toBe(1);
    expect(parse(before.stdout)).toMatchObject({
      schema: 'gbx.migrate-status/1',
      upToDate: false,
      migrations: [
        { state: 'pending', version: 1, name: '0001_experiment_exposures.sql' },
        { state: 'pending', version: 2 },
      ],
      topics: [
        { topic: topics.GBX_TOPIC, partitions: null },
        { topic: topics.GBX_DEAD_LETTER_TOPIC, partitions: null },
      ],
    });
    expect((await migrate(['up', '--partitions', '3', '--replication', '1'])).code).toBe(0);
    const after = await migrate(['status', '--check']);
    expect(after.code).toBe(0);
    expect(after.stdout).toMatch(/✓ applied {2}0001_experiment_exposures\.sql {2}.*UTC by gbx/);
    expect(after.stdout).toMatch(/✓ there .*3 partitions/);
    expect(after.stdout).toMatch(/up to date\n$/);
  });

  it('plan, and up --dry-run alike, show the SQL and the topics and write nothing', async () => {
    const plan = await migrate(['plan']);
    expect(plan.code).toBe(0);
    expect(plan.stdout).toContain('CREATE TABLE IF NOT EXISTS growthbook.experiment_exposures');
    expect(plan.stdout).toContain(`create topic ${topics.GBX_DEAD_LETTER_TOPIC}: 6 partitions`);
    expect((await migrate(['up', '--dry-run'])).stdout).toBe(plan.stdout);
    expect(await database.query(`SELECT 1 FROM pg_namespace WHERE nspname = 'growthbook'`)).toEqual([]);
  });

  it('up says what it did, makes dead letters last 30 days, and has nothing to do the second time', async () => {
    const first = await migrate(['up', '--json', '--partitions', '2']);
    expect(first.code).toBe(0);
    expect(parse(first.stdout)).toMatchObject({
      schema: 'gbx.migrate-up/1',
      migrations: [{ name: '0001_experiment_exposures.sql', adopted: false }, { adopted: false }],
      topics: [topics.GBX_TOPIC, topics.GBX_DEAD_LETTER_TOPIC],
    });
    expect(await topicConfig(topics.GBX_DEAD_LETTER_TOPIC)).toMatchObject({ partitions: 2, settings: { 'retention.ms': '2592000000' } });
    expect(await topicConfig(topics.GBX_TOPIC)).toMatchObject({ partitions: 2, settings: { 'retention.ms': '604800000' } });
    expect((await migrate(['up'])).stdout).toBe('up to date: nothing to do\n');
  });

  it('up makes the retry topic where one of its own is named: gbx consume wants it there', async () => {
    const retry = { GBX_RETRY_TOPIC: `${topics.GBX_TOPIC}.retry` };
    expect(parse((await migrate(['up', '--json'], retry)).stdout)).toMatchObject({
      topics: expect.arrayContaining([retry.GBX_RETRY_TOPIC]),
    });
    expect(await topicConfig(retry.GBX_RETRY_TOPIC)).toMatchObject({ partitions: 6, settings: { 'retention.ms': '604800000' } });
  });

  it('up in two processes at the same moment applies each file once', async () => {
    const outcomes = await Promise.all([migrate(['up', '--json']), migrate(['up', '--json'])]);
    expect(outcomes.map(({ code, stderr }) => ({ code, stderr }))).toEqual(outcomes.map(() => ({ code: 0, stderr: '' })));
    const applied = outcomes.map(({ stdout }) => parse(stdout)['migrations']);
    expect(applied.flat()).toHaveLength(2);
    expect(await database.query('SELECT version FROM growthbook.gbx_migrations ORDER BY version')).toEqual([
      { version: 1 },
      { version: 2 },
    ]);
  });

  it('up exits 78 and does nothing when an applied file was changed since', async () => {
    await migrate(['up']);
    await database.query(`UPDATE growthbook.gbx_migrations SET checksum = 'another' WHERE version = 1`);
    const { code, stderr } = await migrate(['up']);
    expect(code).toBe(78);
    expect(stderr).toContain('0001_experiment_exposures.sql was changed after it was applied');
    expect((await migrate(['status', '--check'])).code).toBe(1);
  });

  it('leaves topics alone and says so where no brokers are set', async () => {
    const { code, stdout } = await migrate(['up'], { KAFKA_BOOTSTRAP_SERVERS: '' });
    expect(code).toBe(0);
    expect(stdout).toContain('✓ applied 0001_experiment_exposures.sql');
    expect(stdout).toContain('KAFKA_BOOTSTRAP_SERVERS is not set');
  });
});
