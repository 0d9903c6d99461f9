// `gbx lag`, the whole process, against a bare script that imports kafkajs and asks the same of the same group: alternated,
// so that a busy moment hits both. The topic has 50 partitions with lag, so that gbx has ages to find as well. And what
// watching costs.
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemClock } from '../src/core/clock.ts';
import { cleanEnv, readUsage, runProgram, watchNode } from './children.ts';
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
const RATIO_MAX = 1.5;
const PERCENT_MAX = 3;
const FRAME_MS_MAX = 10;
/** Makes a child take its pipes for a terminal, so that it draws. */
const AS_TERMINAL = `data:text/javascript,${encodeURIComponent('Object.assign(process.stdout, { isTTY: true, columns: 200, rows: 60 })')}`;

/** Milliseconds, medians. */
interface LagFigures {
  readonly bare: number;
  readonly gbx: number;
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
  return {
    bare: median(times.bare),
    gbx: median(times.gbx),
    watchPercent: await watchCost({ args: [build.cli, 'lag', '--watch'], cwd: dir, env }),
    livePercent: await watchCost({
      args: ['--import', AS_TERMINAL, build.cli, 'lag', '--watch'],
      cwd: dir,
      env: { ...env, LANG: 'C.UTF-8' },
    }),
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

/** Of one core, at the default interval of two seconds, once it has started. */
async function watchCost(options: Parameters<typeof watchNode>[0]): Promise<number> {
  await using watching = await watchNode(options);
  await systemClock.sleep(SETTLE_MS);
  const [before, startedMs] = [await readUsage(watching.pid), systemClock.elapsed()];
  await systemClock.sleep(WATCH_SECONDS * 1000);
  const after = await readUsage(watching.pid);
  return ((after.cpuSeconds - before.cpuSeconds) / ((systemClock.elapsed() - startedMs) / 1000)) * 100;
}

export function lagTables({ bare, gbx, watchPercent, livePercent, frame }: LagFigures): string {
  return [
    `${PARTITIONS} partitions, all with lag; medians of ${ROUNDS} alternated runs: the bare script ${bare.toFixed(0)} ms, \`gbx lag\` ${gbx.toFixed(0)} ms.`,
    goalTable([
      { name: '`gbx lag` / bare script', value: (gbx / bare).toFixed(2), goal: `at most ${RATIO_MAX}`, isReached: gbx / bare <= RATIO_MAX },
      below('CPU of `gbx lag --watch`, lines', watchPercent, { max: PERCENT_MAX, unit: '% of a core' }),
      below('CPU of `gbx lag --watch`, live view of 200 by 60', livePercent, { max: PERCENT_MAX, unit: '% of a core' }),
      below('a frame of 200 by 60, median', frame.p50, { max: FRAME_MS_MAX, unit: 'ms' }),
      below('a frame of 200 by 60, processor time, mean', frame.cpu, { max: FRAME_MS_MAX, unit: 'ms' }),
    ]),
  ].join('\n\n');
}
