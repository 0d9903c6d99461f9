// POST /exposure to `gbx serve` with a spool: what it can take beside broker mode and beside a bare group commit, the
// latency at half of that, and a minute without Kafka.
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../src/core/clock.ts';
import { userCacheDir } from '../src/dev/kafka-jars.ts';
import { openKafka } from '../src/dev/kafka-server.ts';
import type { BareServerInput } from './bare-server.ts';
import { readUsage, runProgram, type Watched, watchNode } from './children.ts';
import type { ClosedLoopInput, ClosedLoopResult } from './closed-loop.ts';
import { atLeast, below, goalTable, ms, rate, spread, table, whole } from './markdown.ts';
import { median, medianRun } from './median.ts';
import type { OpenLoopInput, OpenLoopResult } from './open-loop.ts';
import type { BenchOptions } from './options.ts';
import type { Stack } from './stack.ts';
import { createTopics, PARTITIONS, readTopic } from './topic.ts';

const TOPICS = { broker: 'exposures-broker', spool: 'exposures-spool', outage: 'exposures-outage' };
const START_MS_MAX = 30_000;
const WARM_UP_SECONDS = 3;
const OUTAGE_PER_SECOND = 1_000;
const DRAIN_MS_MAX = 120_000;
const LOOK_MS = 50;

interface ServerFigures {
  readonly requestsPerSecond: number[];
  readonly cpuMsPer1000: number[];
  readonly p50Ms: number[];
  readonly p99Ms: number[];
  /** Records that wait for Kafka when the clients stop. */
  readonly left: number[];
}

interface OutageFigures {
  readonly seconds: number;
  readonly posts: number;
  readonly p99Ms: number;
  /** Records in the spool when it was fullest. */
  readonly peak: number;
  readonly drainSeconds: number;
  readonly deliveredPerSecond: number;
}

export interface SpoolFigures {
  readonly seconds: number;
  readonly servers: Readonly<Record<'bare' | 'broker' | 'spool', ServerFigures>>;
  readonly openLoop: OpenLoopResult & { readonly perSecond: number; readonly p99sMs: readonly number[] };
  readonly outage: OutageFigures;
}

interface Server {
  readonly name: keyof SpoolFigures['servers'];
  readonly url: string;
  readonly pid: number;
  readonly figures: ServerFigures;
}

export async function benchSpool(stack: Stack, options: BenchOptions): Promise<SpoolFigures> {
  const { seconds, runs } = options;
  await createTopics(stack.brokers, { [TOPICS.broker]: PARTITIONS, [TOPICS.spool]: PARTITIONS });
  const dir = await mkdtemp(join(stack.dir, 'spool-'));
  await using bareProcess = await startBare(stack, join(dir, 'bare.log'));
  await using brokerProcess = await startServe(stack, { GBX_TOPIC: TOPICS.broker, KAFKA_BOOTSTRAP_SERVERS: stack.brokers });
  const spoolEnv = { GBX_TOPIC: TOPICS.spool, KAFKA_BOOTSTRAP_SERVERS: stack.brokers, GBX_SPOOL_DIR: join(dir, 'spool') };
  await using spoolProcess = await startServe(stack, spoolEnv);
  const bare = await serverOf('bare', bareProcess);
  const broker = await serverOf('broker', brokerProcess);
  const spool = await serverOf('spool', spoolProcess);
  const servers = [bare, broker, spool];
  for (const server of servers) await closedLoop(server, WARM_UP_SECONDS);
  for (let round = 0; round < runs; round++) {
    for (const server of servers) {
      await untilDrained(spool);
      await measure(server, seconds, server === spool);
    }
    say(`bare ${last(bare)}/s, broker ${last(broker)}/s, spool ${last(spool)}/s, ${spool.figures.left.at(-1)} left to deliver`);
  }
  const perSecond = Math.round(median(spool.figures.requestsPerSecond) / 2);
  const opens: OpenLoopResult[] = [];
  for (let round = 0; round < runs; round++) {
    await untilDrained(spool);
    const input: OpenLoopInput = { url: spool.url, perSecond, seconds };
    opens.push(await runProgram<OpenLoopResult>('open-loop.ts', input));
    say(`open loop at ${perSecond}/s: p99 ${opens.at(-1)?.p99Ms.toFixed(1)} ms`);
  }
  for (const one of [bareProcess, brokerProcess, spoolProcess]) await one.stop();
  return {
    seconds,
    servers: { bare: bare.figures, broker: broker.figures, spool: spool.figures },
    openLoop: { ...medianRun(opens, ({ p99Ms }) => p99Ms), perSecond, p99sMs: opens.map(({ p99Ms }) => p99Ms) },
    outage: await benchOutage(stack, { dir, seconds: options.isWritten ? 60 : Math.min(60, 4 * seconds) }),
  };
}

async function measure(server: Server, seconds: number, hasSpool: boolean): Promise<void> {
  const { figures } = server;
  const before = await readUsage(server.pid);
  const { requestsPerSecond, p50Ms, p99Ms } = await closedLoop(server, seconds);
  if (hasSpool) figures.left.push(await recordsLeft(server));
  const after = await readUsage(server.pid);
  figures.requestsPerSecond.push(requestsPerSecond);
  figures.cpuMsPer1000.push(((after.cpuSeconds - before.cpuSeconds) * 1_000_000) / (requestsPerSecond * seconds));
  figures.p50Ms.push(p50Ms);
  figures.p99Ms.push(p99Ms);
}

async function closedLoop({ name, url }: Server, seconds: number): Promise<ClosedLoopResult> {
  const input: ClosedLoopInput = { url, seconds };
  try {
    return await runProgram<ClosedLoopResult>('closed-loop.ts', input);
  } catch (error) {
    throw new Error(`the server "${name}" did not answer all posts`, { cause: error });
  }
}

/** Posts go on before, while and after a broker of its own is away. */
async function benchOutage(stack: Stack, { dir, seconds }: { readonly dir: string; readonly seconds: number }): Promise<OutageFigures> {
  const settings = { dataDir: join(dir, 'kafka'), cacheDir: userCacheDir(), quickStart: false };
  let kafka = await openKafka(settings);
  try {
    await createTopics(kafka.brokers, { [TOPICS.outage]: PARTITIONS });
    const env = { GBX_TOPIC: TOPICS.outage, KAFKA_BOOTSTRAP_SERVERS: kafka.brokers, GBX_SPOOL_DIR: join(dir, 'outage') };
    await using process = await startServe(stack, env);
    const server = await serverOf('spool', process);
    const before = 5;
    const after = 25;
    const total = before + seconds + after;
    const input: OpenLoopInput = { url: server.url, perSecond: OUTAGE_PER_SECOND, seconds: total };
    const posting = runProgram<OpenLoopResult>('open-loop.ts', input);
    posting.catch(() => undefined);
    await systemClock.sleep(before * 1000);
    await kafka.stop();
    say(`Kafka is away for ${seconds} s, under ${OUTAGE_PER_SECOND} posts/s`);
    await systemClock.sleep(seconds * 1000);
    kafka = await openKafka({ ...settings, ports: kafka.ports });
    const drain = await watchDrain(server);
    const { p99Ms, answeredPerSecond } = await posting;
    await untilDrained(server);
    const posts = await accepted(server);
    // Each post has an id of its own; what was under way when the broker went may stand there twice.
    const stored = await countIds(kafka.brokers, TOPICS.outage);
    if (stored !== posts) throw new Error(`VOID: ${posts} posts were accepted, and the topic holds ${stored} of them`);
    say(`${Math.round(answeredPerSecond)}/s answered, drained at ${Math.round(drain.deliveredPerSecond)}/s`);
    return { seconds, posts, p99Ms, ...drain };
  } finally {
    await kafka.stop();
  }
}

async function watchDrain(server: Server): Promise<Pick<OutageFigures, 'peak' | 'drainSeconds' | 'deliveredPerSecond'>> {
  const deadline = systemClock.elapsed() + DRAIN_MS_MAX;
  let peak = { records: 0, atMs: 0, accepted: 0 };
  while (systemClock.elapsed() < deadline) {
    const [records, posts] = [await recordsLeft(server), await accepted(server)];
    const atMs = systemClock.elapsed();
    if (records >= peak.records) peak = { records, atMs, accepted: posts };
    else if (records < OUTAGE_PER_SECOND) {
      const drainSeconds = (atMs - peak.atMs) / 1000;
      const delivered = peak.records - records + (posts - peak.accepted);
      return { peak: peak.records, drainSeconds, deliveredPerSecond: delivered / drainSeconds };
    }
    await systemClock.sleep(LOOK_MS);
  }
  throw new Error(`the spool was not drained within ${DRAIN_MS_MAX / 1000} s`);
}

async function untilDrained(server: Server): Promise<void> {
  const deadline = systemClock.elapsed() + DRAIN_MS_MAX;
  while ((await recordsLeft(server)) > 0) {
    if (systemClock.elapsed() > deadline) throw new Error(`the spool was not drained within ${DRAIN_MS_MAX / 1000} s`);
    await systemClock.sleep(LOOK_MS);
  }
}

function recordsLeft(server: Server): Promise<number> {
  return metric(server, 'gbx_spool_records');
}

function accepted(server: Server): Promise<number> {
  return metric(server, 'gbx_exposures_accepted_total');
}

async function metric({ url }: Pick<Server, 'url'>, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'mu').exec(text)?.[1] ?? Number.NaN);
}

async function countIds(brokers: string, topic: string): Promise<number> {
  const ids = new Set<unknown>();
  await readTopic(brokers, topic, ({ value }) => ids.add((JSON.parse(String(value)) as { exposure_id: unknown }).exposure_id));
  return ids.size;
}

function startBare({ build, dir }: Stack, log: string): Promise<Watched> {
  const input: BareServerInput = { dist: build.dist, log };
  const tsx = import.meta.resolve('tsx');
  return watchNode({ args: ['--import', tsx, fileURLToPath(new URL('bare-server.ts', import.meta.url)), JSON.stringify(input)], cwd: dir });
}

function startServe({ build, dir }: Stack, env: Readonly<Record<string, string>>): Promise<Watched> {
  return watchNode({ args: [build.cli, 'serve', '--host', '127.0.0.1', '--port', '0'], cwd: dir, env: { GBX_LOG_FORMAT: 'json', ...env } });
}

async function serverOf(name: Server['name'], watched: Watched): Promise<Server> {
  const { url } = await watched.event(name === 'bare' ? 'bare.listening' : 'serve.listening', START_MS_MAX);
  const figures = { requestsPerSecond: [], cpuMsPer1000: [], p50Ms: [], p99Ms: [], left: [] };
  return { name, url: String(url), pid: watched.pid, figures };
}

function last({ figures }: Server): number {
  return Math.round(figures.requestsPerSecond.at(-1) ?? Number.NaN);
}

function say(message: string): void {
  console.error(`bench: ${message}`);
}

export function spoolTables({ seconds, servers: { bare, broker, spool }, openLoop, outage }: SpoolFigures): string {
  const rowOf = (name: string, one: ServerFigures): string[] => [
    name,
    rate(median(one.requestsPerSecond)),
    spread(one.requestsPerSecond),
    ms(median(one.p50Ms)),
    ms(median(one.p99Ms)),
    median(one.cpuMsPer1000).toFixed(0),
    one.left.length === 0 ? '' : whole(median(one.left)),
  ];
  const ceiling = Math.min(median(bare.requestsPerSecond), median(broker.requestsPerSecond));
  return [
    `Closed loop, 256 connections, ${seconds} s each.`,
    table(
      ['server', 'requests/s', 'runs', 'p50', 'p99', 'CPU ms per 1,000', 'still to deliver'],
      [rowOf('bare route with a bare group commit', bare), rowOf('`gbx serve`, broker', broker), rowOf('`gbx serve`, spool', spool)],
    ),
    `Open loop at half of it, ${rate(openLoop.perSecond)} posts/s: p50 ${ms(openLoop.p50Ms)}, p99 ${ms(openLoop.p99Ms)} (runs: ${openLoop.p99sMs.map(ms).join(', ')}), max ${ms(openLoop.maxMs)}; load generator late by at most ${ms(openLoop.ownLateMs)}.`,
    `Kafka away for ${outage.seconds} s under ${whole(OUTAGE_PER_SECOND)} posts/s: ${whole(outage.posts)} posts, all answered 200 and all in the topic, p99 ${ms(outage.p99Ms)}; ${whole(outage.peak)} records in the spool at most, delivered in ${outage.drainSeconds.toFixed(1)} s at ${rate(outage.deliveredPerSecond)}/s.`,
    goalTable([
      atLeast('spool / the lower of the two others, requests/s', median(spool.requestsPerSecond) / ceiling, 0.8),
      below('p99 at half load, open loop', openLoop.p99Ms, { max: 50, unit: 'ms' }),
      atLeast('drain after the outage / arrival', outage.deliveredPerSecond / OUTAGE_PER_SECOND, 5),
    ]),
  ].join('\n\n');
}
