// Child processes of the benchmark: each ends when we do, however that happens, and is ended by its own id.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../src/core/clock.ts';
import { type KeptProcess, openKeptProcess } from '../src/dev/kept-process.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
/** What Linux counts CPU time in; `getconf CLK_TCK` says 100 on every platform that Node runs on. */
const TICKS_PER_SECOND = 100;
const OUTPUT_LINES_MAX = 40;

/** Nothing of the developer's shell reaches what is measured. */
export function cleanEnv(added: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...added };
}

/** Runs a program of this folder to its end. @returns what it printed as its last line, parsed */
export async function runProgram<T>(name: string, input: unknown): Promise<T> {
  const lines: string[] = [];
  const errors: string[] = [];
  await using child = await openKeptProcess({
    command: process.execPath,
    args: ['--import', 'tsx', fileURLToPath(new URL(name, import.meta.url)), JSON.stringify(input)],
    cwd: ROOT,
    env: cleanEnv(),
    output: { onLine: (line, stream) => (stream === 'stdout' ? lines : errors).push(line) },
  });
  const { code } = await child.exited;
  const last = lines.at(-1);
  if (code !== 0 || last === undefined) throw new Error(`${name} ended with code ${code}:\n${errors.slice(-OUTPUT_LINES_MAX).join('\n')}`);
  return JSON.parse(last) as T;
}

/** What runProgram gave. */
export function programInput<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T;
}

export interface Usage {
  /** User and system, since its start. */
  readonly cpuSeconds: number;
  /** The most it ever had resident. */
  readonly rssPeakBytes: number;
}

/** Of a process that runs; zeros where there is no /proc. @throws {Error} where it has ended: it has used more than nothing */
export async function readUsage(pid: number): Promise<Usage> {
  const usage = await peekUsage(pid);
  if (usage.rssPeakBytes === 0 && existsSync('/proc/self/status')) throw new Error(`process ${pid} has ended: what it used is lost`);
  return usage;
}

/** The same for who asks until it ends: zeros once it has. */
export async function peekUsage(pid: number): Promise<Usage> {
  const [stat, status] = await Promise.all([readProc(`/proc/${pid}/stat`), readProc(`/proc/${pid}/status`)]);
  // The second field is the name in parentheses and may hold spaces: fields are counted after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  const peak = /VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? '0';
  return { cpuSeconds: ticks / TICKS_PER_SECOND, rssPeakBytes: Number(peak) * 1024 };
}

async function readProc(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

/** A line of a child's log. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface Watched extends AsyncDisposable {
  readonly pid: number;
  /** The first line with this event, past ones included. @throws {Error} when it ends without, or after `timeoutMs` */
  event(name: string, timeoutMs: number): Promise<LogLine>;
  stop(): Promise<void>;
  tail(): string;
}

interface WatchOptions {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly onLine?: (line: LogLine) => void;
}

/** Starts `node <args>`, a program that logs JSON lines. */
export async function watchNode({ args, cwd, env = {}, onLine = () => undefined }: WatchOptions): Promise<Watched> {
  const tail: string[] = [];
  const seen = new Map<string, LogLine>();
  const child: KeptProcess = await openKeptProcess({
    command: process.execPath,
    args,
    cwd,
    env: cleanEnv(env),
    graceSeconds: 30,
    output: {
      onLine: (text) => {
        tail.push(text);
        if (tail.length > OUTPUT_LINES_MAX) tail.shift();
        const line = parseLine(text);
        if (line === undefined) return;
        const event = String(line['event']);
        if (!seen.has(event)) seen.set(event, line);
        onLine(line);
      },
    },
  });
  const fail = (why: string): never => {
    throw new Error(`${args.join(' ')}: ${why}:\n${tail.join('\n')}`);
  };
  return {
    pid: child.pid,
    tail: () => tail.join('\n'),
    async event(name, timeoutMs) {
      const deadline = systemClock.elapsed() + timeoutMs;
      for (;;) {
        const line = seen.get(name);
        if (line !== undefined) return line;
        if (!child.isRunning()) fail(`ended before it said ${name}`);
        if (systemClock.elapsed() > deadline) fail(`waited ${timeoutMs} ms in vain for ${name}`);
        await systemClock.sleep(20);
      }
    },
    stop: async () => void (await child.stop()),
    [Symbol.asyncDispose]: async () => void (await child.stop()),
  };
}

function parseLine(text: string): LogLine | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return undefined;
  }
}
