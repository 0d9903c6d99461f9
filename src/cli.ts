// The entry: bin/gbx imports it. The only file that touches the process: arguments, streams, signals and exit codes.
import { readFileSync } from 'node:fs';
import { systemClock } from './core/clock.ts';
import { asGbxError, EXIT } from './core/errors.ts';
import { speaksUnicode } from './core/speaks-unicode.ts';
import { wantsColor } from './core/wants-color.ts';
import { errorDocument, formatError, jsonFormIn, jsonFormOf } from './format-error.ts';
import type { Output, RuntimeFacts, Terminal } from './run-command.ts';

/** What may still hold the process open after its work is done, before it is ended all the same. */
const LINGER_MS = 5_000;
/** npm passes a signal on to a child that the terminal has signalled too: twice within this is once. */
const SAME_SIGNAL_MS = 300;

const stopping = new AbortController();
let stoppedBy: 'SIGINT' | 'SIGTERM' | undefined;
let secrets: readonly string[] = [];
let drainTimeoutMs = 25_000;
const version = readVersion();
let jsonForm = jsonFormIn(process.argv.slice(2));
let hasAnswered = false;
let finishesUnread = false;
let isUnread = false;
/** Gives the terminal back; what is printed before that is gone with the alternate screen. */
let leaveTerminal: (() => void) | undefined;

function readVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : 'unknown';
}

function signalExitCode(signal: 'SIGINT' | 'SIGTERM'): number {
  return signal === 'SIGINT' ? 130 : 143;
}

function watchSignals(): void {
  let firstAt = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stoppedBy === undefined) {
        stoppedBy = signal;
        firstAt = systemClock.elapsed();
        const seconds = Math.ceil(drainTimeoutMs / 1000);
        process.stderr.write(`gbx: ${signal}: finishing what is under way, ${seconds} s at most; a second signal leaves at once\n`);
        stopping.abort();
        setTimeout(
          () => leave(`gbx: not finished after ${seconds + LINGER_MS / 1000} s, leaving`, signalExitCode(signal)),
          drainTimeoutMs + LINGER_MS,
        ).unref();
      } else if (systemClock.elapsed() - firstAt > SAME_SIGNAL_MS) {
        leave(`gbx: ${signal} again: leaving at once`, signalExitCode(signal));
      }
    });
  }
}

/** The only way out that does not wait for the event loop. */
function leave(reason: string, exitCode: number): never {
  leaveTerminal?.();
  process.stderr.write(`${reason}\n`);
  process.exit(exitCode);
}

function watchStreams(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    // The reader has seen enough, as in `gbx … | head`: that is no failure. What changes something is not left half done for it.
    if (!finishesUnread) process.exit(EXIT.done);
    isUnread = true;
  });
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    // Who collects the log is gone: exposures matter more than their log.
    if (error.code !== 'EPIPE') throw error;
  });
}

function report(thrown: unknown): number {
  leaveTerminal?.();
  const error = asGbxError(thrown);
  const about = `gbx ${version}, node ${process.versions.node}, ${process.platform} ${process.arch}`;
  process.stderr.write(formatError(error, { about, secrets }));
  // One document is promised, and is there: a second one would break its reader. Lines may always be followed by one more.
  if (jsonForm === 'lines' || (jsonForm === 'document' && !hasAnswered)) process.stdout.write(errorDocument(error, { secrets }));
  return error.exitCode;
}

function output(stream: NodeJS.WriteStream): Output {
  const isTty = stream.isTTY === true;
  return {
    write: (text) => {
      if (stream === process.stdout) {
        if (isUnread) return;
        hasAnswered = true;
      }
      stream.write(text);
    },
    isTty,
    columns: stream.columns || Number(process.env['COLUMNS']) || 80,
    hasColor: wantsColor(process.env, isTty),
  };
}

/** For a view that takes the whole screen; undefined where stdout is none that can be drawn on. */
function openTerminal(): Terminal | undefined {
  if (!process.stdout.isTTY || process.env['TERM'] === 'dumb') return undefined;
  // React looks at it once, when it is imported: without it, checks meant for its developers run with every frame.
  process.env['NODE_ENV'] ??= 'production';
  // The window was closed.
  process.once('SIGHUP', () => leave('gbx: SIGHUP: leaving', 129));
  return {
    input: process.stdin,
    output: process.stdout,
    isUnicode: speaksUnicode(process.env, process.platform),
    onLeave: (restore) => {
      leaveTerminal = restore;
    },
    onStop: watchStops,
    // To all of the group, as the terminal does it: a shell waits for npm, not for what npm has started.
    stop: () => void process.kill(0, 'SIGTSTP'),
  };
}

/** A stop by the shell's rules, with the terminal given back for as long. */
function watchStops({ leave: leaveFor, enter }: { readonly leave: () => void; readonly enter: () => void }): void {
  const goOn = (): void => {
    // Only who has the terminal is told of another size: it is looked at now.
    process.kill(process.pid, 'SIGWINCH');
    enter();
  };
  const stop = (): void => {
    leaveFor();
    // With the effect that it has by itself: it comes back from there when a shell lets it go on, or at once where none could.
    process.off('SIGTSTP', stop);
    process.kill(process.pid, 'SIGTSTP');
    process.on('SIGTSTP', stop);
    goOn();
  };
  process.on('SIGTSTP', stop);
  process.on('SIGCONT', goOn);
}

function runtimeFacts(): RuntimeFacts {
  // Where nothing limits it, Linux tells a number beyond any memory.
  const limit = process.constrainedMemory();
  const isLimit = limit > 0 && limit < Number.MAX_SAFE_INTEGER;
  const { platform, arch } = process;
  return { version, node: process.versions.node, platform, arch, memoryBytesMax: isLimit ? limit : undefined };
}

async function main(argv: readonly string[]): Promise<number> {
  const stdout = output(process.stdout);
  if (argv.length === 1 && argv[0] === '--version') {
    // Asked by scripts over and over: answered without building the command line.
    stdout.write(`${version}\n`);
    return EXIT.done;
  }
  const { parseArguments } = await import('./program.ts');
  const parsed = parseArguments(argv, { version, stdout: stdout.write, columns: stdout.columns });
  if (parsed.kind === 'answered') return EXIT.done;
  jsonForm = jsonFormOf(parsed.invocation.options);
  finishesUnread = parsed.invocation.entry.finishesUnread === true;
  const { runCommand } = await import('./run-command.ts');
  const exitCode = await runCommand(parsed.invocation, {
    env: process.env,
    folder: process.cwd(),
    stdout,
    stderr: output(process.stderr),
    stdin: () => process.stdin,
    terminal: openTerminal,
    runtime: runtimeFacts(),
    clock: systemClock,
    random: Math.random,
    signal: stopping.signal,
    configured: (facts) => {
      ({ secrets, drainTimeoutMs } = facts);
    },
  });
  // A signal is the proper end of what runs on; anything else was cut short by it.
  if (stoppedBy === undefined || parsed.invocation.entry.runsOn || exitCode !== EXIT.done) return exitCode;
  return signalExitCode(stoppedBy);
}

/** Lets the event loop run dry, so that output is written whole; names what keeps it from doing so. */
function finish(exitCode: number): void {
  process.exitCode = exitCode;
  setTimeout(() => {
    // Its own streams are always among them.
    const held = new Set(process.getActiveResourcesInfo().filter((name) => !/^(PipeWrap|TTYWrap)$/u.test(name)));
    leave(`gbx: done, but still held open by ${[...held].join(', ')}: leaving`, exitCode);
  }, LINGER_MS).unref();
}

watchStreams();
watchSignals();
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    report(error);
    process.exit(EXIT.bug);
  });
}
finish(await main(process.argv.slice(2)).catch(report));
