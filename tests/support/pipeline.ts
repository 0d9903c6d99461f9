// One topic, its dead letters, one group and one database for one test, with `gbx consume` as real processes between them
// and the books of what was sent. Disposing ends every process.
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Exposure } from '../../src/core/exposure/exposure.ts';
import { parseTimestamp } from '../../src/core/exposure/timestamp.ts';
import { createTraffic, type PostedExposure, type Traffic } from '../../src/core/traffic/traffic.ts';
import { type Account, type Expectation, type SentRecord, takeAccount } from './accounting.ts';
import { eventually } from './eventually.ts';
import { groupBy } from './group-by.ts';
import { startGbx, type TestProcess } from './process.ts';
import { createTopic, openDatabase, type TestDatabase, testStack } from './stack.ts';
import { committedOffsets, endOffsets, type NewRecord, readTopic, writeRecords } from './topic-log.ts';

/** A folder without a `.env`. */
const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const LOAD_MS_MAX = 40_000;

interface PipelineOptions {
  /** @default 3 */
  readonly partitions?: number;
  /** @default a new migrated one, without the primary key, as Redshift does not enforce it */
  readonly database?: TestDatabase;
  /** Another broker than the shared one. */
  readonly brokers?: string;
  /** Of its topics. @default 1 */
  readonly replicas?: number;
  /** Of every consumer. */
  readonly env?: Readonly<Record<string, string>>;
}

export type Env = Readonly<Record<string, string>>;

export interface Pipeline extends AsyncDisposable {
  readonly brokers: string;
  readonly topic: string;
  readonly deadLetterTopic: string;
  readonly group: string;
  readonly database: TestDatabase;
  /** Settings of a consumer of this pipeline; batches of 100 at most, so that a few hundred records are several flushes. */
  readonly env: Env;
  /** The books so far. */
  readonly sent: readonly SentRecord[];
  /** Writes the next `count` of known exposures, round the partitions. */
  send(count: number): Promise<void>;
  /** Writes records with what is to become of them. */
  sendRecords(records: readonly (NewRecord & { readonly expected: Expectation })[]): Promise<void>;
  /** Starts `gbx consume`; killed when the pipeline is disposed. */
  consumer(env?: Env): Promise<TestProcess>;
  /** Exposures in the table. */
  count(): Promise<number>;
  /** Where the ledger stands, by partition. */
  ledger(): Promise<ReadonlyMap<number, bigint>>;
  /** As eventually(), while a consumer runs; when it is in vain, with what the consumers said. */
  until(what: string, check: () => Promise<boolean> | boolean, options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Waits until the ledger is at the end of everything sent. */
  untilLoaded(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Waits until the ledger is at the end of the log as it stands now, whoever wrote it. */
  untilDrained(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Waits as untilLoaded, then fails unless topic = table + dead letters, exactly. */
  expectExact(options?: { readonly lettersMayRepeat?: boolean }): Promise<Account>;
  committed(): Promise<ReadonlyMap<number, bigint>>;
}

export async function openPipeline({ partitions = 3, env = {}, ...options }: PipelineOptions = {}): Promise<Pipeline> {
  const { brokers = testStack().brokers, replicas = 1 } = options;
  const [topic, deadLetterTopic, database] = await Promise.all([
    createTopic({ partitions, brokers, replicas }),
    // As migrate makes it: a record as large as the topic takes, and headers.
    createTopic({ partitions: 1, brokers, replicas, config: { 'max.message.bytes': '2097152' } }),
    options.database ?? openDatabase({ primaryKey: false }),
  ]);
  const group = `g-${randomUUID()}`;
  const settings = { ...consumerEnv({ brokers, topic, deadLetterTopic, group, database }), ...env };
  const traffic = createTraffic({ seed: topic, startMs: Date.now() - 3_600_000 });
  const sent: SentRecord[] = [];
  const ends = new Map<number, bigint>();
  const consumers: TestProcess[] = [];
  let ended = 0;
  let eventCount = 0;

  const sendRecords: Pipeline['sendRecords'] = async (records) => {
    for (const [partition, own] of groupBy(records, (record) => record.partition)) {
      const placed = await writeRecords({ brokers, topic }, own);
      for (const [index, record] of placed.entries()) {
        const expected = own[index]?.expected;
        if (expected) sent.push({ ...record, expected });
      }
      ends.set(partition, (placed.at(-1)?.offset ?? -1n) + 1n);
    }
  };
  const ledger = async (): Promise<ReadonlyMap<number, bigint>> => {
    const rows = await database.query<{ partition_id: number; next_offset: string }>(
      'SELECT partition_id, next_offset FROM growthbook.gbx_ledger WHERE consumer_group = $1 AND topic = $2',
      [group, topic],
    );
    return new Map(rows.map((row) => [row.partition_id, BigInt(row.next_offset)]));
  };
  const words = (): string => consumers.map((one) => one.stderr()).join('\n---\n');
  const until: Pipeline['until'] = async (what, check, { timeoutMs = LOAD_MS_MAX } = {}) => {
    // Where no consumer is left, nothing will come any more.
    const isSettled = async (): Promise<'yes' | 'never' | undefined> => {
      const isOver = consumers.length > 0 && ended === consumers.length;
      if (await check()) return 'yes';
      return isOver ? 'never' : undefined;
    };
    const settled = await eventually(what, isSettled, { timeoutMs, intervalMs: 50 }).catch((error: unknown) => String(error));
    if (settled !== 'yes') throw new Error(`${settled === 'never' ? 'All consumers ended before' : settled}: ${what}\n${words()}`);
  };
  const untilAt = (wanted: ReadonlyMap<number, bigint>, wait?: { readonly timeoutMs?: number }): Promise<void> =>
    until(
      'all loaded',
      async () => {
        const stands = await ledger();
        return [...wanted].every(([partition, end]) => (stands.get(partition) ?? 0n) >= end);
      },
      wait,
    );
  const untilLoaded: Pipeline['untilLoaded'] = (wait) => untilAt(ends, wait);

  return {
    brokers,
    topic,
    deadLetterTopic,
    group,
    database,
    env: settings,
    sent,
    sendRecords,
    ledger,
    until,
    untilLoaded,
    // A leader that has just moved answers with an error.
    untilDrained: async (wait) => untilAt(await eventually('the log’s ends', () => endOffsets({ brokers, topic })), wait),
    send: (count) => {
      const from = eventCount;
      eventCount += count;
      const events = Array.from({ length: count }, (_, index) => from + index);
      return sendRecords(events.map((i) => recordOf(traffic.eventAt(i), i % partitions)));
    },
    consumer: async (more = {}) => {
      const consumer = await startGbx(['consume'], { cwd: FOLDER, env: { ...settings, ...more } });
      consumers.push(consumer);
      void consumer.exited.then(() => ended++);
      return consumer;
    },
    count: async () => {
      const [row] = await database.query<{ count: string }>('SELECT count(*) AS count FROM growthbook.experiment_exposures');
      return Number(row?.count);
    },
    expectExact: async ({ lettersMayRepeat = false } = {}) => {
      await untilLoaded();
      const [rows, letters] = await Promise.all([readRows(database), readTopic({ brokers, topic: deadLetterTopic })]);
      const account = takeAccount({ topic, sent, rows, letters, lettersMayRepeat });
      const { problems } = account;
      if (problems.length > 0) throw new Error(`${problems.length} problems:\n${problems.slice(0, 20).join('\n')}\n${words()}`);
      if (account.rows + account.letters === 0) throw new Error('Nothing was sent: the accounting says nothing');
      return account;
    },
    committed: () => committedOffsets({ brokers, topic }, group),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(consumers.map((consumer) => consumer[Symbol.asyncDispose]()));
      if (options.database === undefined) await database[Symbol.asyncDispose]();
    },
  };
}

interface Places extends Pick<Pipeline, 'brokers' | 'topic' | 'deadLetterTopic' | 'group'> {
  readonly database: Pick<TestDatabase, 'name' | 'connection'>;
}

export function consumerEnv({ brokers, topic, deadLetterTopic, group, database: { name, connection } }: Places): Record<string, string> {
  return {
    KAFKA_BOOTSTRAP_SERVERS: brokers,
    GBX_TOPIC: topic,
    GBX_DEAD_LETTER_TOPIC: deadLetterTopic,
    GBX_CONSUMER_GROUP: group,
    DB_HOST: connection.host,
    DB_PORT: String(connection.port),
    DB_NAME: name,
    DB_USER: connection.user,
    DB_PASSWORD: connection.password ?? '',
    GBX_ADMIN_PORT: '0',
    GBX_LOG_FORMAT: 'json',
    GBX_SESSION_TIMEOUT_SECONDS: '6',
    BATCH_SIZE: '100',
    BATCH_TIMEOUT_SECONDS: '1',
    GBX_BATCH_ROWS_MAX: '100',
  };
}

/** A known exposure as gbx's own producer writes it. */
export function recordOf(event: PostedExposure, partition: number): NewRecord & { readonly expected: Expectation } {
  const row = expectedRow(event);
  return { partition, key: event.ds_user_id, value: JSON.stringify(event), expected: { kind: 'row', row } };
}

export function expectedRow(event: PostedExposure): Exposure {
  const tsMicros = parseTimestamp(event.timestamp);
  if (tsMicros === undefined) throw new Error(`not a time: ${event.timestamp}`);
  return {
    exposureId: event.exposure_id,
    dsUserId: event.ds_user_id,
    experimentId: event.experiment_id,
    variationId: event.variation_id,
    tsMicros,
    attributes: JSON.stringify(event.attributes),
    source: event.source,
  };
}

/** Known exposures that are not of the pipeline's own. */
export function otherTraffic(): Traffic {
  return createTraffic({ seed: randomUUID(), startMs: Date.now() - 3_600_000 });
}

/** The whole table, as it stands. */
export async function readRows(database: TestDatabase): Promise<Exposure[]> {
  const rows = await database.query<Omit<Exposure, 'tsMicros'> & { micros: string }>(
    `SELECT exposure_id AS "exposureId", ds_user_id AS "dsUserId", experiment_id AS "experimentId", variation_id AS "variationId",
      (extract(epoch from ts) * 1000000)::bigint::text AS micros, attributes::text AS attributes, source
    FROM growthbook.experiment_exposures`,
  );
  return rows.map(({ micros, ...row }) => ({ ...row, tsMicros: Number(micros) }));
}
