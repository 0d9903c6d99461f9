// The command line, built from the tables of commands.ts and core/config.ts. Called by cli.ts; the only importer of commander.
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { COMMANDS, type CommandEntry, type CommandOption } from './commands.ts';
import { type SettingKey, settingEntry } from './core/config.ts';
import { GbxError } from './core/errors.ts';
import type { Invocation } from './run-command.ts';

interface ProgramOptions {
  readonly version: string;
  readonly stdout: (text: string) => void;
  readonly columns: number;
}

type Parsed = { readonly kind: 'command'; readonly invocation: Invocation } | { readonly kind: 'answered' };

const EXIT_CODES = `
Exit codes: 0 yes or done, 1 the answer is no, 2 wrong usage, 65 bad data, 69 unavailable, 70 a bug, 75 try again,
77 no permission, 78 wrong configuration, 124 out of time, 130 and 143 ended by a signal.`;

/**
 * What was typed: a command, or a question that help or version has answered on stdout by now.
 * @throws {GbxError} GBX_USAGE, with a suggestion where a name comes close.
 */
export function parseArguments(argv: readonly string[], options: ProgramOptions): Parsed {
  let invocation: Invocation | undefined;
  const program = createProgram(options, (typed) => {
    invocation = typed;
  });
  try {
    // Called without anything: the help is the answer.
    program.parse(argv.length === 0 ? ['--help'] : [...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'answered' };
    throw usageError(error, argv);
  }
  return invocation === undefined ? { kind: 'answered' } : { kind: 'command', invocation };
}

function createProgram({ version, stdout, columns }: ProgramOptions, onCommand: (invocation: Invocation) => void): Command {
  const program = new Command('gbx')
    .description('Brings GrowthBook experiment exposures from HTTP through Kafka into the warehouse, each exactly once.')
    .version(version, '--version', 'Print the version.')
    .helpOption('-h, --help', 'Print this.')
    .helpCommand('help [command]', 'Print the help of a command.')
    .addHelpText('after', EXIT_CODES);
  for (const entry of COMMANDS) program.addCommand(createCommand(entry, onCommand));
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .configureHelp({ showGlobalOptions: false })
      .configureOutput({ writeOut: stdout, writeErr: () => undefined, getOutHelpWidth: () => columns, getErrHelpWidth: () => columns });
  }
  return program;
}

function createCommand(entry: CommandEntry, onCommand: (invocation: Invocation) => void): Command {
  const command = new Command(entry.name).summary(entry.summary).description(entry.description).helpOption('-h, --help', 'Print this.');
  for (const { name, choices, about } of entry.arguments ?? []) command.addArgument(new Argument(`<${name}>`, about).choices(choices));
  for (const option of entry.options ?? []) command.addOption(ownOption(option));
  const attributes = new Map<string, SettingKey>();
  const secrets: string[] = [];
  for (const key of entry.settings) {
    const option = settingOption(key);
    if (option === undefined) secrets.push(`  ${settingEntry(key).env}, or ${settingEntry(key).env}_FILE: ${settingEntry(key).about}`);
    else attributes.set(option.attributeName(), key);
    if (option !== undefined) command.addOption(option);
  }
  if (secrets.length > 0) command.addHelpText('after', `\nFrom the environment or .env only:\n${secrets.join('\n')}`);
  command.addHelpText('after', `\nExamples:\n${entry.examples.map((example) => `  ${example}`).join('\n')}`);
  return command.action(() => {
    const flags: Partial<Record<SettingKey, string>> = {};
    const options: Record<string, unknown> = {};
    for (const [attribute, value] of Object.entries(command.opts())) {
      const key = attributes.get(attribute);
      if (key === undefined) options[attribute] = value;
      else flags[key] = String(value);
    }
    onCommand({ entry, args: command.args, options, flags });
  });
}

/** A setting's flag; undefined for secrets, which have none. */
function settingOption(key: SettingKey): Option | undefined {
  const { env, flag, about, type, choices, unit, default: standard } = settingEntry(key);
  if (flag === undefined) return undefined;
  const placeholder = choices?.join('|') ?? (type === 'integer' ? (unit ?? 'n') : type);
  const facts = standard === undefined ? env : `${env}, default ${standard}`;
  return new Option(`${flag} <${placeholder}>`, `${about} (${facts})`).helpGroup('Settings (flag, then environment, then .env):');
}

function ownOption({ flags, about, type, default: standard }: CommandOption): Option {
  const option = new Option(flags, about);
  if (type === 'integer') option.argParser(parseCount);
  if (type === 'rate') option.argParser(parseRate);
  return standard === undefined ? option : option.default(standard);
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/u.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 up.');
  return Number(text);
}

function parseRate(text: string): number {
  const rate = Number(/^(\d+(?:\.\d+)?)(?:\/s)?$/u.exec(text)?.[1]);
  if (!(rate > 0 && rate <= 100_000)) throw new InvalidArgumentError('It must be a number per second, as in 50/s.');
  return rate;
}

function usageError(error: CommanderError, argv: readonly string[]): GbxError {
  const command = COMMANDS.find(({ name }) => argv.includes(name));
  // Commander writes `error: …\n(Did you mean …?)`.
  const message = error.message.replace(/^error: /u, '').replaceAll(/\s*\n\s*/gu, ' ');
  return new GbxError('GBX_USAGE', message, { hint: `gbx ${command === undefined ? '' : `${command.name} `}--help` });
}
