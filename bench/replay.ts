// `gbx replay plan` over 50,000 dead letters, the whole process, against a kafkajs loop that reads the same topic once; then
// `gbx replay run --execute` of each plan, as fast as it lets one.
import { join } from 'node:path';
import { openKeptProcess } from '../src/dev/kept-process.ts';
import type { CeilingKafkaInput } from './ceiling-kafka.ts';
import { cleanEnv, peekUsage, runProgram } from './children.ts';
import { settings } from './consume.ts';
import { below, goalTable, rate, spread, table, whole } from './markdown.ts';
import { median } from './median.ts';
import type { BenchOptions } from './options.ts';
import { countOrigins, fillLetters } from './replay-letters.ts';
import type { Stack } from './stack.ts';
import { createTable } from './table.ts';
import { createTopics, PARTITIONS } from './topic.ts';

const TOPIC = 'exposures-replay';
const LETTER_TOPIC = `${TOPIC}.dlq`;
const LETTERS = 50_000;
/** In the table that the plan is compared with. */
const ROWS_MAX = 1_000_000;
const SECONDS_MAX = 10;
const SAMPLE_MS = 50;
/** The highest that --rate takes; nobody loads them meanwhile, so nothing is waited for. */
const UNBOUNDED = ['--rate', '1000000/s', '--canary', '0', '--wait', '0'];

interface Replayed {
  /** Of the whole process. */
  readonly seconds: number;
  readonly rssPeakMb: number;
}

interface ReplayFigures {
  readonly letters: number;
  readonly selected: number;
  readonly rows: number;
  readonly plans: readonly Replayed[];
  /** Seconds from its first fetch. */
  readonly bare: readonly number[];
  readonly executed: readonly Replayed[];
}

/** Of the documents that `gbx replay --json` prints. */
interface ReplayDocument {
  readonly id?: string;
  readonly selected?: number;
  readonly records?: number;
  readonly duplicates?: number;
  readonly tableAsked?: boolean;
  readonly verdict?: string;
  readonly sent?: number;
}

export async function benchReplay(stack: Stack, options: BenchOptions): Promise<ReplayFigures> {
  const { brokers } = stack;
  const [letters, rows] = [Math.min(LETTERS, options.records), Math.min(ROWS_MAX, options.rows)];
  const endMs = Date.now();
  await createTopics(brokers, { [TOPIC]: PARTITIONS, [LETTER_TOPIC]: PARTITIONS });
  const selected = await fillLetters(brokers, { letters, endMs, sourceTopic: TOPIC, letterTopic: LETTER_TOPIC });
  await using target = await createTable(stack.postgres, 'bench_replay');
  await target.setKey(false);
  if (rows > 0) await target.fill(rows, { records: letters, endMs });
  const env = {
    ...settings({ stack, database: target.database, topic: TOPIC, dialect: 'postgres' }),
    GBX_REPLAY_DIR: join(stack.dir, 'replay'),
  };
  const [plans, executed]: [Replayed[], Replayed[]] = [[], []];
  const bare: number[] = [];
  // In turn, so that what slows the machine for a while slows both.
  for (let round = 0; round < options.runs; round++) {
    const input: CeilingKafkaInput = { brokers, topic: LETTER_TOPIC, records: letters };
    bare.push(letters / (await runProgram<{ recordsPerSecond: number }>('ceiling-kafka.ts', input)).recordsPerSecond);
    const { document: plan, ...planning } = await replay(stack, env, ['plan']);
    assertSays(plan, { selected, records: letters, duplicates: letters - selected, tableAsked: true });
    plans.push(planning);
    const { document: run, ...running } = await replay(stack, env, ['run', String(plan.id), '--execute', ...UNBOUNDED]);
    assertSays(run, { verdict: 'sent', selected, sent: selected });
    executed.push(running);
    await assertReplayed(brokers, { selected, times: round + 1 });
    console.error(
      `bench: replay: planned in ${planning.seconds.toFixed(2)} s, bare read ${bare.at(-1)?.toFixed(2)} s, sent in ${running.seconds.toFixed(2)} s`,
    );
  }
  return { letters, selected, rows, plans, bare, executed };
}

/** As a user starts it. @throws {Error} with what it said, where it does not end well */
async function replay(
  { build, dir }: Stack,
  env: Readonly<Record<string, string>>,
  args: readonly string[],
): Promise<Replayed & { readonly document: ReplayDocument }> {
  const [lines, errors]: [string[], string[]] = [[], []];
  const startedMs = performance.now();
  await using child = await openKeptProcess({
    command: process.execPath,
    args: [build.bin, 'replay', ...args, '--json'],
    cwd: dir,
    env: cleanEnv(env),
    output: { onLine: (line, stream) => (stream === 'stdout' ? lines : errors).push(line) },
  });
  let rssPeakBytes = 0;
  const sample = async (): Promise<void> => {
    rssPeakBytes = Math.max(rssPeakBytes, (await peekUsage(child.pid)).rssPeakBytes);
  };
  const watch = setInterval(() => void sample(), SAMPLE_MS);
  const { code } = await child.exited;
  const seconds = (performance.now() - startedMs) / 1000;
  clearInterval(watch);
  if (code !== 0) throw new Error(`VOID: gbx replay ${args.join(' ')} ended with ${code}:\n${[...lines, ...errors].join('\n')}`);
  return { seconds, rssPeakMb: rssPeakBytes / 1_000_000, document: JSON.parse(lines.at(-1) ?? '{}') as ReplayDocument };
}

/** @throws {Error} where the answer is another: then a time means nothing */
function assertSays(document: ReplayDocument, expected: ReplayDocument): void {
  for (const [name, value] of Object.entries(expected)) {
    if (document[name as keyof ReplayDocument] !== value) {
      throw new Error(`VOID: ${name} is not ${value} in what gbx replay answers: ${JSON.stringify(document)}`);
    }
  }
}

/** @throws {Error} unless each record of the plan stands in the topic once for each time that it was carried out */
async function assertReplayed(brokers: string, { selected, times }: { readonly selected: number; readonly times: number }): Promise<void> {
  const counts = [...(await countOrigins(brokers, TOPIC)).values()];
  const wrong = counts.filter((count) => count !== times).length;
  if (counts.length !== selected || wrong > 0) {
    throw new Error(`VOID: ${selected} records replayed ${times} times became ${counts.length}, ${wrong} of them another number of times`);
  }
}

export function replayTables({ letters, selected, rows, plans, bare, executed }: ReplayFigures): string {
  const planSeconds = plans.map(({ seconds }) => seconds);
  const runSeconds = executed.map(({ seconds }) => seconds);
  const row = (name: string, records: number, seconds: readonly number[]): string[] => [
    name,
    `${median(seconds).toFixed(2)} s`,
    rate(records / median(seconds)),
    spread(seconds),
  ];
  const rss = (runs: readonly Replayed[]): string => `${whole(Math.max(...runs.map(({ rssPeakMb }) => rssPeakMb)))} MB`;
  return [
    `${whole(letters)} dead letters of ${whole(selected)} records; ${whole(rows)} rows in the table, PostgreSQL dialect, no key.`,
    table(
      ['program', 'time', 'records/s', 'runs, s', 'peak RSS'],
      [
        [...row('bare kafkajs: read once and `JSON.parse`, from its first fetch', letters, bare), ''],
        [...row('`gbx replay plan`', letters, planSeconds), rss(plans)],
        [...row('to be known: `gbx replay run --execute`', selected, runSeconds), rss(executed)],
      ],
    ),
    `To be known: \`gbx replay plan\` takes ${(median(planSeconds) / median(bare)).toFixed(1)} times as long as the bare loop reads.`,
    goalTable([below(`\`gbx replay plan\` of ${whole(letters)} dead letters`, median(planSeconds), { max: SECONDS_MAX, unit: 's' })]),
  ].join('\n\n');
}
