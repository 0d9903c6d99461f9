// The commands as plain data: what --help prints and where the work is. program.ts builds the command line from it;
// a command's module is loaded only when it runs.
import type { SettingKey } from './core/config.ts';
import type { CommandContext } from './run-command.ts';

export interface CommandOption {
  /** As commander writes it: `--count <n>`. */
  readonly flags: string;
  readonly about: string;
  /** integer: from 1 up; rate: `50/s` or `50`, a number per second; none: a switch. */
  readonly type?: 'text' | 'integer' | 'rate';
  readonly default?: string | number;
}

export interface CommandArgument {
  readonly name: string;
  readonly choices: readonly string[];
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
  /** Time to stop in, where it is not the setting for draining. */
  readonly stopsWithinSeconds?: number;
  /** Is for one machine: not under NODE_ENV=production. */
  readonly refusedInProduction?: true;
  /** Runs although settings are wrong, to show them. */
  readonly showsConfig?: true;
  readonly load: () => Promise<{ readonly run: (context: CommandContext) => Promise<number> }>;
}

const KAFKA = ['kafkaBootstrapServers', 'kafkaTopic', 'kafkaTls', 'kafkaCaFile'] as const;
const WAREHOUSE = ['dbHost', 'dbPort', 'dbName', 'dbUser', 'dbPassword', 'dbTls', 'dbCaFile', 'dbDialect'] as const;
const LIMITS = ['lockTimeoutSeconds', 'statementTimeoutSeconds'] as const;
const LOAD = [
  'batchSize',
  'batchTimeoutSeconds',
  'batchRowsMax',
  'batchBytesMax',
  'maxRetries',
  'startFrom',
  'sessionTimeoutSeconds',
] as const;
const HTTP = ['httpHost', 'httpPort', 'apiKeys', 'corsOrigins', 'acceptTimeoutMs', 'bodyBytesMax'] as const;
const ADMIN = ['adminHost', 'adminPort'] as const;
const LOG = ['logLevel', 'logFormat'] as const;
const JSON_OPTION = { flags: '--json', about: 'Print one JSON document instead of text.' } as const;

const serve: CommandEntry = {
  name: 'serve',
  summary: 'Take exposures over HTTP and put them into Kafka',
  description: 'Answers POST /exposure and POST /exposures: an answer of 2xx means that every in-sync replica holds the exposure.',
  settings: [...HTTP, ...KAFKA, ...WAREHOUSE, ...LIMITS, 'drainTimeoutSeconds', ...LOG],
  needs: ['kafkaBootstrapServers'],
  examples: ['gbx serve --port 8000', 'gbx serve --brokers kafka-1:9092,kafka-2:9092'],
  runsOn: true,
  load: () => import('./commands/serve.ts'),
};

const consume: CommandEntry = {
  name: 'consume',
  summary: 'Load exposures from Kafka into the warehouse, each once',
  description: 'Reads the topic and writes growthbook.experiment_exposures in batches; the ledger in the warehouse says how far it got.',
  options: [
    { flags: '--reset-ledger <where>', type: 'text', about: 'Set the ledger to earliest, committed or an offset, print it and end.' },
    { flags: '--execute', about: 'With --reset-ledger: do it, instead of only showing it.' },
  ],
  settings: ['consumerGroup', 'deadLetterTopic', ...LOAD, ...KAFKA, ...WAREHOUSE, ...LIMITS, ...ADMIN, 'drainTimeoutSeconds', ...LOG],
  needs: ['kafkaBootstrapServers', 'dbHost', 'dbUser'],
  examples: ['gbx consume', 'gbx consume --batch-size 500 --batch-timeout 10', 'gbx consume --reset-ledger earliest'],
  runsOn: true,
  load: () => import('./commands/consume.ts'),
};

const migrate: CommandEntry = {
  name: 'migrate',
  summary: 'Make the tables and topics, or say what is missing',
  description: 'status says where the schema stands, plan shows what up would do, up does it: numbered files of sql/, then missing topics.',
  arguments: [{ name: 'action', choices: ['status', 'plan', 'up'], about: 'What to do.' }],
  options: [
    { flags: '--partitions <n>', type: 'integer', default: 6, about: 'Partitions of a topic that up creates.' },
    {
      flags: '--replication <n>',
      type: 'integer',
      about: "Copies of each partition of a topic that up creates; without it, the brokers' default.",
    },
    { flags: '--dry-run', about: 'With up: show what would be done, and do nothing.' },
    { flags: '--check', about: 'With status: exit 1 when something is left to do.' },
    JSON_OPTION,
  ],
  settings: ['deadLetterTopic', ...KAFKA, ...WAREHOUSE, ...LIMITS, ...LOG],
  needs: ['dbHost', 'dbUser'],
  examples: ['gbx migrate plan', 'gbx migrate up --partitions 12 --replication 3', 'gbx migrate status --check'],
  load: () => import('./commands/migrate.ts'),
};

const smoke: CommandEntry = {
  name: 'smoke',
  summary: 'Post exposures and wait until each is in the warehouse, once',
  description:
    'For after a deployment. Exit 0: all there, once, unaltered; 1: some missing, doubled or altered; 69: not reachable; 124: not in time.',
  options: [
    { flags: '--url <url>', type: 'text', default: 'http://127.0.0.1:8000', about: 'Where gbx serve listens.' },
    { flags: '--count <n>', type: 'integer', default: 20, about: 'Exposures to post.' },
    { flags: '--timeout <seconds>', type: 'integer', default: 120, about: 'Time until all must be in the warehouse.' },
    { flags: '--manifest <file>', type: 'text', about: 'Write down what was sent.' },
    JSON_OPTION,
  ],
  settings: [...WAREHOUSE, ...LIMITS, ...LOG],
  needs: ['dbHost', 'dbUser'],
  examples: ['gbx smoke --url https://exposures.example.com --count 100', 'gbx smoke --json'],
  load: () => import('./commands/smoke.ts'),
};

const dev: CommandEntry = {
  name: 'dev',
  summary: 'Run everything on this machine: Kafka, a warehouse, serve and consume',
  description: 'Starts real servers for what is not configured, and shows the way of each exposure. A batch is loaded after 1 s.',
  options: [
    { flags: '--fresh', about: 'Throw the data of the last time away.' },
    { flags: '--traffic <rate>', type: 'rate', about: 'Send synthetic exposures, e.g. 50/s.' },
    { flags: '--kafka-port <n>', type: 'integer', about: 'Port of the Kafka that it starts.' },
    { flags: '--postgres-port <n>', type: 'integer', about: 'Port of the PostgreSQL that it starts.' },
  ],
  settings: ['dataDir', ...HTTP, ...ADMIN, ...KAFKA, 'deadLetterTopic', 'consumerGroup', ...LOAD, ...WAREHOUSE, ...LIMITS],
  examples: ['gbx dev', 'gbx dev --traffic 50/s', 'gbx dev --fresh --port 8080'],
  runsOn: true,
  stopsWithinSeconds: 10,
  refusedInProduction: true,
  load: () => import('./commands/dev.ts'),
};

const config: CommandEntry = {
  name: 'config',
  summary: 'Show every setting, its value and where it came from',
  description:
    'Flags come before the environment, the environment before .env in the working directory, that before the default. Secrets are never shown.',
  arguments: [{ name: 'action', choices: ['explain'], about: 'What to do.' }],
  options: [JSON_OPTION],
  settings: [],
  examples: ['gbx config explain', 'gbx config explain --json'],
  showsConfig: true,
  load: () => import('./commands/config.ts'),
};

export const COMMANDS: readonly CommandEntry[] = [serve, consume, migrate, smoke, dev, config];
