// `gbx verify` over a million loaded records: how long it takes and how much memory, when all is right and when a thousand
// rows are missing.
import { randomUUID } from 'node:crypto';
import { systemClock } from '../src/core/clock.ts';
import { openKeptProcess } from '../src/dev/kept-process.ts';
import { cleanEnv, peekUsage } from './children.ts';
import { drainOnce, settings } from './consume.ts';
import { below, goalTable, table, whole } from './markdown.ts';
import type { BenchOptions } from './options.ts';
import type { Stack } from './stack.ts';
import { createTable } from './table.ts';
import { createTopics, fillTopic, PARTITIONS } from './topic.ts';

const TOPIC = 'exposures-verify';
const RECORDS = 1_000_000;
/** A smaller bench than usual verifies what it drains. */
const RECORDS_USUAL = 300_000;
const ROWS_REMOVED = 1_000;
const SAMPLE_MS = 50;

interface VerifyRun {
  readonly seconds: number;
  /** Its own, user and system. */
  readonly cpuSeconds: number;
  readonly rssPeakMb: number;
}

interface VerifyFigures {
  readonly records: number;
  readonly exact: VerifyRun;
  readonly missing: VerifyRun;
}

export async function benchVerify(stack: Stack, options: BenchOptions): Promise<VerifyFigures> {
  const records = options.records < RECORDS_USUAL ? options.records : RECORDS;
  const set = { records, endMs: Date.now() };
  await createTopics(stack.brokers, { [TOPIC]: PARTITIONS, [`${TOPIC}.dlq`]: 1 });
  await fillTopic(stack.brokers, TOPIC, set);
  await using target = await createTable(stack.postgres, 'bench_verify');
  await target.setKey(false);
  const request = { stack, database: target.database, topic: TOPIC, dialect: 'postgres' } as const;
  const group = { GBX_CONSUMER_GROUP: `bench-${randomUUID()}` };
  await drainOnce({ ...request, records, env: group });
  const env = { ...settings(request), ...group };
  const exact = await verifyOnce(stack, env, { code: 0, missing: 0 });
  await target.removeSome(ROWS_REMOVED);
  const missing = await verifyOnce(stack, env, { code: 1, missing: ROWS_REMOVED });
  return { records, exact, missing };
}

/** @throws {Error} where it does not say what is so: then a time means nothing */
async function verifyOnce(
  stack: Stack,
  env: Readonly<Record<string, string>>,
  expected: { readonly code: number; readonly missing: number },
): Promise<VerifyRun> {
  const lines: string[] = [];
  await using child = await openKeptProcess({
    command: process.execPath,
    args: [stack.build.cli, 'verify', '--json'],
    cwd: stack.dir,
    env: cleanEnv(env),
    output: { onLine: (line) => lines.push(line) },
  });
  let [rssPeakBytes, cpuSeconds] = [0, 0];
  while (child.isRunning()) {
    const usage = await peekUsage(child.pid);
    rssPeakBytes = Math.max(rssPeakBytes, usage.rssPeakBytes);
    cpuSeconds = Math.max(cpuSeconds, usage.cpuSeconds);
    await systemClock.sleep(SAMPLE_MS);
  }
  const { code } = await child.exited;
  const document = JSON.parse(lines.at(-1) ?? '{}') as { missing?: number; durationMs?: number };
  if (code !== expected.code || document.missing !== expected.missing) throw new Error(`verify ended with ${code}:\n${lines.join('\n')}`);
  const run = { seconds: (document.durationMs ?? 0) / 1000, cpuSeconds, rssPeakMb: rssPeakBytes / 1_000_000 };
  console.error(
    `bench: verify, ${expected.missing} missing: ${run.seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s CPU, ${Math.round(run.rssPeakMb)} MB`,
  );
  return run;
}

export function verifyTables({ records, exact, missing }: VerifyFigures): string {
  const row = (name: string, { seconds, cpuSeconds, rssPeakMb }: VerifyRun): string[] => [
    name,
    `${seconds.toFixed(1)} s`,
    `${cpuSeconds.toFixed(1)} s`,
    `${Math.round(rssPeakMb)} MB`,
  ];
  return [
    `${whole(records)} records, PostgreSQL dialect, no key.`,
    table(['verify', 'time', 'CPU', 'peak RSS'], [row('all loaded', exact), row(`${whole(ROWS_REMOVED)} rows missing`, missing)]),
    goalTable([
      below('time of a million records', exact.seconds, { max: 60, unit: 's' }),
      below('peak RSS of both', Math.max(exact.rssPeakMb, missing.rssPeakMb), { max: 300, unit: 'MB' }),
    ]),
  ].join('\n\n');
}
