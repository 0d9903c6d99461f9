// Text from flags, environment and `.env` -> checked settings, by the table of config.ts. Called once a process, by
// run-command. All problems come out at once, each with where its value came from; values of secrets never do.
import { type Config, SETTING_KEYS, type SettingEntry, type SettingKey, type Sources, settingEntry } from './config.ts';
import { GbxError } from './errors.ts';
import { nearestName } from './nearest-name.ts';
import { parseSetting } from './parse-setting.ts';

type Texts = Readonly<Record<string, string | undefined>>;

export interface ConfigInput {
  /** Text of the flags that were given, by setting. */
  readonly flags: Readonly<Partial<Record<SettingKey, string>>>;
  readonly env: Texts;
  /** The names of `.env` in the working directory; undefined where there is none. */
  readonly dotEnv: Texts | undefined;
  /** Reads the file that a `*_FILE` name points to. */
  readonly readSecretFile: (path: string) => string;
}

export interface ConfigProblem {
  readonly name: string;
  readonly source: string;
  /** What is wrong, with the value unless it is a secret. */
  readonly message: string;
}

export interface ReadConfig {
  /** Settings with a problem stand as if they were not given. */
  readonly config: Config;
  readonly sources: Sources;
  readonly problems: readonly ConfigProblem[];
  /** Names that look like ours and are not. */
  readonly warnings: readonly string[];
}

interface Found {
  readonly name: string;
  readonly source: string;
  readonly text: string;
}

/**
 * Flags before environment before `.env` before the default; an empty value in the latter two counts as not given.
 * @throws {GbxError} GBX_CONFIG with every problem; GBX_USAGE where only flags are wrong.
 */
export function parseConfig(input: ConfigInput): ReadConfig {
  const read = readConfig(input);
  if (read.problems.length > 0) throw configError(read.problems);
  return read;
}

/** As parseConfig, but problems are returned: for showing a configuration that is not right yet. */
export function readConfig(input: ConfigInput): ReadConfig {
  const values: Partial<Record<SettingKey, unknown>> = {};
  const sources: Partial<Record<SettingKey, string>> = {};
  const problems: ConfigProblem[] = [];
  for (const key of SETTING_KEYS) {
    const entry = settingEntry(key);
    const found = findText(key, input);
    const result = found && ('message' in found ? found : parseFound(found, entry));
    if (result && 'message' in result) problems.push(result);
    const given = result !== undefined && 'value' in result;
    values[key] = given ? result.value : parseDefault(entry);
    sources[key] = given ? result.source : entry.default === undefined ? 'not set' : 'default';
  }
  // Every key of the table has been filled by its own entry.
  const config = raiseRowsMax(values as Config, sources as Sources);
  problems.push(...crossProblems(config, sources as Sources));
  return { config, sources: sources as Sources, problems, warnings: unknownNames(input) };
}

function parseFound(found: Found, entry: SettingEntry): { readonly value: unknown; readonly source: string } | ConfigProblem {
  const parsed = parseSetting(found.text, entry);
  if (parsed.ok) return { value: parsed.value, source: found.source };
  const value = entry.secret ? 'the value (hidden)' : JSON.stringify(found.text);
  return { name: found.name, source: found.source, message: `${value} ${parsed.expected}` };
}

function parseDefault(entry: SettingEntry): unknown {
  if (entry.default === undefined) return undefined;
  const parsed = parseSetting(String(entry.default), entry);
  if (!parsed.ok) throw new TypeError(`the default of ${entry.env} ${parsed.expected}`);
  return parsed.value;
}

function findText(key: SettingKey, { flags, env, dotEnv, readSecretFile }: ConfigInput): Found | ConfigProblem | undefined {
  const entry = settingEntry(key);
  const flag = flags[key];
  if (flag !== undefined && entry.flag !== undefined) {
    const place = { name: entry.flag, source: `flag ${entry.flag}` };
    return flag.trim() === '' ? { ...place, message: 'must not be empty' } : { ...place, text: flag };
  }
  for (const [source, texts] of [
    ['environment', env],
    ['.env', dotEnv ?? {}],
  ] as const) {
    const text = texts[entry.env] || undefined;
    const path = entry.secret ? texts[`${entry.env}_FILE`] || undefined : undefined;
    if (text !== undefined && path !== undefined) {
      return { name: entry.env, source, message: `is given twice: keep one of ${entry.env} and ${entry.env}_FILE` };
    }
    if (path !== undefined) return findInFile({ name: `${entry.env}_FILE`, source, path, readSecretFile });
    if (text !== undefined) return { name: entry.env, source, text };
  }
  return undefined;
}

interface SecretFile {
  readonly name: string;
  readonly source: string;
  readonly path: string;
  readonly readSecretFile: (path: string) => string;
}

function findInFile({ name, source, path, readSecretFile }: SecretFile): Found | ConfigProblem {
  try {
    const text = readSecretFile(path);
    if (text === '') return { name, source, message: `${JSON.stringify(path)} is an empty file` };
    return { name, source: `file ${path}`, text };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { name, source, message: `cannot be read: ${reason}` };
  }
}

/** A BATCH_SIZE beyond the default cap raises the cap: the architecture's `.env` knows only BATCH_SIZE. */
function raiseRowsMax(config: Config, sources: Sources): Config {
  if (sources.batchRowsMax !== 'default') return config;
  return { ...config, batchRowsMax: Math.max(config.batchRowsMax, config.batchSize) };
}

function crossProblems(config: Config, sources: Sources): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (config.batchRowsMax < config.batchSize) {
    const message = `${config.batchRowsMax} must be at least BATCH_SIZE, which is ${config.batchSize} (${sources.batchSize})`;
    problems.push({ name: 'GBX_BATCH_ROWS_MAX', source: sources.batchRowsMax, message });
  }
  if (config.statementTimeoutSeconds <= config.lockTimeoutSeconds) {
    const lock = `GBX_LOCK_TIMEOUT_SECONDS, which is ${config.lockTimeoutSeconds} (${sources.lockTimeoutSeconds})`;
    const message = `${config.statementTimeoutSeconds} must be more than ${lock}: a statement's wait for its lock counts`;
    problems.push({ name: 'GBX_STATEMENT_TIMEOUT_SECONDS', source: sources.statementTimeoutSeconds, message });
  }
  return problems;
}

function unknownNames({ env, dotEnv }: ConfigInput): string[] {
  const known = SETTING_KEYS.flatMap((key) => {
    const { env: name, secret } = settingEntry(key);
    return secret ? [name, `${name}_FILE`] : [name];
  });
  const warnings: string[] = [];
  for (const [source, texts] of [
    ['environment', env],
    ['.env', dotEnv ?? {}],
  ] as const) {
    for (const name of Object.keys(texts).sort()) {
      if (!name.startsWith('GBX_') || known.includes(name)) continue;
      const near = nearestName(name, known);
      warnings.push(`${name} (${source}) is no setting of gbx${near === undefined ? '' : `: did you mean ${near}?`}`);
    }
  }
  return warnings;
}

function configError(problems: readonly ConfigProblem[]): GbxError {
  const [first, ...rest] = problems;
  const code = problems.every(({ source }) => source.startsWith('flag ')) ? 'GBX_USAGE' : 'GBX_CONFIG';
  if (first !== undefined && rest.length === 0) {
    return new GbxError(code, `${first.name}: ${first.message}`, { from: `${first.name} (${first.source})` });
  }
  const lines = problems.map(({ name, source, message }) => `\n  ${name} (${source}): ${message}`);
  return new GbxError(code, `${problems.length} settings are wrong:${lines.join('')}`);
}

/** The configuration with these settings surely given. */
export type ConfigWith<K extends SettingKey> = Config & { readonly [P in K]: NonNullable<Config[P]> };

/** @throws {GbxError} GBX_CONFIG that names every missing setting and each way to give it. */
export function requireSettings<K extends SettingKey>(config: Config, keys: readonly K[]): ConfigWith<K> {
  const missing = keys.filter((key) => config[key] === undefined).map(settingEntry);
  if (missing.length === 0) return config as ConfigWith<K>;
  const names = missing.map(({ env }) => env).join(', ');
  const flags = missing.flatMap(({ flag }) => flag ?? []);
  const files = missing.flatMap(({ env, secret }) => (secret ? `${env}_FILE` : []));
  const [verb, it] = missing.length === 1 ? ['is', 'it'] : ['are', 'them'];
  const ways = [`set ${it} in the environment or in .env`];
  if (flags.length > 0) ways.push(`or pass ${flags.join(', ')}`);
  if (files.length > 0) ways.push(`or name a file in ${files.join(', ')}`);
  throw new GbxError('GBX_CONFIG', `${names} ${verb} not set, and this command needs ${it}`, { hint: ways.join(', ') });
}
