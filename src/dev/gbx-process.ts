// One of gbx's own commands as a child of `gbx dev`: the very process that runs in production, started by the same file,
// speaking through the same log. A crash of one is seen as what it is, and cannot take the others with it.
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { GbxError } from '../core/errors.ts';
import type { LogEvent } from '../core/follow/watch.ts';
import { type KeptProcess, openKeptProcess } from './kept-process.ts';

const GBX = fileURLToPath(new URL('../../bin/gbx', import.meta.url));
const LINES_KEPT = 20;

interface OpenGbxOptions {
  /** Its settings; anything else is inherited. An undefined one is taken away. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly graceSeconds: number;
  readonly onEvent: (event: LogEvent) => void;
}

interface Ended {
  readonly code: number | undefined;
  readonly problem: GbxError;
  /** Of the error that it ended with. */
  readonly errorCode: string | undefined;
}

export interface GbxProcess extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** The event, past ones included. @throws {GbxError} GBX_LOCAL_STACK when it ends without, with its last words */
  until(event: string): Promise<LogEvent>;
  /** Resolves when it has ended: with its code, undefined by force, and what to say where that was not wanted. */
  readonly ended: Promise<Ended>;
  stop(): Promise<void>;
}

export async function openGbx(args: readonly string[], { env, graceSeconds, onEvent }: OpenGbxOptions): Promise<GbxProcess> {
  const name = args.join(' ');
  const events = new Map<string, LogEvent>();
  const waiters = new Set<(event: LogEvent) => void>();
  const lastWords: string[] = [];
  const onLine = (line: string): void => {
    const event = parseLogLine(line);
    if (event === undefined || event.level === 'error' || event.level === 'warn') lastWords.push(line);
    if (lastWords.length > LINES_KEPT) lastWords.shift();
    if (event === undefined) return;
    if (!events.has(event.event)) events.set(event.event, event);
    for (const waiter of waiters) waiter(event);
    onEvent(event);
  };
  const child: KeptProcess = await openKeptProcess({
    command: process.execPath,
    args: [GBX, ...args],
    env: { ...process.env, ...env },
    output: { onLine },
    graceSeconds,
  });
  const ended = child.exited.then(({ code }) => ({
    code,
    problem: describeEnd(name, { code, lastWords }),
    errorCode: findErrorCode(lastWords),
  }));
  const until = (wanted: string): Promise<LogEvent> =>
    new Promise((resolve, reject) => {
      const past = events.get(wanted);
      if (past) return resolve(past);
      const waiter = (event: LogEvent): void => {
        if (event.event !== wanted) return;
        waiters.delete(waiter);
        resolve(event);
      };
      waiters.add(waiter);
      void ended.then(({ problem }) => reject(problem));
    });
  const stop = async (): Promise<void> => void (await child.stop());
  return { name, pid: child.pid, until, ended, stop, [Symbol.asyncDispose]: stop };
}

/** Said where the ledger of one warehouse meets the Kafka of another: their own hints need servers that are stopped by then. */
const OTHER_DATA = /\bGBX_(?:COMMITTED_AHEAD|TOPIC_CHANGED)\b/;

export function describeEnd(
  name: string,
  { code, lastWords }: { readonly code: number | undefined; readonly lastWords: readonly string[] },
): GbxError {
  const words = lastWords.map((line) => `\n  | ${line}`).join('');
  return new GbxError('GBX_LOCAL_STACK', `gbx ${name} ended ${code === undefined ? 'by force' : `with code ${code}`}${words}`, {
    hint: OTHER_DATA.test(words)
      ? 'Kafka and the warehouse are not of the same runs: throw the local data away with npm start -- --fresh'
      : 'mend what its last lines name, and start again',
  });
}

/** As the last error is printed: `error: … [GBX_PORT_IN_USE]`. */
export function findErrorCode(lastWords: readonly string[]): string | undefined {
  const line = lastWords.findLast((words) => words.startsWith('error: '));
  return /\[(GBX_[A-Z_]+)\]$/u.exec(line ?? '')?.[1];
}

/** Undefined for what is no line of the log. */
export function parseLogLine(line: string): LogEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { level, event, ...fields } = JSON.parse(line) as Record<string, unknown>;
    return typeof level === 'string' && typeof event === 'string' ? { level, event, fields } : undefined;
  } catch {
    return undefined;
  }
}
