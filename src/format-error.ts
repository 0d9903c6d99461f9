// A failure as people read it (README.md) and as programs read it. Called by cli.ts, the only place that prints errors.
import { GbxError } from './core/errors.ts';
import { redact } from './core/redact.ts';

interface Facts {
  /** Versions and platform, for reports of bugs. */
  readonly about: string;
  readonly secrets: readonly string[];
}

/**
 *     error: cannot reach Kafka at kafka-1:9092 [GBX_KAFKA_UNREACHABLE]
 *       cause: connect ECONNREFUSED 10.0.0.7:9092
 *       from:  KAFKA_BOOTSTRAP_SERVERS (environment)
 *       try:   check KAFKA_BOOTSTRAP_SERVERS and that the brokers are up
 */
export function formatError(error: GbxError, { about, secrets }: Facts): string {
  const [headline = '', ...more] = error.message.split('\n');
  const lines = [`error: ${headline} [${error.code}]`, ...more];
  const isBug = error.code === 'GBX_BUG';
  for (const cause of causes(error)) lines.push(`  cause: ${cause}`);
  if (error.from !== undefined) lines.push(`  from:  ${error.from}`);
  lines.push(`  try:   ${error.hint}`);
  if (isBug) lines.push('', `  ${about}`, ...stackOf(error));
  return `${redact(lines.join('\n'), secrets)}\n`;
}

/**
 * What stdout promises to hold: one JSON document, lines of JSON, or text (undefined). An error comes there too, in the same
 * form, since who reads it waits for JSON whatever happened.
 */
export type JsonForm = 'document' | 'lines' | undefined;

/** @param options of the command, by camelCase name */
export function jsonFormOf(options: Readonly<Record<string, unknown>>): JsonForm {
  if (options['output'] === 'ndjson' || options['ndjson'] === true) return 'lines';
  return options['json'] === true || options['output'] === 'json' ? 'document' : undefined;
}

/** The same of what was typed, where it could not be understood. */
export function jsonFormIn(argv: readonly string[]): JsonForm {
  const end = argv.indexOf('--');
  const typed = end < 0 ? argv : argv.slice(0, end);
  const at = typed.findIndex((text) => text === '--output' || text.startsWith('--output='));
  const output = typed[at]?.includes('=') ? typed[at]?.slice('--output='.length) : typed[at + 1];
  return jsonFormOf({ json: typed.includes('--json'), ndjson: typed.includes('--ndjson'), ...(at < 0 ? {} : { output }) });
}

/** The same for --json: one document on stdout. */
export function errorDocument(error: GbxError, { secrets }: Pick<Facts, 'secrets'>): string {
  const { code, message, hint, exitCode, from } = error;
  const document = { schema: 'gbx.error/1', error: { code, message: redact(message, secrets), hint, from, exitCode } };
  return `${JSON.stringify(document)}\n`;
}

/** Messages of the chain, outermost first, without those that only repeat what stands above them. */
function causes(error: Error): string[] {
  const lines: string[] = [];
  let above = error.message;
  for (let cause = error.cause, depth = 0; cause !== undefined && cause !== null && depth < 8; depth += 1) {
    const message = describe(cause);
    if (message !== '' && !above.includes(message)) lines.push(message.replaceAll(/\s*\n\s*/gu, '; '));
    above = message || above;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return lines;
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // Node gives a refused connection to several addresses as one error without a message.
  if (cause instanceof AggregateError && cause.message === '') return cause.errors.map(describe).join('; ');
  const code = cause instanceof GbxError ? ` [${cause.code}]` : '';
  return `${cause.message || cause.name}${code}`;
}

function stackOf(error: GbxError): string[] {
  const stack = error.cause instanceof Error ? error.cause.stack : error.stack;
  return (stack ?? '').split('\n').map((line) => `  ${line}`);
}
