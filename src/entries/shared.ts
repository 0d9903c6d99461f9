// Settings and options that several commands have.
export const KAFKA = ['kafkaBootstrapServers', 'kafkaTopic', 'kafkaTls', 'kafkaCaFile'] as const;
export const WAREHOUSE = ['dbHost', 'dbPort', 'dbName', 'dbUser', 'dbPassword', 'dbTls', 'dbCaFile', 'dbDialect'] as const;
export const LIMITS = ['lockTimeoutSeconds', 'statementTimeoutSeconds'] as const;
export const LOAD = [
  'batchSize',
  'batchTimeoutSeconds',
  'batchRowsMax',
  'batchBytesMax',
  'maxRetries',
  'retryBackoffMs',
  'retryTopic',
  'startFrom',
  'sessionTimeoutSeconds',
] as const;
export const HTTP = ['httpHost', 'httpPort', 'apiKeys', 'corsOrigins', 'acceptTimeoutMs', 'bodyBytesMax'] as const;
export const ADMIN = ['adminHost', 'adminPort'] as const;
export const LOG = ['logLevel', 'logFormat'] as const;
export const JSON_OPTION = { flags: '--json', about: 'Print one JSON document instead of text.' } as const;
