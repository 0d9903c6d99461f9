// POST /exposure to `gbx serve`, acknowledged by the broker, against a bare Fastify route: the most each can take, and
// the latency at half of what serve can.
import { fileURLToPath } from 'node:url';
import type { BareServerInput } from './bare-server.ts';
import { readUsage, runProgram, type Watched, watchNode } from './children.ts';
import type { ClosedLoopInput, ClosedLoopResult } from './closed-loop.ts';
import { median, medianRun } from './median.ts';
import type { OpenLoopInput, OpenLoopResult } from './open-loop.ts';
import type { BenchOptions } from './options.ts';
import type { Stack } from './stack.ts';
import { createTopics, PARTITIONS } from './topic.ts';

const TOPIC = 'exposures-http';
const START_MS_MAX = 30_000;
const WARM_UP_SECONDS = 3;

export interface ServerFigures {
  readonly requestsPerSecond: readonly number[];
  /** Milliseconds of the server's own CPU time in a thousand requests. */
  readonly cpuMsPer1000: readonly number[];
  readonly p50Ms: readonly number[];
  readonly p99Ms: readonly number[];
}

export interface HttpFigures {
  readonly seconds: number;
  readonly bare: ServerFigures;
  readonly serve: ServerFigures;
  readonly openLoop: OpenLoopResult & { readonly perSecond: number; readonly p99sMs: readonly number[] };
  readonly serveRssPeakMb: number;
}

interface Server {
  readonly url: string;
  readonly pid: number;
}

export async function benchHttp(stack: Stack, { seconds, runs }: BenchOptions): Promise<HttpFigures> {
  await createTopics(stack.brokers, { [TOPIC]: PARTITIONS });
  await using bareProcess = await startBare(stack);
  await using serveProcess = await startServe(stack);
  const bareServer = await serverOf(bareProcess, 'bare.listening');
  const serveServer = await serverOf(serveProcess, 'serve.listening');
  const bare = newFigures();
  const serve = newFigures();
  for (const server of [bareServer, serveServer]) await closedLoop(server, WARM_UP_SECONDS);
  for (let round = 0; round < runs; round++) {
    await measure(bareServer, bare, seconds);
    await measure(serveServer, serve, seconds);
    say(`bare ${last(bare.requestsPerSecond)}/s, serve ${last(serve.requestsPerSecond)}/s`);
  }
  const perSecond = Math.round(median(serve.requestsPerSecond) / 2);
  const opens: OpenLoopResult[] = [];
  for (let round = 0; round < runs; round++) {
    const input: OpenLoopInput = { url: serveServer.url, perSecond, seconds };
    opens.push(await runProgram<OpenLoopResult>('open-loop.ts', input));
    say(`open loop at ${perSecond}/s: p99 ${opens.at(-1)?.p99Ms.toFixed(1)} ms`);
  }
  const { rssPeakBytes } = await readUsage(serveProcess.pid);
  return {
    seconds,
    bare,
    serve,
    openLoop: { ...medianRun(opens, ({ p99Ms }) => p99Ms), perSecond, p99sMs: opens.map(({ p99Ms }) => p99Ms) },
    serveRssPeakMb: rssPeakBytes / 1_000_000,
  };
}

interface GrowingFigures {
  readonly requestsPerSecond: number[];
  readonly cpuMsPer1000: number[];
  readonly p50Ms: number[];
  readonly p99Ms: number[];
}

function newFigures(): GrowingFigures {
  return { requestsPerSecond: [], cpuMsPer1000: [], p50Ms: [], p99Ms: [] };
}

async function measure(server: Server, figures: GrowingFigures, seconds: number): Promise<void> {
  const before = await readUsage(server.pid);
  const { requestsPerSecond, p50Ms, p99Ms } = await closedLoop(server, seconds);
  const after = await readUsage(server.pid);
  figures.requestsPerSecond.push(requestsPerSecond);
  figures.cpuMsPer1000.push(((after.cpuSeconds - before.cpuSeconds) * 1_000_000) / (requestsPerSecond * seconds));
  figures.p50Ms.push(p50Ms);
  figures.p99Ms.push(p99Ms);
}

function closedLoop({ url }: Server, seconds: number): Promise<ClosedLoopResult> {
  const input: ClosedLoopInput = { url, seconds };
  return runProgram<ClosedLoopResult>('closed-loop.ts', input);
}

function startBare({ build, dir }: Stack): Promise<Watched> {
  const input: BareServerInput = { dist: build.dist };
  const tsx = import.meta.resolve('tsx');
  return watchNode({ args: ['--import', tsx, fileURLToPath(new URL('bare-server.ts', import.meta.url)), JSON.stringify(input)], cwd: dir });
}

function startServe({ build, dir, brokers }: Stack): Promise<Watched> {
  return watchNode({
    args: [build.cli, 'serve', '--host', '127.0.0.1', '--port', '0'],
    cwd: dir,
    env: { KAFKA_BOOTSTRAP_SERVERS: brokers, GBX_TOPIC: TOPIC, GBX_LOG_FORMAT: 'json' },
  });
}

async function serverOf(watched: Watched, event: string): Promise<Server> {
  const { url } = await watched.event(event, START_MS_MAX);
  return { url: String(url), pid: watched.pid };
}

function last(values: readonly number[]): number {
  return Math.round(values.at(-1) ?? Number.NaN);
}

function say(message: string): void {
  console.error(`bench: ${message}`);
}
