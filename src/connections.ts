// Settings -> what the adapters need to connect, with the policy on TLS and the certificates read. Called by commands.

import { requireSettings } from './core/parse-config.ts';
import { decideTls, type TlsSetting } from './core/tls-policy.ts';
import { readCaFile } from './files/read-config-files.ts';
import type { KafkaConnection } from './kafka/client.ts';
import type { CommandContext } from './run-command.ts';
import type { WarehouseConnection } from './warehouse/connection.ts';

type Needs = Pick<CommandContext, 'config' | 'sources' | 'log' | 'clock' | 'random'>;

/** Name under which brokers and warehouse see this program, e.g. `gbx-consume`. */
interface Named {
  readonly clientId: string;
}

type Tls = KafkaConnection['tls'] & WarehouseConnection['tls'];

/** @throws {GbxError} GBX_CONFIG when the brokers are not set, or the certificate file is not right. */
export function kafkaConnection({ config, sources, log, clock, random }: Needs, { clientId }: Named): KafkaConnection {
  const { kafkaBootstrapServers: brokers } = requireSettings(config, ['kafkaBootstrapServers']);
  const hosts = brokers.map((broker) => broker.replace(/:\d+$/u, ''));
  const caFile = config.kafkaCaFile && { path: config.kafkaCaFile, from: `GBX_KAFKA_CA_FILE (${sources.kafkaCaFile})` };
  const tls = resolveTls({ what: 'kafka', setting: config.kafkaTls, hosts, caFile }, log);
  return { brokers, tls, clientId, log, clock, random };
}

/** @throws {GbxError} GBX_CONFIG when host or user is not set, or the certificate file is not right. */
export function warehouseConnection({ config, sources, log, clock, random }: Needs, { clientId }: Named): WarehouseConnection {
  const needed = requireSettings(config, ['dbHost', 'dbUser']);
  const caFile = config.dbCaFile && { path: config.dbCaFile, from: `GBX_DB_CA_FILE (${sources.dbCaFile})` };
  return {
    host: needed.dbHost,
    port: needed.dbPort,
    database: needed.dbName,
    user: needed.dbUser,
    password: needed.dbPassword,
    tls: resolveTls({ what: 'warehouse', setting: config.dbTls, hosts: [needed.dbHost], caFile }, log),
    dialect: needed.dbDialect,
    lockTimeoutMs: needed.lockTimeoutSeconds * 1000,
    statementTimeoutMs: needed.statementTimeoutSeconds * 1000,
    applicationName: clientId,
    log,
    clock,
    random,
  };
}

interface TlsRequest {
  readonly what: 'kafka' | 'warehouse';
  readonly setting: TlsSetting;
  readonly hosts: readonly string[];
  readonly caFile: { readonly path: string; readonly from: string } | '' | undefined;
}

function resolveTls({ what, setting, hosts, caFile }: TlsRequest, log: Needs['log']): Tls {
  const { on, exposed } = decideTls(setting, hosts);
  if (exposed) {
    log.warn('tls.off', {
      towards: what,
      hosts,
      warning: 'passwords and exposures cross the network unencrypted, because a setting says so',
    });
  }
  if (!on) {
    if (caFile) log.warn('tls.ca_file_unused', { towards: what, file: caFile.path });
    return { kind: 'off' };
  }
  return caFile ? { kind: 'on', ca: readCaFile(caFile.path, caFile.from) } : { kind: 'on' };
}
