// The open loop, a program of its own: posts fall due at an even rate whatever became of the ones before, and a latency
// counts from when its post was due. autocannon's rate is no such thing: it lets every connection go at the turn of the
// second, as fast as it can, and is silent for the rest of it.
import { connect, type Socket } from 'node:net';
import { systemClock } from '../src/core/clock.ts';
import { programInput } from './children.ts';
import { CONNECTIONS, postBodies } from './posts.ts';

export interface OpenLoopInput {
  readonly url: string;
  readonly perSecond: number;
  readonly seconds: number;
}

export interface OpenLoopResult {
  readonly answeredPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** How late this program itself was at worst: what it adds to the latencies. */
  readonly ownLateMs: number;
}

/** Not counted: the server compiles its hot paths meanwhile. */
const WARM_UP_MS = 2_000;
const DRAIN_MS_MAX = 10_000;

interface Connection {
  readonly socket: Socket;
  /** When the post under way was due; undefined while there is none. */
  dueMs: number | undefined;
  received: string;
}

interface Run {
  readonly requests: readonly Buffer[];
  readonly idle: Connection[];
  /** Posts that found no idle connection, by when they were due. */
  readonly waiting: number[];
  readonly latencies: number[];
  countFromMs: number;
  sent: number;
  failed: number;
}

async function main({ url, perSecond, seconds }: OpenLoopInput): Promise<void> {
  const { hostname, port, host } = new URL(url);
  const requests = postBodies().map((body) =>
    Buffer.from(
      `POST /exposure HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    ),
  );
  const run: Run = { requests, idle: [], waiting: [], latencies: [], countFromMs: 0, sent: 0, failed: 0 };
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(run, hostname, Number(port))));
  const { due, ownLateMs } = await pace(run, perSecond, WARM_UP_MS + seconds * 1000);
  const deadline = performance.now() + DRAIN_MS_MAX;
  while (run.idle.length < CONNECTIONS && performance.now() < deadline) await systemClock.sleep(5);
  for (const socket of sockets) socket.destroy();
  if (run.failed > 0 || run.idle.length < CONNECTIONS) {
    const open = CONNECTIONS - run.idle.length;
    throw new Error(
      `${run.failed} of ${due} posts failed; ${open} connections have a post without an answer, ${run.waiting.length} posts wait for one`,
    );
  }
  const sorted = run.latencies.sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
  const answer: OpenLoopResult = {
    answeredPerSecond: sorted.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
    maxMs: at(1),
    ownLateMs,
  };
  console.log(JSON.stringify(answer));
}

/** Starts what is due every millisecond, until the time is up. */
function pace(run: Run, perSecond: number, forMs: number): Promise<{ readonly due: number; readonly ownLateMs: number }> {
  const startMs = performance.now();
  run.countFromMs = startMs + WARM_UP_MS;
  let due = 0;
  let ownLateMs = 0;
  let lastMs = startMs;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const nowMs = performance.now();
      if (nowMs > run.countFromMs) ownLateMs = Math.max(ownLateMs, nowMs - lastMs - 1);
      lastMs = nowMs;
      const passedMs = Math.min(nowMs - startMs, forMs);
      for (; due < Math.floor((passedMs / 1000) * perSecond); due++) post(run, startMs + (due / perSecond) * 1000);
      if (nowMs - startMs < forMs) return;
      clearInterval(timer);
      resolve({ due, ownLateMs });
    }, 1);
  });
}

function post(run: Run, dueMs: number): void {
  // The one that rested longest: a server closes those that rest for seconds.
  const connection = run.idle.shift();
  if (connection === undefined) {
    run.waiting.push(dueMs);
    return;
  }
  connection.dueMs = dueMs;
  connection.socket.write(run.requests[run.sent++ % run.requests.length] ?? '');
}

async function open(run: Run, host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const connection: Connection = { socket, dueMs: undefined, received: '' };
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => onData(run, connection, chunk));
  run.idle.push(connection);
  return socket;
}

function onData(run: Run, connection: Connection, chunk: string): void {
  connection.received += chunk;
  const { received, dueMs } = connection;
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd === -1 || dueMs === undefined) return;
  const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? Number.NaN);
  if (received.length < headEnd + 4 + length) return;
  if (!received.startsWith('HTTP/1.1 200 ')) run.failed++;
  if (dueMs >= run.countFromMs) run.latencies.push(performance.now() - dueMs);
  connection.received = '';
  connection.dueMs = undefined;
  run.idle.push(connection);
  const next = run.waiting.shift();
  if (next !== undefined) post(run, next);
}

await main(programInput());
