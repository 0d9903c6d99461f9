// `gbx produce` into Kafka as fast as it can, against a kafkajs loop that sends the same batches and nothing else; then at an
// even rate: does it keep its own time?
import { openKeptProcess } from '../src/dev/kept-process.ts';
import type { BareProducerInput, BareProducerResult } from './bare-producer.ts';
import { cleanEnv, peekUsage, runProgram } from './children.ts';
import { atLeast, below, type Goal, goalTable, ms, rate, spread, table, whole } from './markdown.ts';
import { median, medianRun } from './median.ts';
import type { BenchOptions } from './options.ts';
import type { Stack } from './stack.ts';
import { createTopics, PARTITIONS } from './topic.ts';

const TOPICS = { bare: 'produce-bare', gbx: 'produce-gbx', even: 'produce-even' } as const;
/** What `gbx produce` sends together unless told. */
const BATCH = 3_000;
const PER_SECOND = 5_000;
const WARM_UP_SECONDS = 2;
const SHARE_MIN = 0.99;
const SLIP_MS_MAX = 10;

/** Of the document that `gbx produce --json` prints. */
interface ProduceDocument {
  readonly counts: { readonly sent: number; readonly ok: number };
  readonly achieved: { readonly perSecond: number; readonly share: number | null };
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  readonly slipMs: { readonly p99: number; readonly max: number };
}

interface Produced extends ProduceDocument {
  readonly rssPeakMb: number;
  readonly cpuSeconds: number;
}

export interface ProduceFigures {
  readonly records: number;
  readonly bare: readonly BareProducerResult[];
  readonly fast: readonly Produced[];
  readonly even: readonly Produced[];
}

export async function benchProduce(stack: Stack, { records, runs, seconds }: BenchOptions): Promise<ProduceFigures> {
  await createTopics(stack.brokers, { [TOPICS.bare]: PARTITIONS, [TOPICS.gbx]: PARTITIONS, [TOPICS.even]: PARTITIONS });
  const bare: BareProducerResult[] = [];
  const fast: Produced[] = [];
  const even: Produced[] = [];
  for (let round = 0; round < runs; round++) {
    const input: BareProducerInput = { brokers: stack.brokers, topic: TOPICS.bare, records, batch: BATCH };
    bare.push(await runProgram<BareProducerResult>('bare-producer.ts', input));
    fast.push(await produce(stack, TOPICS.gbx, ['--rate', 'max', '--count', String(records), '--warmup', '500ms']));
    const length = `${seconds + WARM_UP_SECONDS}s`;
    even.push(await produce(stack, TOPICS.even, ['--rate', `${PER_SECOND}/s`, '--duration', length, '--warmup', `${WARM_UP_SECONDS}s`]));
    console.error(`bench: bare ${bare.at(-1)?.recordsPerSecond.toFixed(0)}/s, gbx ${fast.at(-1)?.achieved.perSecond.toFixed(0)}/s`);
  }
  return { records, bare, fast, even };
}

/** @throws {Error} unless every exposure came in: then a rate means nothing */
async function produce({ brokers, build, dir }: Stack, topic: string, args: readonly string[]): Promise<Produced> {
  const lines: string[] = [];
  await using child = await openKeptProcess({
    command: process.execPath,
    args: [build.bin, 'produce', '--brokers', brokers, '--topic', topic, '--json', ...args],
    cwd: dir,
    env: cleanEnv(),
    output: { onLine: (line, stream) => (stream === 'stdout' ? lines.push(line) : 0) },
  });
  let usage = await peekUsage(child.pid);
  const watch = setInterval(() => void peekUsage(child.pid).then((now) => (usage = now.rssPeakBytes > 0 ? now : usage)), 200);
  const { code } = await child.exited;
  clearInterval(watch);
  const document = JSON.parse(lines.at(-1) ?? 'null') as ProduceDocument | null;
  if (code !== 0 || document === null || document.counts.ok !== document.counts.sent) {
    throw new Error(`VOID: gbx produce ended with ${code}: ${lines.join('\n')}`);
  }
  return { ...document, rssPeakMb: usage.rssPeakBytes / 1_000_000, cpuSeconds: usage.cpuSeconds };
}

export function produceTables({ records, bare, fast, even }: ProduceFigures): string {
  const bares = bare.map((run) => run.recordsPerSecond);
  const fasts = fast.map((run) => run.achieved.perSecond);
  const one = medianRun(even, (run) => run.slipMs.p99);
  const share = Math.min(...even.map((run) => run.achieved.share ?? 0));
  const kept: Goal = { name: `achieved at ${whole(PER_SECOND)}/s, the worst run`, ...shareGoal(share) };
  return [
    `${whole(records)} records in batches of ${whole(BATCH)}.`,
    table(
      ['sender', 'records/s', 'runs', 'peak RSS'],
      [
        ['bare kafkajs, messages that stand ready', rate(median(bares)), spread(bares), ''],
        ['`gbx produce --rate max`', rate(median(fasts)), spread(fasts), `${whole(Math.max(...fast.map((run) => run.rssPeakMb)))} MB`],
      ],
    ),
    `At ${whole(PER_SECOND)}/s: latency from when each was due p50 ${ms(one.latencyMs.p50)}, p99 ${ms(one.latencyMs.p99)}; slip p99 of the runs ${even.map((run) => ms(run.slipMs.p99)).join(', ')}.`,
    goalTable([
      atLeast('`gbx produce --rate max` / bare kafkajs', median(fasts) / median(bares), 0.7),
      kept,
      below(`slip p99 at ${whole(PER_SECOND)}/s`, one.slipMs.p99, { max: SLIP_MS_MAX, unit: 'ms' }),
    ]),
  ].join('\n\n');
}

function shareGoal(share: number): Omit<Goal, 'name'> {
  return { value: `${(share * 100).toFixed(2)} %`, goal: `at least ${SHARE_MIN * 100} %`, isReached: share >= SHARE_MIN };
}
