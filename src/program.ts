// The command line, built from the tables of commands.ts and core/config.ts. Called by cli.ts; the only importer of commander.
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { CommandArgument, CommandEntry, CommandOption } from './command-entry.ts';
import { COMMANDS } from './commands.ts';
import { type SettingKey, settingEntry } from './core/config.ts';
import { GbxError } from './core/errors.ts';
import { nearestName } from './core/nearest-name.ts';
import { HELP_TOPICS, helpTopic } from './help-topics.ts';
import type { Invocation } from './run-command.ts';

interface ProgramOptions {
  readonly version: string;
  readonly stdout: (text: string) => void;
  readonly columns: number;
}

type Parsed = { readonly kind: 'command'; readonly invocation: Invocation } | { readonly kind: 'answered' };

const EXIT_CODES = `
Exit codes: 0 yes or done, 1 the answer is no, 2 wrong usage, 65 bad data, 69 unavailable, 70 a bug, 75 try again,
77 no permission, 78 wrong configuration, 124 out of time, 130 and 143 ended by a signal.
More: ${HELP_TOPICS.map((topic) => `gbx help ${topic}`).join(', ')}`;

/**
 * What was typed: a command, or a question that help or version has answered on stdout by now.
 * @throws {GbxError} GBX_USAGE, with a suggestion where a name comes close.
 */
export function parseArguments(argv: readonly string[], options: ProgramOptions): Parsed {
  const page = argv[0] === 'help' ? topicPage(argv.slice(1)) : undefined;
  if (page !== undefined) {
    options.stdout(page);
    return { kind: 'answered' };
  }
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

/** A page of help that is no command's; undefined where commander knows what is meant. */
function topicPage(words: readonly string[]): string | undefined {
  const topic = helpTopic({ words: words.filter((word) => word !== '--json'), isJson: words.includes('--json') });
  const [name] = words;
  if (topic !== undefined || name === undefined || name.startsWith('-')) return topic;
  const names = [...COMMANDS.map((command) => command.name), 'help', ...HELP_TOPICS];
  // Commander would answer an unknown name with the whole help, as if that had been asked for.
  if (names.includes(name) && words.length === 1) return undefined;
  if (names.includes(name)) throw new GbxError('GBX_USAGE', `too many arguments for gbx help ${name}`, { hint: `gbx help ${name}` });
  const near = nearestName(name, names);
  throw new GbxError('GBX_USAGE', `there is no help on '${name}'${near === undefined ? '' : ` (Did you mean ${near}?)`}`, {
    hint: 'gbx help',
  });
}

function createProgram({ version, stdout, columns }: ProgramOptions, onCommand: (invocation: Invocation) => void): Command {
  const program = new Command('gbx')
    .description('Brings GrowthBook experiment exposures from HTTP through Kafka into the warehouse, each exactly once.')
    .version(version, '--version', 'Print the version.')
    .helpOption('-h, --help', 'Print this.')
    .helpCommand('help [command]', `Print the help of a command, or of ${HELP_TOPICS.join(', ')}.`)
    .addHelpText('after', EXIT_CODES);
  for (const entry of COMMANDS) program.addCommand(createCommand(entry, onCommand));
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .configureHelp({ showGlobalOptions: false, minWidthToWrap: 30 })
      .configureOutput({ writeOut: stdout, writeErr: () => undefined, getOutHelpWidth: () => columns, getErrHelpWidth: () => columns });
  }
  return program;
}

function createCommand(entry: CommandEntry, onCommand: (invocation: Invocation) => void): Command {
  const command = new Command(entry.name).summary(entry.summary).description(entry.description).helpOption('-h, --help', 'Print this.');
  for (const argument of entry.arguments ?? []) command.addArgument(ownArgument(argument));
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
    assertUsed(command, entry);
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

/** A flag that would be ignored is one that somebody relies on. @throws {GbxError} GBX_USAGE */
function assertUsed(command: Command, { name, arguments: [argument] = [], options = [] }: CommandEntry): void {
  for (const { flags, only } of options) {
    const option = command.options.find((one) => one.flags === flags);
    if (only === undefined || option === undefined || command.getOptionValueSource(option.attributeName()) !== 'cli') continue;
    const action = command.args[0];
    if (action !== undefined && only.includes(action)) continue;
    const where = only.map((value) => `gbx ${name} ${value}`).join(', ');
    throw new GbxError(
      'GBX_USAGE',
      `Cannot take ${option.long} with ${argument?.name ?? 'action'} ${action ?? 'none'}: it belongs to ${where}`,
      {
        hint: `gbx ${name} --help`,
      },
    );
  }
}

/** A setting's flag; undefined for secrets, which have none. */
function settingOption(key: SettingKey): Option | undefined {
  const { env, flag, about, type, choices, unit, default: standard } = settingEntry(key);
  if (flag === undefined) return undefined;
  const placeholder = choices?.join('|') ?? (type === 'integer' ? (unit ?? 'n') : type);
  const facts = standard === undefined ? env : `${env}, default ${standard}`;
  return new Option(`${flag} <${placeholder}>`, `${about} (${facts})`).helpGroup('Settings (flag, then environment, then .env):');
}

function ownArgument({ name, choices, isOptional, about }: CommandArgument): Argument {
  const argument = new Argument(isOptional ? `[${name}]` : `<${name}>`, about);
  return choices === undefined ? argument : argument.choices(choices);
}

function ownOption({ flags, about, type, choices, default: standard }: CommandOption): Option {
  const option = new Option(flags, about);
  if (choices !== undefined) option.choices(choices);
  if (type !== undefined && type !== 'text') option.argParser(PARSERS[type]);
  return standard === undefined ? option : option.default(standard);
}

const PARSERS = {
  integer: parseInteger,
  port: parsePort,
  count: parseCount,
  number: parseNumber,
  rate: parseRate,
  duration: parseDuration,
};

function parseInteger(text: string): number {
  if (!/^[1-9]\d{0,8}$/u.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 up.');
  return Number(text);
}

function parsePort(text: string): number {
  const port = parseInteger(text);
  if (port > 65_535) throw new InvalidArgumentError('It must be a port, from 1 to 65535.');
  return port;
}

function parseCount(text: string): number {
  if (!/^\d{1,15}$/u.test(text)) throw new InvalidArgumentError('It must be a whole number from 0 up.');
  return Number(text);
}

function parseNumber(text: string): number {
  if (!/^\d{1,12}(?:\.\d{1,6})?$/u.test(text)) throw new InvalidArgumentError('It must be a number from 0 up.');
  return Number(text);
}

function parseRate(text: string): number {
  const rate = Number(/^(\d+(?:\.\d+)?)(?:\/s)?$/u.exec(text)?.[1]);
  if (!(rate > 0 && rate <= 1_000_000)) throw new InvalidArgumentError('It must be a number per second, as in 50/s.');
  return rate;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function parseDuration(text: string): number {
  const [, amount, unit = 's'] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)?$/u.exec(text) ?? [];
  if (amount === undefined) throw new InvalidArgumentError('It must be a time as 500ms, 60s, 5m or 2h.');
  return Number(amount) * (UNIT_MS[unit] ?? Number.NaN);
}

function usageError(error: CommanderError, argv: readonly string[]): GbxError {
  const command = COMMANDS.find(({ name }) => argv.includes(name));
  // Commander writes `error: …\n(Did you mean …?)`.
  const message = error.message.replace(/^error: /u, '').replaceAll(/\s*\n\s*/gu, ' ');
  return new GbxError('GBX_USAGE', message, { hint: `gbx ${command === undefined ? '' : `${command.name} `}--help` });
}
