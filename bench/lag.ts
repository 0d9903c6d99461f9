// `gbx lag`, the whole process, against a bare script that imports kafkajs and asks the same of the same group: alternated,
// so that a busy moment hits both. The topic has 50 partitions with lag, so that gbx has ages to find as well. And what
// watching costs while records come in and are committed.
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemClock } from '../src/core/clock.ts';
import { openKeptProcess } from '../src/dev/kept-process.ts';
import { cleanEnv, readUsage, runProgram } from './children.ts';
import type { FrameFigures } from './lag-frames.ts';
import { below, goalTable } from './markdown.ts';
import { median } from './median.ts';
import type { Stack } from './stack.ts';
import { bareKafka, createTopics } from './topic.ts';

const TOPIC = 'exposures-lag';
const GROUP = 'bench-lag';
const PARTITIONS = 50;
const RECORDS = 20;
const ROUNDS = 15;
/** The first ones fill the compile cache and the page cache. */
const WARM_UP_ROUNDS = 2;
const WATCH_SECONDS = 30;
const SETTLE_MS = 3_000;
/** What comes in, and is committed by a loader, while it is watched. */
const RECORDS_PER_SECOND = 1_000;
const SEND_MS = 100;
const COMMIT_MS = 1_000;
const JOIN_MS_MAX = 30_000;
/** Of the looks that the time has room for. */
const LOOKS_MIN = 10;
/** Of the live view: the alternate screen taken, and the mark before each frame (src/ui/lag/screen.ts). */
const ENTER = '\u001b[?1049h';
const FRAME = '\u001b[?2026h';
const RATIO_MAX = 1.5;
const PERCENT_MAX = 3;
const FRAME_MS_MAX = 10;
/** Makes a child take its pipes for a terminal, so that it draws. */
const AS_TERMINAL = `data:text/javascript,${encodeURIComponent('Object.assign(process.stdout, { isTTY: true, columns: 200, rows: 60 })')}`;

/** Milliseconds, medians. */
interface LagFigures {
  readonly bare: number;
  readonly gbx: number;
  /** Records sent while it was watched. */
  readonly perSecond: number;
  readonly watchPercent: number;
  readonly livePercent: number;
  readonly frame: FrameFigures;
}

/** What a person would write in ten minutes: the same questions, each as kafkajs's admin has it. */
const BARE_SCRIPT = `import { Kafka, logLevel } from 'kafkajs';
const [brokers, groupId, topic] = process.argv.slice(2);
const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin();
await admin.connect();
const [{ groups }, [{ partitions }]] = await Promise.all([admin.describeGroups([groupId]), admin.fetchOffsets({ groupId, topics: [topic] })]);
const [ends, letters] = await Promise.all([admin.fetchTopicOffsets(topic), admin.fetchTopicOffsets(topic + '.dlq')]);
const since = await admin.fetchTopicOffsetsByTimestamp(topic, Date.now() - 60_000);
const lag = ends.map(({ partition, high }) => ({ partition, lag: Number(high) - Number(partitions.find((one) => one.partition === partition).offset) }));
console.log(JSON.stringify({ state: groups[0].state, lag, letters, since }));
await admin.disconnect();
`;

export async function benchLag({ brokers, build, dir }: Stack): Promise<LagFigures> {
  await createTopics(brokers, { [TOPIC]: PARTITIONS, [`${TOPIC}.dlq`]: 1 });
  await fill(brokers);
  const bare = join(dirname(build.bin), '..', 'bare-lag.mjs');
  await writeFile(bare, BARE_SCRIPT);
  const env = { KAFKA_BOOTSTRAP_SERVERS: brokers, GBX_TOPIC: TOPIC, GBX_DEAD_LETTER_TOPIC: `${TOPIC}.dlq`, GBX_CONSUMER_GROUP: GROUP };
  const times: Record<'bare' | 'gbx', number[]> = { bare: [], gbx: [] };
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    const bareMs = timeOf([bare, brokers, GROUP, TOPIC], {});
    const gbxMs = timeOf([build.bin, 'lag'], env);
    if (round < WARM_UP_ROUNDS) continue;
    times.bare.push(bareMs);
    times.gbx.push(gbxMs);
  }
  await using load = await openLoad(brokers);
  const lines = await watchCost({ args: [build.cli, 'lag', '--watch'], file: join(dir, 'lag-lines.txt'), env });
  const rates = [...lines.output.matchAll(/ in=(\d+)\/s /gu)].map(([, rate]) => Number(rate));
  assertWatched(
    lines.output,
    rates.length >= LOOKS_MIN && (rates.at(-1) ?? 0) > RECORDS_PER_SECOND / 2,
    'lines with the rate that comes in',
  );
  const live = await watchCost({
    args: ['--import', AS_TERMINAL, build.cli, 'lag', '--watch'],
    file: join(dir, 'lag-live.txt'),
    env: { ...env, LANG: 'C.UTF-8' },
  });
  assertWatched(
    live.output,
    live.output.includes(ENTER) && live.output.split(FRAME).length > LOOKS_MIN,
    'the alternate screen and frames on it',
  );
  const perSecond = load.perSecond();
  await load[Symbol.asyncDispose]();
  return {
    bare: median(times.bare),
    gbx: median(times.gbx),
    perSecond,
    watchPercent: lines.percent,
    livePercent: live.percent,
    frame: await runProgram<FrameFigures>('lag-frames.ts', {}),
  };
}

/** Irregular stamps, and half of each partition committed: the ages have to be searched for. */
async function fill(brokers: string): Promise<void> {
  const kafka = bareKafka(brokers);
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const admin = kafka.admin();
  await Promise.all([producer.connect(), admin.connect()]);
  try {
    const nowMs = systemClock.now();
    const messages = Array.from({ length: PARTITIONS }, (_, partition) =>
      Array.from({ length: RECORDS }, (__, nth) => {
        const timestamp = String(Math.floor(nowMs - 1.9 ** (RECORDS - nth) * (partition + 1)));
        return { partition, key: 'k', value: 'v', timestamp };
      }),
    );
    await producer.send({ topic: TOPIC, acks: -1, messages: messages.flat() });
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, offset: String(RECORDS / 2) }));
    await admin.setOffsets({ groupId: GROUP, topic: TOPIC, partitions });
  } finally {
    await Promise.all([producer.disconnect(), admin.disconnect()]);
  }
}

function timeOf(args: readonly string[], env: Readonly<Record<string, string>>): number {
  const startedMs = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { env: cleanEnv(env) });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with code ${status}: ${stderr}`);
  return performance.now() - startedMs;
}

interface Load extends AsyncDisposable {
  /** Sent since the start. */
  perSecond(): number;
}

/** Records come in round the partitions, and a member of the group commits them once a second, as a loader does. */
async function openLoad(brokers: string): Promise<Load> {
  const kafka = bareKafka(brokers);
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const consumer = kafka.consumer({ groupId: GROUP });
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topic: TOPIC });
  let isJoined = false;
  consumer.on(consumer.events.GROUP_JOIN, () => {
    isJoined = true;
  });
  await consumer.run({ autoCommitInterval: COMMIT_MS, eachMessage: async () => undefined });
  for (const lateMs = systemClock.elapsed() + JOIN_MS_MAX; !isJoined; await systemClock.sleep(SEND_MS)) {
    if (systemClock.elapsed() > lateMs) throw new Error(`VOID: the consumer did not join ${GROUP}`);
  }
  const startedMs = systemClock.elapsed();
  const stopping = new AbortController();
  let sent = 0;
  const sending = (async () => {
    while (!stopping.signal.aborted) {
      const due = Math.floor(((systemClock.elapsed() - startedMs) * RECORDS_PER_SECOND) / 1000);
      const messages = Array.from({ length: due - sent }, (_, nth) => ({ partition: (sent + nth) % PARTITIONS, key: 'k', value: 'v' }));
      if (messages.length > 0) await producer.send({ topic: TOPIC, acks: -1, messages });
      sent = due;
      await systemClock.sleep(SEND_MS, stopping.signal);
    }
  })();
  // Thrown when it is closed.
  sending.catch(() => undefined);
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    stopping.abort();
    try {
      await sending;
    } finally {
      await Promise.all([producer.disconnect(), consumer.disconnect()]);
    }
  };
  return {
    perSecond: () => sent / ((systemClock.elapsed() - startedMs) / 1000),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  };
}

interface WatchRun {
  readonly args: readonly string[];
  /** What it prints. */
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Of one core, at the default interval of two seconds, once it has started. @throws {Error} where it ended before */
async function watchCost({ args, file, env }: WatchRun): Promise<{ readonly percent: number; readonly output: string }> {
  const options = { command: process.execPath, args, cwd: dirname(file), env: cleanEnv(env), output: { file } };
  await using watching = await openKeptProcess(options);
  await systemClock.sleep(SETTLE_MS);
  const [before, startedMs] = [await readUsage(watching.pid), systemClock.elapsed()];
  await systemClock.sleep(WATCH_SECONDS * 1000);
  const after = await readUsage(watching.pid);
  const seconds = (systemClock.elapsed() - startedMs) / 1000;
  const output = await readFile(file, 'utf8');
  assertWatched(output, watching.isRunning(), 'a watch that goes on');
  return { percent: ((after.cpuSeconds - before.cpuSeconds) / seconds) * 100, output };
}

function assertWatched(output: string, isSo: boolean, what: string): void {
  if (!isSo) throw new Error(`VOID: not ${what}, but ${JSON.stringify(output.slice(-1_000))}`);
}

export function lagTables({ bare, gbx, perSecond, watchPercent, livePercent, frame }: LagFigures): string {
  return [
    `${PARTITIONS} partitions, all with lag; medians of ${ROUNDS} alternated runs: the bare script ${bare.toFixed(0)} ms, \`gbx lag\` ${gbx.toFixed(0)} ms. Watched for ${WATCH_SECONDS} s each while ${perSecond.toFixed(0)} records/s came in. A frame of 200 by 60: p99 ${frame.p99.toFixed(1)} ms.`,
    goalTable([
      { name: '`gbx lag` / bare script', value: (gbx / bare).toFixed(2), goal: `at most ${RATIO_MAX}`, isReached: gbx / bare <= RATIO_MAX },
      below('CPU of `gbx lag --watch`, lines', watchPercent, { max: PERCENT_MAX, unit: '% of a core' }),
      below('CPU of `gbx lag --watch`, live view of 200 by 60', livePercent, { max: PERCENT_MAX, unit: '% of a core' }),
      below('a frame of 200 by 60, median', frame.p50, { max: FRAME_MS_MAX, unit: 'ms' }),
      below('a frame of 200 by 60, processor time, mean', frame.cpu, { max: FRAME_MS_MAX, unit: 'ms' }),
    ]),
  ].join('\n\n');
}
