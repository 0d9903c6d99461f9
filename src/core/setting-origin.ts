// Where the setting came from that a failure is about: an error names what failed, the frame of the commands adds this.
import { type SettingKey, type Sources, settingEntry } from './config.ts';
import { type ErrorCode, GbxError } from './errors.ts';

const SETTINGS_AT_FAULT: Partial<Record<ErrorCode, readonly SettingKey[]>> = {
  GBX_KAFKA_UNREACHABLE: ['kafkaBootstrapServers'],
  GBX_KAFKA_TLS: ['kafkaBootstrapServers', 'kafkaTls', 'kafkaCaFile'],
  GBX_KAFKA_AUTH: ['kafkaBootstrapServers'],
  GBX_WAREHOUSE_UNREACHABLE: ['dbHost', 'dbPort'],
  GBX_WAREHOUSE_TLS: ['dbHost', 'dbTls', 'dbCaFile'],
  GBX_WAREHOUSE_AUTH: ['dbUser', 'dbPassword', 'dbName'],
};

/** The same error, with `from` where its code has settings of its own; anything else as it is. */
export function withOrigin(error: unknown, sources: Sources): unknown {
  if (!(error instanceof GbxError) || error.from !== undefined) return error;
  const keys = SETTINGS_AT_FAULT[error.code];
  if (keys === undefined) return error;
  const from = keys.map((key) => `${settingEntry(key).env} (${sources[key]})`).join(', ');
  return new GbxError(error.code, error.message, { cause: error.cause, hint: error.hint, from });
}
