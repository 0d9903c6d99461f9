// A child process that cannot outlive us. Every server of the local stack is started here.
// A tiny shell stands between: it holds a pipe to us and, when that closes (we stopped it, or we died, however), it ends
// the server in order and after the grace the whole process group by force. So stopping and being orphaned are one path.
import { spawn } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';
import { platform } from 'node:os';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { GbxError } from '../core/errors.ts';

/**
 * $1 stop signal, $2 grace in seconds, $3 delay in seconds when orphaned, then the command. Descriptor 0 is the pipe from
 * the parent: a line says stop, its end without one that the parent is dead. 3 tells the parent the server's pid and exit
 * code. The server gets neither. SIGPIPE is ignored only after the server has started, which must not inherit that.
 */
const KEEPER = `
signal=$1; grace=$2; delay=$3; shift 3
exec 5<&0
"$@" </dev/null 3>&- 5<&- &
server=$!
trap '' PIPE
echo "pid $server" >&3
{ read -r _ <&5 || sleep "$delay"; kill -"$signal" "$server"; kill -CONT "$server"; sleep "$grace"; kill -KILL 0; } >/dev/null 2>&1 &
wait "$server"
echo "exit $?" >&3
kill -KILL 0
`;

/** For servers: serve and consume of a dead `gbx dev` finish and leave their group before Kafka and PostgreSQL go. */
export const SERVER_ORPHAN_DELAY_SECONDS = 3;

interface KeptProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** To run as another user; only root may. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** What it prints: appended to a file, or handed over line by line. */
  readonly output: { readonly file: string } | { readonly onLine: (line: string, stream: 'stdout' | 'stderr') => void };
  readonly stopSignal?: 'TERM' | 'INT';
  /** Seconds between the stop signal and the end by force. @default 5 */
  readonly graceSeconds?: number;
  /** Seconds that it outlives a dead parent, so that those who depend on it end first. @default 0 */
  readonly orphanDelaySeconds?: number;
}

/** How it ended: its exit code as a shell counts it (128 + signal), undefined where it had to be ended by force. */
export interface Exit {
  readonly code: number | undefined;
}

export interface KeptProcess extends AsyncDisposable {
  /** Of the server itself, for signals from tests and for people to look at. */
  readonly pid: number;
  /** Resolves when it and its process group are gone; never rejects. */
  readonly exited: Promise<Exit>;
  isRunning(): boolean;
  /** Stop signal, grace, force; resolves when it is gone. May be called again. */
  stop(): Promise<Exit>;
}

/** Starts the command under a keeper. @throws {GbxError} GBX_LOCAL_STACK where there is no shell to be one */
export async function openKeptProcess(options: KeptProcessOptions): Promise<KeptProcess> {
  if (platform() === 'win32') {
    throw new GbxError('GBX_LOCAL_STACK', 'The local stack runs on Linux and macOS only', {
      hint: 'use WSL 2, or run gbx serve and gbx consume with servers that you have',
    });
  }
  const { output } = options;
  const file: FileHandle | undefined = 'file' in output ? await open(output.file, 'a') : undefined;
  const sink = file?.fd ?? 'pipe';
  const { stopSignal = 'TERM', graceSeconds = 5, orphanDelaySeconds = 0, command, args } = options;
  const orders = [stopSignal, String(graceSeconds), String(orphanDelaySeconds)];
  const keeper = spawn('/bin/sh', ['-c', KEEPER, 'gbx-keeper', ...orders, command, ...args], {
    cwd: options.cwd,
    env: options.env ?? process.env,
    detached: true,
    stdio: ['pipe', sink, sink, 'pipe'],
    ...(options.user ?? {}),
  });
  const started = new Promise<void>((resolve, reject) => keeper.once('spawn', resolve).once('error', reject));
  // All of this before anything is waited for: of a process that has ended Node throws away what nobody listens to.
  if ('onLine' in output) {
    forwardLines(keeper.stdout, (line) => output.onLine(line, 'stdout'));
    forwardLines(keeper.stderr, (line) => output.onLine(line, 'stderr'));
  }
  let running = true;
  const report = readReport(keeper.stdio[3] as Readable);
  const exited = new Promise<Exit>((resolve) => {
    keeper.once('close', () => {
      running = false;
      // The keeper ends its group itself; this is for the case that somebody killed the keeper.
      if (keeper.pid !== undefined) killGroup(keeper.pid);
      report.exit.then(resolve, () => resolve({ code: undefined }));
    });
  });
  await started.finally(() => file?.close());
  const lifeline = keeper.stdin as Writable;
  lifeline.on('error', () => undefined);
  const stop = (): Promise<Exit> => {
    if (!lifeline.writableEnded) lifeline.end('stop\n');
    return exited;
  };
  return { pid: await report.pid, exited, isRunning: () => running, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

interface Report {
  readonly pid: Promise<number>;
  readonly exit: Promise<Exit>;
}

/** Reads the keeper's two lines. A keeper that ends without them was killed. */
function readReport(stream: Readable): Report {
  const lines = createInterface({ input: stream });
  let pidSeen: (pid: number) => void;
  const pid = new Promise<number>((resolve) => {
    pidSeen = resolve;
  });
  const exit = new Promise<Exit>((resolve) => {
    let code: number | undefined;
    lines.on('line', (line) => {
      const [word, value] = line.split(' ');
      if (word === 'pid') pidSeen(Number(value));
      if (word === 'exit') code = Number(value);
    });
    lines.once('close', () => {
      pidSeen(-1);
      resolve({ code });
    });
  });
  return { pid, exit };
}

function forwardLines(stream: Readable | null, onLine: (line: string) => void): void {
  if (stream) createInterface({ input: stream }).on('line', onLine);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Gone already: what we want.
  }
}
