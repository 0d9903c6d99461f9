// Child processes of tests: started, watched line by line, ended by their own id. Disposing one leaves nothing running.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/core/clock.ts';

const GBX = fileURLToPath(new URL('../../bin/gbx', import.meta.url));

/** To find programs and the cache of Kafka's jars. */
const INHERITED = ['PATH', 'HOME', 'JAVA_HOME', 'XDG_CACHE_HOME'];

interface ProcessOptions {
  /** Added to the few that are passed on: no setting of the developer's shell reaches a test. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

interface WaitOptions {
  /** @default 20_000 */
  readonly timeoutMs?: number;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface TestProcess extends AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<ProcessExit>;
  /** All of it so far. */
  stdout(): string;
  stderr(): string;
  /** The first line of either stream that matches, past ones included. Fails when it ends without, or at the deadline. */
  line(match: RegExp | string, options?: WaitOptions): Promise<string>;
  /** Its end. Fails at the deadline, with what it printed. */
  exit(options?: WaitOptions): Promise<ProcessExit>;
  write(text: string): void;
  signal(signal: NodeJS.Signals): void;
}

/** Runs `bin/gbx`; needs a built dist/. */
export function startGbx(args: readonly string[], options: ProcessOptions = {}): Promise<TestProcess> {
  return startProcess(process.execPath, [GBX, ...args], options);
}

export async function startProcess(command: string, args: readonly string[], { env = {}, cwd }: ProcessOptions = {}): Promise<TestProcess> {
  const inherited = Object.fromEntries(INHERITED.map((name) => [name, process.env[name]]));
  const child = spawn(command, args, { cwd, env: { ...inherited, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  child.stdin.on('error', () => undefined);
  const output = collect(child);
  const exited = new Promise<ProcessExit>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  const describe = (): string =>
    `${[command, ...args].join(' ')}\n--- stdout\n${output.text('stdout')}\n--- stderr\n${output.text('stderr')}`;
  const signal = (name: NodeJS.Signals): void => void child.kill(name);
  return {
    pid: child.pid ?? -1,
    exited,
    stdout: () => output.text('stdout'),
    stderr: () => output.text('stderr'),
    line: (match, { timeoutMs = 20_000 } = {}) => within(timeoutMs, output.find(match), () => `line ${match} of ${describe()}`),
    exit: ({ timeoutMs = 20_000 } = {}) => within(timeoutMs, exited, () => `the end of ${describe()}`),
    write: (text) => void child.stdin.write(text),
    signal,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) signal('SIGKILL');
      await exited;
    },
  };
}

interface Output {
  text(stream: 'stdout' | 'stderr'): string;
  find(match: RegExp | string): Promise<string>;
}

function collect(child: ChildProcess): Output {
  const lines: { readonly stream: 'stdout' | 'stderr'; readonly line: string }[] = [];
  const waiters = new Set<(line: string | undefined) => void>();
  const watch = (stream: 'stdout' | 'stderr', readable: Readable | null): void => {
    if (!readable) return;
    createInterface({ input: readable }).on('line', (line) => {
      lines.push({ stream, line });
      for (const waiter of waiters) waiter(line);
    });
  };
  watch('stdout', child.stdout);
  watch('stderr', child.stderr);
  child.once('close', () => {
    for (const waiter of waiters) waiter(undefined);
  });
  const matches = (match: RegExp | string, line: string): boolean => (typeof match === 'string' ? line.includes(match) : match.test(line));
  const find = (match: RegExp | string): Promise<string> =>
    new Promise((resolve, reject) => {
      const past = lines.find(({ line }) => matches(match, line));
      if (past) return resolve(past.line);
      const waiter = (line: string | undefined): void => {
        if (line !== undefined && !matches(match, line)) return;
        waiters.delete(waiter);
        if (line === undefined)
          reject(new Error(`It ended without a line that matches ${match}:\n${lines.map((each) => each.line).join('\n')}`));
        else resolve(line);
      };
      waiters.add(waiter);
      if (child.exitCode !== null && child.stdout?.closed) waiter(undefined);
    });
  const text = (stream: 'stdout' | 'stderr'): string =>
    lines
      .filter((each) => each.stream === stream)
      .map(({ line }) => `${line}\n`)
      .join('');
  return { text, find };
}

async function within<T>(timeoutMs: number, promise: Promise<T>, what: () => string): Promise<T> {
  const late = new AbortController();
  const timeout = systemClock.sleep(timeoutMs, late.signal).then(() => {
    if (!late.signal.aborted) throw new Error(`Waited ${timeoutMs} ms in vain for ${what()}`);
    return promise;
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    late.abort();
    timeout.catch(() => undefined);
  }
}
