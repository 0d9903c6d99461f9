// Every setting of gbx, once: plain data, so that `--help` costs nothing. src/core/parse-config.ts reads values by this
// table; `gbx config explain`, the README's section and redaction come from it too.

export interface SettingEntry {
  readonly env: string;
  /** Long flag; none for secrets, which never belong on a command line. */
  readonly flag?: string;
  readonly type: 'text' | 'list' | 'integer' | 'integers' | 'choice';
  readonly choices?: readonly string[];
  /** Inclusive bounds, integers only. */
  readonly min?: number;
  readonly max?: number;
  readonly unit?: 'seconds' | 'milliseconds' | 'rows' | 'bytes' | 'count';
  readonly default?: string | number;
  /** Lists of hosts only: each item is host:port, and gets this port where it has none. */
  readonly portDefault?: number;
  /** A secret is never printed, and can be given as a file: the name plus `_FILE`. */
  readonly secret?: true;
  /** One sentence. */
  readonly about: string;
}

// biome-ignore format: a table, one setting a line
export const SETTINGS = {
  kafkaBootstrapServers: { env: 'KAFKA_BOOTSTRAP_SERVERS', flag: '--brokers', type: 'list', portDefault: 9092, about: 'Kafka brokers to start from, host:port, separated by commas.' },
  kafkaTopic: { env: 'GBX_TOPIC', flag: '--topic', type: 'text', default: 'exposures', about: 'Topic that carries the exposures.' },
  deadLetterTopic: { env: 'GBX_DEAD_LETTER_TOPIC', flag: '--dead-letter-topic', type: 'text', default: 'exposures.dlq', about: 'Topic for records given up with a reason.' },
  consumerGroup: { env: 'GBX_CONSUMER_GROUP', flag: '--group', type: 'text', default: 'growthbook-consumer', about: 'Consumer group that loads the topic.' },
  kafkaTls: { env: 'GBX_KAFKA_TLS', flag: '--kafka-tls', type: 'choice', choices: ['auto', 'on', 'off'], default: 'auto', about: 'TLS towards Kafka; auto is on and verified, save on loopback.' },
  kafkaCaFile: { env: 'GBX_KAFKA_CA_FILE', flag: '--kafka-ca-file', type: 'text', about: 'PEM file of the authority that signed the brokers’ certificates.' },

  dbHost: { env: 'DB_HOST', flag: '--db-host', type: 'text', about: 'Host of the warehouse.' },
  dbPort: { env: 'DB_PORT', flag: '--db-port', type: 'integer', min: 1, max: 65_535, default: 5439, about: 'Port of the warehouse.' },
  dbName: { env: 'DB_NAME', flag: '--db-name', type: 'text', default: 'dev', about: 'Database in the warehouse.' },
  dbUser: { env: 'DB_USER', flag: '--db-user', type: 'text', about: 'User of the warehouse.' },
  dbPassword: { env: 'DB_PASSWORD', type: 'text', secret: true, about: 'Password of that user.' },
  dbTls: { env: 'GBX_DB_TLS', flag: '--db-tls', type: 'choice', choices: ['auto', 'on', 'off'], default: 'auto', about: 'TLS towards the warehouse; auto is on and verified, save on loopback.' },
  dbCaFile: { env: 'GBX_DB_CA_FILE', flag: '--db-ca-file', type: 'text', about: 'PEM file of the authority that signed the warehouse’s certificate.' },
  dbDialect: { env: 'GBX_DB_DIALECT', flag: '--db-dialect', type: 'choice', choices: ['auto', 'redshift', 'postgres'], default: 'auto', about: 'SQL to speak; auto asks the server for its version.' },

  batchSize: { env: 'BATCH_SIZE', flag: '--batch-size', type: 'integer', min: 1, max: 100_000, unit: 'rows', default: 100, about: 'Records that make a batch due.' },
  batchTimeoutSeconds: { env: 'BATCH_TIMEOUT_SECONDS', flag: '--batch-timeout', type: 'integer', min: 1, max: 3600, unit: 'seconds', default: 30, about: 'Age of a batch’s first record that makes it due.' },
  batchRowsMax: { env: 'GBX_BATCH_ROWS_MAX', flag: '--batch-rows-max', type: 'integer', min: 1, max: 100_000, unit: 'rows', default: 16_000, about: 'Records a batch may grow to under backlog.' },
  batchBytesMax: { env: 'GBX_BATCH_BYTES_MAX', flag: '--batch-bytes-max', type: 'integer', min: 100_000, max: 64_000_000, unit: 'bytes', default: 8_000_000, about: 'Bytes a batch may grow to: keys and values, and 200 for each record.' },
  maxRetries: { env: 'MAX_RETRIES', flag: '--max-retries', type: 'integer', min: 0, max: 100, unit: 'count', default: 3, about: 'Times a row that the warehouse refuses is tried again after its first attempt; then it is a dead letter.' },
  retryBackoffMs: { env: 'GBX_RETRY_BACKOFF_MS', flag: '--retry-backoff', type: 'integers', min: 0, max: 60_000, unit: 'milliseconds', default: '1000,4000,16000', about: 'Longest waits before the retries of a row, one after the other, the last for all that follow.' },
  retryTopic: { env: 'GBX_RETRY_TOPIC', flag: '--retry-topic', type: 'text', about: 'Topic that refused rows are requeued to; without it the topic they came from.' },
  startFrom: { env: 'GBX_START_FROM', flag: '--start-from', type: 'choice', choices: ['earliest', 'latest'], default: 'earliest', about: 'Where a partition starts that neither ledger nor group knows.' },
  lockTimeoutSeconds: { env: 'GBX_LOCK_TIMEOUT_SECONDS', flag: '--lock-timeout', type: 'integer', min: 1, max: 3600, unit: 'seconds', default: 120, about: 'Longest wait for a lock in the warehouse.' },
  statementTimeoutSeconds: { env: 'GBX_STATEMENT_TIMEOUT_SECONDS', flag: '--statement-timeout', type: 'integer', min: 1, max: 3600, unit: 'seconds', default: 180, about: 'Longest statement in the warehouse, its wait for a lock included.' },
  sessionTimeoutSeconds: { env: 'GBX_SESSION_TIMEOUT_SECONDS', flag: '--session-timeout', type: 'integer', min: 6, max: 300, unit: 'seconds', default: 30, about: 'Silence after which Kafka gives a consumer’s partitions to others.' },

  httpHost: { env: 'GBX_HTTP_HOST', flag: '--host', type: 'text', default: '0.0.0.0', about: 'Address that serve listens on.' },
  httpPort: { env: 'GBX_HTTP_PORT', flag: '--port', type: 'integer', min: 0, max: 65_535, default: 8000, about: 'Port that serve listens on; 0 takes a free one.' },
  apiKeys: { env: 'GBX_API_KEYS', type: 'list', secret: true, about: 'Keys for the read routes, separated by commas; two may be valid while one is replaced.' },
  corsOrigins: { env: 'GBX_CORS_ORIGINS', flag: '--cors-origins', type: 'list', default: '*', about: 'Origins that may post from a browser.' },
  acceptTimeoutMs: { env: 'GBX_ACCEPT_TIMEOUT_MS', flag: '--accept-timeout', type: 'integer', min: 50, max: 60_000, unit: 'milliseconds', default: 5000, about: 'Time within which a posted exposure is acknowledged or refused.' },
  accept: { env: 'GBX_ACCEPT', flag: '--accept', type: 'choice', choices: ['auto', 'broker', 'spool'], default: 'auto', about: 'What an answer of 2xx waits for: the brokers, or the disk of the spool; auto is spool where GBX_SPOOL_DIR is set.' },
  spoolDir: { env: 'GBX_SPOOL_DIR', flag: '--spool-dir', type: 'text', about: 'Folder of the spool: one for each process of serve.' },
  spoolBytesMax: { env: 'GBX_SPOOL_BYTES_MAX', flag: '--spool-bytes-max', type: 'integer', min: 1_000_000, max: 1_000_000_000_000, unit: 'bytes', default: 1_000_000_000, about: 'What the spool may hold; beyond it serve answers 503.' },
  bodyBytesMax: { env: 'GBX_BODY_BYTES_MAX', flag: '--body-bytes-max', type: 'integer', min: 1024, max: 16_000_000, unit: 'bytes', default: 1_048_576, about: 'Largest request body.' },
  adminHost: { env: 'GBX_ADMIN_HOST', flag: '--admin-host', type: 'text', default: '127.0.0.1', about: 'Address of consume’s health and metrics.' },
  adminPort: { env: 'GBX_ADMIN_PORT', flag: '--admin-port', type: 'integer', min: 0, max: 65_535, default: 8001, about: 'Port of consume’s health and metrics; 0 takes a free one.' },
  drainTimeoutSeconds: { env: 'GBX_DRAIN_TIMEOUT_SECONDS', flag: '--drain-timeout', type: 'integer', min: 1, max: 3600, unit: 'seconds', default: 25, about: 'Time to finish what is under way after the first signal.' },
  drainDelaySeconds: { env: 'GBX_DRAIN_DELAY_SECONDS', flag: '--drain-delay', type: 'integer', min: 0, max: 300, unit: 'seconds', default: 0, about: 'Time after the first signal in which serve still takes exposures, while /readyz says 503; at most half of the time to finish.' },

  replayDir: { env: 'GBX_REPLAY_DIR', flag: '--replay-dir', type: 'text', default: '.gbx/replay', about: 'Folder that holds the plans of gbx replay and their journals.' },
  dataDir: { env: 'GBX_DATA_DIR', flag: '--data-dir', type: 'text', default: '.gbx', about: 'Folder that holds the data of the local stack.' },
  logLevel: { env: 'GBX_LOG_LEVEL', flag: '--log-level', type: 'choice', choices: ['error', 'warn', 'info', 'debug'], default: 'info', about: 'Least severe log line that is written.' },
  logFormat: { env: 'GBX_LOG_FORMAT', flag: '--log-format', type: 'choice', choices: ['auto', 'json', 'text'], default: 'auto', about: 'Form of log lines; auto is text on a terminal, else JSON.' },
  mongodbUri: { env: 'MONGODB_URI', type: 'text', secret: true, about: 'GrowthBook’s own database; taken for later use, not opened yet.' },
} as const satisfies Record<string, SettingEntry>;

export type SettingKey = keyof typeof SETTINGS;

type ValueOf<E> = E extends { type: 'integer' }
  ? number
  : E extends { type: 'integers' }
    ? readonly number[]
    : E extends { type: 'list' }
      ? readonly string[]
      : E extends { type: 'choice'; choices: readonly (infer C)[] }
        ? C
        : string;

/** The settings, checked: those without a default may be absent. `requireSettings` narrows. */
export type Config = {
  readonly [K in SettingKey]: (typeof SETTINGS)[K] extends { default: unknown }
    ? ValueOf<(typeof SETTINGS)[K]>
    : ValueOf<(typeof SETTINGS)[K]> | undefined;
};

/** Where a value came from, e.g. `environment`, `.env`, `flag --topic`, `default`, `file /run/secrets/db`, `not set`. */
export type Sources = Readonly<Record<SettingKey, string>>;

/** The names of all settings, in the table's order. */
export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

/** A row of the table with the optional columns visible to the compiler. */
export function settingEntry(key: SettingKey): SettingEntry {
  return SETTINGS[key];
}
