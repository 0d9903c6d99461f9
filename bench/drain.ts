// The drain: 300,000 records by one `gbx consume`, for each dialect, key and table, against three ceilings of the same run.

import type { CeilingKafkaInput } from './ceiling-kafka.ts';
import type { CeilingWarehouseInput } from './ceiling-warehouse.ts';
import { runProgram } from './children.ts';
import { type Drain, type DrainRequest, drainOnce } from './consume.ts';
import { median, medianRun } from './median.ts';
import type { BenchOptions } from './options.ts';
import type { RecordSet } from './records.ts';
import type { Stack } from './stack.ts';
import { openTable, type Table } from './table.ts';
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
}

export interface Ceilings {
  readonly kafka: number[];
  readonly copy: number[];
  readonly insert: number[];
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
  readonly table: Table;
  readonly topic: string;
  readonly set: RecordSet;
  readonly options: BenchOptions;
}

export async function benchDrain(stack: Stack, options: BenchOptions): Promise<DrainFigures> {
  const { records, rows, runs } = options;
  await using table = await openTable(stack.postgres);
  const bench: Bench = { stack, table, options, ...(await prepareTopic(stack, 'exposures', records)) };
  await table.setKey(false);
  const ceilings: Ceilings = { kafka: [], copy: [], insert: [] };
  const cases = [...(await runCases(bench, { hasKey: false, rowsBefore: 0 }, (round) => measureCeilings(bench, ceilings, round)))];
  const backlog = options.backlog > 1 ? await drainBacklog(bench) : undefined;
  await table.setKey(true);
  cases.push(...(await runCases(bench, { hasKey: true, rowsBefore: 0 })));
  if (rows > 0) {
    await table.setKey(false);
    say(`filling the table with ${rows} rows`);
    await table.fill(rows, bench.set);
    say(`the table holds ${Math.round((await table.bytes()) / 1_000_000)} MB`);
    cases.push(...(await runCases(bench, { hasKey: false, rowsBefore: rows })));
    await table.setKey(true);
    cases.push(...(await runCases(bench, { hasKey: true, rowsBefore: rows })));
  }
  return { records, rows, runs, ceilings, cases, backlog };
}

/** One drain under the profiler, which writes its profile into the folder. */
export async function profileDrain(stack: Stack, options: BenchOptions, profileDir: string): Promise<Drain> {
  await using table = await openTable(stack.postgres);
  const { set, topic } = await prepareTopic(stack, 'exposures', options.records);
  await table.setKey(false);
  const nodeFlags = ['--cpu-prof', '--cpu-prof-interval', '500', '--cpu-prof-dir', profileDir];
  const drain = await drainOnce({ stack, topic, records: set.records, dialect: options.profileDialect, nodeFlags });
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

type CaseKind = Pick<DrainCase, 'hasKey' | 'rowsBefore'>;

/** Both dialects in turn, round after round, so that what slows the machine for a while slows both. */
async function runCases(
  bench: Bench,
  kind: CaseKind,
  beside: (round: number) => Promise<void> = async () => undefined,
): Promise<DrainCase[]> {
  const drains = new Map<Dialect, Drain[]>(DIALECTS.map((dialect) => [dialect, []]));
  for (let round = 0; round < bench.options.runs; round++) {
    await beside(round);
    for (const dialect of DIALECTS) {
      await resetTable(bench, kind);
      const drain = await drainOnce({ stack: bench.stack, topic: bench.topic, records: bench.set.records, dialect });
      await bench.table.assertLoaded(bench.set);
      drains.get(dialect)?.push(drain);
      say(`${dialect}, ${kind.hasKey ? 'key' : 'no key'}, ${kind.rowsBefore} rows before: ${describe(drain)}`);
    }
  }
  await resetTable(bench, kind);
  return [...drains].map(([dialect, runs]) => ({
    ...kind,
    dialect,
    drain: medianRun(runs, (run) => run.recordsPerSecond),
    recordsPerSecond: runs.map((run) => run.recordsPerSecond),
  }));
}

function resetTable({ table, set }: Bench, { rowsBefore }: CaseKind): Promise<void> {
  return rowsBefore === 0 ? table.truncate() : table.removeLoaded(set);
}

async function drainBacklog({ stack, table, options }: Bench): Promise<DrainFigures['backlog']> {
  const records = options.records * options.backlog;
  const { set, topic } = await prepareTopic(stack, 'exposures-backlog', records);
  await table.truncate();
  const drain = await drainOnce({ stack, topic, records, dialect: 'postgres' });
  await table.assertLoaded(set);
  await table.truncate();
  say(`backlog of ${records}: ${describe(drain)}`);
  return { records, drain };
}

interface Rate {
  readonly recordsPerSecond: number;
}

async function measureCeilings({ stack, table, topic, set }: Bench, ceilings: Ceilings, round: number): Promise<void> {
  const { host, port, user, password, database } = stack.postgres;
  const connection = { host, port, user, password, database };
  const kafkaInput: CeilingKafkaInput = { brokers: stack.brokers, topic, records: set.records };
  const kafka = await runProgram<Rate>('ceiling-kafka.ts', kafkaInput);
  ceilings.kafka.push(kafka.recordsPerSecond);
  for (const how of ['copy', 'insert'] as const) {
    await table.truncate();
    const input: CeilingWarehouseInput = { how, connection, set };
    const { recordsPerSecond } = await runProgram<Rate>('ceiling-warehouse.ts', input);
    await table.assertLoaded(set);
    ceilings[how].push(recordsPerSecond);
  }
  const now = (rates: readonly number[]): string => `${Math.round(rates[round] ?? Number.NaN)}/s`;
  say(`ceilings: bare kafkajs ${now(ceilings.kafka)}, COPY ${now(ceilings.copy)}, INSERT ${now(ceilings.insert)}`);
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
