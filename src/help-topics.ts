// The pages of `gbx help` that belong to no command: exit codes and errors, from the table of core/errors.ts. Text for people,
// or with --json one document.
import { ERROR_CODES, type ErrorCode, EXIT, GbxError } from './core/errors.ts';
import { nearestName } from './core/nearest-name.ts';

export const HELP_TOPICS = ['exit-codes', 'errors'] as const;

interface TopicRequest {
  /** What was typed after `help`: topic first. */
  readonly words: readonly string[];
  readonly isJson: boolean;
}

const MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  done: 'yes, or done',
  no: 'the answer is no: something is missing, late, failed or left to do',
  usage: 'wrong usage: a flag or argument that gbx does not take',
  badData: 'the data is refused',
  unavailable: 'Kafka, the warehouse or another part is not reached',
  bug: 'a bug in gbx',
  tryAgain: 'try again: something else holds what is needed',
  permission: 'no permission, or a login that is refused',
  config: 'the configuration does not fit',
  timeout: 'out of time',
};
const SIGNALS: readonly (readonly [number, string])[] = [
  [129, 'ended by SIGHUP: the terminal of gbx lag --watch was closed'],
  [130, 'ended by SIGINT (Ctrl-C)'],
  [143, 'ended by SIGTERM'],
];

/** What a running pipeline does about it. */
const FAILURES = {
  transient: 'a running pipeline holds, and goes on by itself when it is over',
  contention: 'a running pipeline tries again in place',
  ambiguous: 'a running pipeline asks the ledger what became of it',
  systemic: 'a running pipeline holds, loudly, until somebody mends it',
  row: 'the record is given up with this reason, its neighbours go on',
  fatal: 'the process ends',
} as const;

/**
 * @returns the page; undefined where the first word is no topic
 * @throws {GbxError} GBX_USAGE for an error code that is none, with the nearest one
 */
export function helpTopic({ words: [topic, name, ...more], isJson }: TopicRequest): string | undefined {
  if (topic !== 'exit-codes' && topic !== 'errors') return undefined;
  if (more.length > 0 || (topic === 'exit-codes' && name !== undefined)) {
    throw new GbxError('GBX_USAGE', `too many arguments for gbx help ${topic}`, { hint: `gbx help ${topic}` });
  }
  if (topic === 'exit-codes') return isJson ? documentOf('gbx.exit-codes/1', { exitCodes: exitCodes() }) : exitCodesPage();
  const codes = name === undefined ? (Object.keys(ERROR_CODES) as ErrorCode[]) : [parseCode(name)];
  if (isJson) return documentOf('gbx.errors/1', { errors: codes.map(errorFacts) });
  return name === undefined ? errorsPage(codes) : codes.map(errorPage).join('');
}

function documentOf(schema: string, content: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify({ schema, ...content })}\n`;
}

function exitCodes(): { readonly exitCode: number; readonly meaning: string }[] {
  const own = Object.entries(MEANINGS).map(([name, meaning]) => ({ exitCode: EXIT[name as keyof typeof EXIT], meaning }));
  return [...own, ...SIGNALS.map(([exitCode, meaning]) => ({ exitCode, meaning }))];
}

function exitCodesPage(): string {
  const lines = exitCodes().map(({ exitCode, meaning }) => `  ${String(exitCode).padStart(3)}  ${meaning}`);
  return `Exit codes\n\n${lines.join('\n')}\n\n64 to 78 are those of sysexits.h, 124 is that of timeout(1). Which error has which: gbx help errors\n`;
}

function errorFacts(code: ErrorCode) {
  const { exit: exitCode, failure, hint } = ERROR_CODES[code];
  return { code, exitCode, failure, hint };
}

function errorsPage(codes: readonly ErrorCode[]): string {
  const width = Math.max(...codes.map((code) => code.length));
  const lines = codes.map((code) => `  ${code.padEnd(width)}  ${String(ERROR_CODES[code].exit).padStart(3)}  ${ERROR_CODES[code].hint}`);
  return `Errors, their exit codes, and the next step\n\n${lines.join('\n')}\n\nMore on one: gbx help errors <code>\n`;
}

function errorPage(code: ErrorCode): string {
  const { exit, failure, hint } = ERROR_CODES[code];
  const meaning = exitCodes().find(({ exitCode }) => exitCode === exit)?.meaning;
  return `${code}\n  exit code: ${exit}, ${meaning}\n  meanwhile: ${FAILURES[failure]}\n  try:       ${hint}\n`;
}

/** As it stands in a log or an error, or without GBX_, in any case. */
function parseCode(name: string): ErrorCode {
  const codes = Object.keys(ERROR_CODES) as ErrorCode[];
  const asked = name.toUpperCase().replaceAll('-', '_');
  const known = codes.find((code) => code === asked || code === `GBX_${asked}`);
  if (known !== undefined) return known;
  const near = nearestName(asked.startsWith('GBX_') ? asked : `GBX_${asked}`, codes);
  const guess = near === undefined ? '' : ` (Did you mean ${near}?)`;
  throw new GbxError('GBX_USAGE', `there is no error code '${name}'${guess}`, { hint: 'gbx help errors' });
}
