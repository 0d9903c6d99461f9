// The servers that integration and end-to-end tests share, and what each test takes of them for itself: its own topic,
// its own database. Nothing here is shared between tests but the processes.
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { inject } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { WarehouseConnection } from '../../src/warehouse/connection.ts';
import { eventually } from './eventually.ts';
import type { StackAddress } from './global-setup.ts';
import { silentLog } from './log.ts';

// biome-ignore lint/performance/noBarrelFile: the one thing beside the stack that every such test needs.
export { eventually } from './eventually.ts';

const SQL_DIR = new URL('../../sql/', import.meta.url);

/** Where the shared servers are. */
export function testStack(): StackAddress {
  return inject('stack');
}

interface CreateTopicOptions {
  /** @default 3 */
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, string>>;
  /** Another broker than the shared one; several are separated by commas. */
  readonly brokers?: string;
  /** @default 1 */
  readonly replicas?: number;
}

/** A new topic with a name of its own, whose leaders answer. Never deleted: the broker is thrown away. */
export async function createTopic({
  partitions = 3,
  config = {},
  brokers = testStack().brokers,
  replicas = 1,
}: CreateTopicOptions = {}): Promise<string> {
  const topic = `t-${randomUUID()}`;
  const admin = new Kafka({ brokers: brokers.split(','), clientId: 'gbx-tests', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    await admin.createTopics({
      topics: [{ topic, numPartitions: partitions, replicationFactor: replicas, configEntries }],
      waitForLeaders: false,
    });
    // kafkajs's own wait fails where the broker has not heard of the topic yet.
    await eventually(`leaders of ${topic}`, async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]?.partitions.every(({ leader }) => leader >= 0);
    });
  } finally {
    await admin.disconnect();
  }
  return topic;
}

interface OpenDatabaseOptions {
  /** Whether the files of sql/ are applied. @default true */
  readonly migrated?: boolean;
  /** Of every session in this database. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  /** False drops it: Redshift does not enforce keys. @default true */
  readonly primaryKey?: boolean;
  /** Another server than the shared one. */
  readonly postgres?: StackAddress['postgres'];
}

export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  /** For the open* functions of src/warehouse; spread it to change a field. */
  readonly connection: WarehouseConnection;
  query<Row extends object = Record<string, unknown>>(sql: string, params?: readonly unknown[]): Promise<Row[]>;
}

/** A new database with the Redshift shims; dropped when disposed, sessions or not. */
export async function openDatabase({
  migrated = true,
  isolation,
  primaryKey = true,
  postgres = testStack().postgres,
}: OpenDatabaseOptions = {}): Promise<TestDatabase> {
  const name = `d_${randomUUID().replaceAll('-', '')}`;
  await onServer(postgres, `CREATE DATABASE ${name}`);
  if (isolation) await onServer(postgres, `ALTER DATABASE ${name} SET default_transaction_isolation = '${isolation}'`);
  const pool = new pg.Pool({ ...postgres, database: name, max: 4, options: '-c timezone=UTC' });
  // The last statement drops the database under the pool's idle sessions.
  pool.on('error', () => undefined);
  const query = async <Row extends object>(sql: string, params: readonly unknown[] = []): Promise<Row[]> =>
    (await pool.query<Row>(sql, [...params])).rows;
  if (migrated) for (const sql of await readMigrations()) await query(sql);
  if (migrated && !primaryKey) await query('ALTER TABLE growthbook.experiment_exposures DROP CONSTRAINT experiment_exposures_pkey');
  return {
    name,
    connection: connectionTo(postgres, name),
    query,
    [Symbol.asyncDispose]: async () => {
      await pool.end();
      await onServer(postgres, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

function connectionTo(postgres: StackAddress['postgres'], database: string): WarehouseConnection {
  const limits = { lockTimeoutMs: 10_000, statementTimeoutMs: 20_000 };
  return {
    ...postgres,
    database,
    ...limits,
    tls: { kind: 'off' },
    dialect: 'auto',
    applicationName: 'gbx-tests',
    log: silentLog(),
    clock: systemClock,
    random: Math.random,
  };
}

async function onServer(postgres: StackAddress['postgres'], sql: string): Promise<void> {
  const client = new pg.Client({ ...postgres, database: 'postgres' });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** The files of sql/ in order; each goes to the server as one query. */
async function readMigrations(): Promise<string[]> {
  const files = (await readdir(SQL_DIR)).filter((file) => file.endsWith('.sql')).sort();
  return Promise.all(files.map((file) => readFile(new URL(file, SQL_DIR), 'utf8')));
}
