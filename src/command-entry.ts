// What a command is, as plain data: what --help prints and where the work is. src/entries/ has one file a command;
// program.ts builds the command line from them; a command's module is loaded only when it runs.
import type { SettingKey } from './core/config.ts';
import type { CommandContext } from './run-command.ts';

export interface CommandOption {
  /** As commander writes it: `--count <n>`. */
  readonly flags: string;
  readonly about: string;
  /**
   * integer: from 1 up; port: 1 to 65535; count: from 0 up; number: any from 0 up; rate: `50/s` or `50`, a number per second;
   * duration: `500ms`, `60s`, `5m`, `2h` or seconds, read as milliseconds; none: a switch.
   */
  readonly type?: 'text' | 'integer' | 'port' | 'count' | 'number' | 'rate' | 'duration';
  /** For text: the only values it takes. */
  readonly choices?: readonly string[];
  /** The values of the first argument that it has a meaning with; with another one it is refused. */
  readonly only?: readonly string[];
  /** As it would be typed, or what it is read as. */
  readonly default?: string | number;
}

export interface CommandArgument {
  readonly name: string;
  /** The only values it takes; any text without. */
  readonly choices?: readonly string[];
  readonly isOptional?: true;
  readonly about: string;
}

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly arguments?: readonly CommandArgument[];
  readonly options?: readonly CommandOption[];
  /** The settings it obeys: each is a flag, and a line of its help. */
  readonly settings: readonly SettingKey[];
  /** Those among them that it cannot do without: all that are missing are named at once, before anything starts. */
  readonly needs?: readonly SettingKey[];
  readonly examples: readonly string[];
  /** Works until a signal ends it: a signal is its proper end, exit code 0. */
  readonly runsOn?: true;
  /** Changes something outside: goes on to its end though nobody reads its answer any more, where others end. */
  readonly finishesUnread?: true;
  /** Time to stop in, where it is not the setting for draining. */
  readonly stopsWithinSeconds?: number;
  /** Is for one machine: not under NODE_ENV=production. */
  readonly refusedInProduction?: true;
  /** Runs although settings are wrong, to show them. */
  readonly showsConfig?: true;
  readonly load: () => Promise<{ readonly run: (context: CommandContext) => Promise<number> }>;
}
