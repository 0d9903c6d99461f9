// The frame of every command: flags -> configuration -> logger -> work -> exit code. Called by cli.ts once a process;
// commands get everything they need in one context and never look at the process themselves.
import type { Readable } from 'node:stream';
import type { CommandEntry } from './command-entry.ts';
import type { Clock, Random } from './core/clock.ts';
import type { Config, SettingKey, Sources } from './core/config.ts';
import { ERROR_CODES, GbxError } from './core/errors.ts';
import type { Logger } from './core/log.ts';
import { type ConfigProblem, parseConfig, readConfig, requireSettings } from './core/parse-config.ts';
import { secretTexts } from './core/redact.ts';
import { withOrigin } from './core/setting-origin.ts';
import { readDotEnv, readSecretFile } from './files/read-config-files.ts';

export interface Output {
  write(text: string): void;
  readonly isTty: boolean;
  readonly columns: number;
  /** Whether colour is wanted on this stream (core/wants-color.ts); absent: no. */
  readonly hasColor?: boolean;
}

/** The whole screen and the keys, for a view that draws. */
export interface Terminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  /** Whether the locale has more than ASCII (core/speaks-unicode.ts). */
  readonly isUnicode: boolean;
  /** `restore` is called, synchronously, on ways out that do not unwind: a crash, a second signal. */
  onLeave(restore: () => void): void;
  /** Around a stop of the process, as by Ctrl-Z in a shell: before it, and when it goes on; the latter also where nothing told before. */
  onStop(around: { readonly leave: () => void; readonly enter: () => void }): void;
  /** What Ctrl-Z does where it is no key. */
  stop(): void;
}

/** What runs this process: for `gbx doctor` and its bundle. */
export interface RuntimeFacts {
  /** Of gbx. */
  readonly version: string;
  /** Of Node, e.g. `20.20.2`. */
  readonly node: string;
  readonly platform: string;
  readonly arch: string;
  /** What the container or the machine lets this process have; undefined where nothing says. */
  readonly memoryBytesMax: number | undefined;
}

export interface CommandContext {
  readonly config: Config;
  readonly sources: Sources;
  /** Settings that are wrong; empty, save for a command that explains the configuration. */
  readonly problems: readonly ConfigProblem[];
  /** Names that look like settings and are none: logged already. */
  readonly warnings: readonly string[];
  readonly runtime: RuntimeFacts;
  /** The command's own flags by camelCase name: numbers where the table says integer or rate, true or absent for switches. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly args: readonly string[];
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Opened when it is asked for; who asks destroys it, as a read that waits would hold the process open. */
  readonly stdin?: (() => Readable) | undefined;
  /** Undefined where stdout is no terminal that can be drawn on. */
  readonly terminal?: (() => Terminal | undefined) | undefined;
}

/** What cli.ts lends of the process. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin?: () => Readable;
  readonly terminal?: () => Terminal | undefined;
  readonly runtime: RuntimeFacts;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Told as soon as the configuration is known: what must not be printed, and how long the end may take. */
  readonly configured: (facts: { readonly secrets: readonly string[]; readonly drainTimeoutMs: number }) => void;
}

/** One command as it was typed. */
export interface Invocation {
  readonly entry: CommandEntry;
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
  /** Text of the settings given as flags. */
  readonly flags: Readonly<Partial<Record<SettingKey, string>>>;
}

/** @returns the exit code. @throws {GbxError} */
export async function runCommand({ entry, args, options, flags }: Invocation, host: Host): Promise<number> {
  const { env, folder, stdout, stderr, stdin, terminal, runtime, clock, random, signal } = host;
  if (entry.refusedInProduction && env['NODE_ENV'] === 'production') {
    throw new GbxError('GBX_REFUSED_IN_PRODUCTION', `Cannot run gbx ${entry.name} under NODE_ENV=production: it is for one machine`);
  }
  const input = { flags, env, dotEnv: readDotEnv(folder), readSecretFile };
  const { config, sources, problems, warnings } = entry.showsConfig ? readConfig(input) : parseConfig(input);
  requireSettings(config, entry.needs ?? []);
  const secrets = secretTexts(config);
  host.configured({ secrets, drainTimeoutMs: (entry.stopsWithinSeconds ?? config.drainTimeoutSeconds) * 1000 });
  // What answers once has no log to keep: only what goes wrong is worth a line.
  const level = entry.runsOn || sources.logLevel !== 'default' ? config.logLevel : 'warn';
  const format = config.logFormat === 'auto' ? (stderr.isTty ? 'text' : 'json') : config.logFormat;
  const { createLogger } = await import('./telemetry/create-logger.ts');
  const log = createLogger({ level, format, write: (line) => stderr.write(line), clock, secrets });
  for (const warning of warnings) log.warn('config.name_unknown', { warning });
  const { run } = await entry.load();
  try {
    return await run({
      config,
      sources,
      problems,
      warnings,
      runtime,
      options,
      args,
      log,
      clock,
      random,
      signal,
      stdout,
      stderr,
      stdin,
      terminal,
    });
  } catch (error) {
    throw withOrigin(withCommandHelp(error, entry.name), sources);
  }
}

/** Wrong usage that only the command could see: its own help is the next step, unless a better one is known. */
function withCommandHelp(error: unknown, name: string): unknown {
  if (!(error instanceof GbxError) || error.code !== 'GBX_USAGE' || error.hint !== ERROR_CODES.GBX_USAGE.hint) return error;
  return new GbxError('GBX_USAGE', error.message, { cause: error.cause, hint: `gbx ${name} --help` });
}
