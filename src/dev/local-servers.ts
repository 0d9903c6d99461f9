// The servers that `gbx dev` starts for what is not configured: Kafka, PostgreSQL or both, at the same time.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GbxError } from '../core/errors.ts';
import type { DataDir } from './data-dir.ts';
import { type Progress, userCacheDir } from './kafka-jars.ts';
import { type KafkaServer, openKafka } from './kafka-server.ts';
import { preferPort } from './ports.ts';
import { openPostgres, type PostgresServer } from './postgres-server.ts';

const KAFKA_PORT = 9092;
/** Redshift's own, and the default of DB_PORT. */
const POSTGRES_PORT = 5439;

/** Which to start, and on which ports; undefined: the default one, or a free one where that is taken. */
interface OpenLocalServersOptions {
  readonly data: DataDir;
  readonly kafka: { readonly port: number | undefined } | undefined;
  readonly postgres: { readonly port: number | undefined } | undefined;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export interface LocalServers extends AsyncDisposable {
  readonly kafka: KafkaServer | undefined;
  readonly postgres: PostgresServer | undefined;
  /** Resolves when one has ended, with what to say of it. */
  readonly ended: Promise<GbxError>;
}

/** Either all that were asked for, or none. @throws {GbxError} GBX_LOCAL_STACK */
export async function openLocalServers({ data, progress, signal, ...wanted }: OpenLocalServersOptions): Promise<LocalServers> {
  const [kafka, postgres] = await Promise.allSettled([
    wanted.kafka && openOwnKafka(wanted.kafka.port, { data, progress, signal }),
    wanted.postgres && openOwnPostgres(wanted.postgres.port, { data, progress, signal }),
  ]);
  if (kafka.status === 'fulfilled' && postgres.status === 'fulfilled') return combine(kafka.value, postgres.value, progress);
  await Promise.all([kafka, postgres].map((one) => (one.status === 'fulfilled' ? one.value?.stop() : undefined)));
  throw [kafka, postgres].find((one) => one.status === 'rejected')?.reason;
}

function combine(kafka: KafkaServer | undefined, postgres: PostgresServer | undefined, progress: Progress): LocalServers {
  const never = new Promise<never>(() => undefined);
  const endOf = (name: string, server: KafkaServer | PostgresServer | undefined): Promise<GbxError> =>
    server?.exited.then(() => new GbxError('GBX_LOCAL_STACK', `${name} has ended`, { hint: `its log is ${server.logFile}` })) ?? never;
  return {
    kafka,
    postgres,
    ended: Promise.race([endOf('Kafka', kafka), endOf('PostgreSQL', postgres)]),
    [Symbol.asyncDispose]: async () => {
      const names = [kafka && 'Kafka', postgres && 'PostgreSQL'].filter((name) => name !== undefined);
      if (names.length > 0) progress(`stopping ${names.join(' and ')}`);
      await Promise.all([kafka?.stop(), postgres?.stop()]);
    },
  };
}

interface OpenOwnOptions {
  readonly data: DataDir;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

async function openOwnKafka(port: number | undefined, { data, progress, signal }: OpenOwnOptions): Promise<KafkaServer> {
  const where = port === undefined ? { preferredPort: KAFKA_PORT } : { ports: { plaintext: port } };
  const server = await openKafka({ dataDir: data.kafka, cacheDir: userCacheDir(), ...where, progress, signal });
  sayPort(server.ports.plaintext, { wanted: port ?? KAFKA_PORT, what: 'Kafka', flag: '--kafka-port', progress });
  return server;
}

async function openOwnPostgres(port: number | undefined, { data, progress, signal }: OpenOwnOptions): Promise<PostgresServer> {
  const where = port === undefined ? { preferredPort: POSTGRES_PORT } : { port };
  const server = await openPostgres({ dataDir: data.postgres, ...where, progress, signal });
  sayPort(server.port, { wanted: port ?? POSTGRES_PORT, what: 'PostgreSQL', flag: '--postgres-port', progress });
  // As psql reads it: no password on the screen, none to type.
  await writeFile(pgpassFile(data), `${server.host}:${server.port}:*:${server.user}:${server.password}\n`, { mode: 0o600 });
  return server;
}

export function pgpassFile(data: DataDir): string {
  return join(data.path, 'pgpass');
}

interface PortOptions {
  readonly wanted: number;
  readonly what: string;
  readonly flag: string;
  readonly progress: Progress;
}

/** The port, or a free one where it is taken: said, since people look where a server usually is. */
export async function portNear(options: PortOptions): Promise<number> {
  const port = await preferPort(options.wanted);
  sayPort(port, options);
  return port;
}

function sayPort(port: number, { wanted, what, flag, progress }: PortOptions): void {
  if (port !== wanted) progress(`port ${wanted} is taken: ${what} listens on ${port} this time (${flag} chooses)`);
}
