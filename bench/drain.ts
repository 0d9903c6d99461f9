// The drain: 300,000 records by one `gbx consume`, for each dialect, key and table, against three ceilings of the same run.

import type { CeilingKafkaInput } from './ceiling-kafka.ts';
import type { CeilingWarehouseInput } from './ceiling-warehouse.ts';
import { runProgram } from './children.ts';
import { type Drain, type DrainRequest, drainOnce } from './consume.ts';
import { median, medianRun } from './median.ts';
import type { BenchOptions } from './options.ts';
import type { RecordSet } from './records.ts';
import type { Stack } from './stack.ts';
import { createTable, type Table } from './table.ts';
import { createTopics, fillTopic, PARTITIONS } from './topic.ts';

export type Dialect = DrainRequest['dialect'];
const DIALECTS: readonly Dialect[] = ['postgres', 'redshift'];

export interface DrainCase {
  readonly dialect: Dialect;
  readonly hasKey: boolean;
  /** Rows in the table before. */
  readonly rowsBefore: number;
  /** The run with the median rate. */
  readonly drain: Drain;
  readonly recordsPerSecond: readonly number[];
  /** The most of all its runs. */
  readonly rssPeakMb: number;
}

export interface Ceilings {
  readonly kafka: number[];
  readonly copy: number[];
  readonly insert: number[];
  /** Nothing is measured against it. */
  readonly prepared: number[];
}

export interface DrainFigures {
  readonly records: number;
  readonly rows: number;
  readonly runs: number;
  readonly ceilings: Ceilings;
  readonly cases: readonly DrainCase[];
  /** Of the larger backlog, PostgreSQL dialect, no key, empty table. */
  readonly backlog: { readonly records: number; readonly drain: Drain } | undefined;
}

interface Bench {
  readonly stack: Stack;
  readonly topic: string;
  readonly set: RecordSet;
  readonly runs: number;
}

/** A table to be loaded, in a database of its own: the empty and the full one take turns. */
interface Target {
  readonly table: Table;
  readonly rowsBefore: number;
}

export async function benchDrain(stack: Stack, options: BenchOptions): Promise<DrainFigures> {
  const { records, rows, runs } = options;
  const bench: Bench = { stack, runs, ...(await prepareTopic(stack, 'exposures', records)) };
  await using empty = await createTable(stack.postgres, 'bench_empty');
  await using full = await createTable(stack.postgres, 'bench_full');
  const targets: Target[] = [{ table: empty, rowsBefore: 0 }];
  const ceilings: Ceilings = { kafka: [], copy: [], insert: [], prepared: [] };
  for (const table of [empty, full]) await table.setKey(false);
  if (rows > 0) {
    say(`filling a table with ${rows} rows`);
    await full.fill(rows, bench.set);
    say(`it holds ${Math.round((await full.bytes()) / 1_000_000)} MB`);
    targets.push({ table: full, rowsBefore: rows });
  }
  const cases = await runCases(bench, {
    targets,
    hasKey: false,
    beside: (round) => measureCeilings(bench, { table: empty, ceilings, round }),
  });
  const backlog = options.backlog > 1 ? await drainBacklog(stack, empty, records * options.backlog) : undefined;
  for (const { table } of targets) await table.setKey(true);
  cases.push(...(await runCases(bench, { targets, hasKey: true, beside: async () => undefined })));
  return { records, rows, runs, ceilings, cases, backlog };
}

/** One drain under the profiler, which writes its profile into the folder. */
export async function profileDrain(stack: Stack, options: BenchOptions, profileDir: string): Promise<Drain> {
  await using table = await createTable(stack.postgres, 'bench_profile');
  const { set, topic } = await prepareTopic(stack, 'exposures', options.records);
  await table.setKey(false);
  const nodeFlags = ['--cpu-prof', '--cpu-prof-interval', '500', '--cpu-prof-dir', profileDir];
  const { database } = table;
  const drain = await drainOnce({ stack, database, topic, records: set.records, dialect: options.profileDialect, nodeFlags });
  await table.assertLoaded(set);
  return drain;
}

async function prepareTopic(stack: Stack, topic: string, records: number): Promise<{ readonly topic: string; readonly set: RecordSet }> {
  const set = { records, endMs: Date.now() };
  say(`filling the topic ${topic} with ${records} records`);
  await createTopics(stack.brokers, { [topic]: PARTITIONS, [`${topic}.dlq`]: 1 });
  await fillTopic(stack.brokers, topic, set);
  return { topic, set };
}

interface CasesOptions {
  readonly targets: readonly Target[];
  readonly hasKey: boolean;
  readonly beside: (round: number) => Promise<void>;
}

/** All in turn, round after round, so that what slows the machine for a while slows all that are compared. */
async function runCases(bench: Bench, { targets, hasKey, beside }: CasesOptions): Promise<DrainCase[]> {
  const kinds = targets.flatMap((target) => DIALECTS.map((dialect) => ({ target, dialect, drains: [] as Drain[] })));
  for (let round = 0; round < bench.runs; round++) {
    await beside(round);
    for (const { target, dialect, drains } of kinds) {
      const drain = await drainInto(target, bench, dialect);
      drains.push(drain);
      say(`${dialect}, ${hasKey ? 'key' : 'no key'}, ${target.rowsBefore} rows before: ${describe(drain)}`);
    }
  }
  return kinds.map(({ target, dialect, drains }) => ({
    dialect,
    hasKey,
    rowsBefore: target.rowsBefore,
    drain: medianRun(drains, (run) => run.recordsPerSecond),
    recordsPerSecond: drains.map((run) => run.recordsPerSecond),
    rssPeakMb: Math.max(...drains.map((run) => run.rssPeakMb)),
  }));
}

/** Leaves the table as it was. */
async function drainInto({ table, rowsBefore }: Target, { stack, topic, set }: Bench, dialect: Dialect): Promise<Drain> {
  const drain = await drainOnce({ stack, database: table.database, topic, records: set.records, dialect });
  await table.assertLoaded(set);
  await (rowsBefore === 0 ? table.truncate() : table.removeLoaded(set));
  return drain;
}

async function drainBacklog(stack: Stack, table: Table, records: number): Promise<DrainFigures['backlog']> {
  const { set, topic } = await prepareTopic(stack, 'exposures-backlog', records);
  const drain = await drainInto({ table, rowsBefore: 0 }, { stack, topic, set, runs: 1 }, 'postgres');
  say(`backlog of ${records}: ${describe(drain)}`);
  return { records, drain };
}

interface Rate {
  readonly recordsPerSecond: number;
}

interface CeilingsOptions {
  readonly table: Table;
  readonly ceilings: Ceilings;
  readonly round: number;
}

async function measureCeilings({ stack, topic, set }: Bench, { table, ceilings, round }: CeilingsOptions): Promise<void> {
  const { host, port, user, password } = stack.postgres;
  const connection = { host, port, user, password, database: table.database };
  const kafkaInput: CeilingKafkaInput = { brokers: stack.brokers, topic, records: set.records };
  const kafka = await runProgram<Rate>('ceiling-kafka.ts', kafkaInput);
  ceilings.kafka.push(kafka.recordsPerSecond);
  for (const how of ['copy', 'insert', 'prepared'] as const) {
    const input: CeilingWarehouseInput = { how, connection, set };
    const { recordsPerSecond } = await runProgram<Rate>('ceiling-warehouse.ts', input);
    await table.assertLoaded(set);
    await table.truncate();
    ceilings[how].push(recordsPerSecond);
  }
  const now = (rates: readonly number[]): string => `${Math.round(rates[round] ?? Number.NaN)}/s`;
  say(
    `ceilings: bare kafkajs ${now(ceilings.kafka)}, COPY ${now(ceilings.copy)}, INSERT ${now(ceilings.insert)}, prepared ${now(ceilings.prepared)}`,
  );
}

/** Against the table's ceilings: the medians. */
export function ceilingRates({ kafka, copy, insert }: Ceilings): {
  readonly kafka: number;
  readonly copy: number;
  readonly insert: number;
} {
  return { kafka: median(kafka), copy: median(copy), insert: median(insert) };
}

function describe({ recordsPerSecond, seconds, batches, cpuSecondsPer100k, rssPeakMb, stepShares }: Drain): string {
  const shares = Object.entries(stepShares).map(([step, share]) => `${step} ${Math.round(share * 100)} %`);
  const cost = `${cpuSecondsPer100k.toFixed(2)} s CPU per 100,000, ${Math.round(rssPeakMb)} MB`;
  return `${Math.round(recordsPerSecond)}/s in ${seconds.toFixed(1)} s, ${batches} batches, ${cost}, ${shares.join(', ')}`;
}

function say(message: string): void {
  console.error(`bench: ${message}`);
}
