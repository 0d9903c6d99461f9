// The real servers of a soak, made to fail from outside: Kafka is killed and frozen as a process, the warehouse by the
// network before it. Everything is ended when it is disposed, and by its keeper when the soak itself dies.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { userCacheDir } from '../../src/dev/kafka-jars.ts';
import { type KafkaServer, openKafka } from '../../src/dev/kafka-server.ts';
import { openPostgres } from '../../src/dev/postgres-server.ts';
import type { StackAddress } from '../support/global-setup.ts';
import { openTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

/** Nothing but the consumers' login: it must never be seen in a log. */
export const PASSWORD = 'canary-only-for-the-soak';

export interface SoakServers extends AsyncDisposable {
  readonly brokers: string;
  /** The server itself, for whoever checks. */
  readonly postgres: StackAddress['postgres'];
  /** What gbx is told of. */
  readonly warehouse: TcpProxy;
  killKafka(): Promise<void>;
  /** Resolves when it answers. */
  startKafka(): Promise<void>;
  signalKafka(signal: 'SIGSTOP' | 'SIGCONT'): void;
}

export async function openServers(signal: AbortSignal): Promise<SoakServers> {
  const dir = await mkdtemp(join(tmpdir(), 'gbx-soak-'));
  // PostgreSQL may run as another user than ours.
  await chmod(dir, 0o755);
  const options = { dataDir: join(dir, 'kafka'), cacheDir: userCacheDir(), signal };
  const postgres = await openPostgres({ dataDir: join(dir, 'postgres'), password: PASSWORD, settings: { fsync: 'off' }, signal });
  let kafka: KafkaServer = await openKafka(options);
  const warehouse = await openTcpProxy({ target: postgres });
  const signalKafka = (name: NodeJS.Signals): void => void process.kill(kafka.pid, name);
  return {
    brokers: kafka.brokers,
    postgres: { host: postgres.host, port: postgres.port, user: postgres.user, password: postgres.password },
    warehouse,
    signalKafka,
    killKafka: async () => {
      signalKafka('SIGKILL');
      await kafka.exited;
    },
    startKafka: async () => {
      kafka = await openKafka({ ...options, ports: kafka.ports });
    },
    [Symbol.asyncDispose]: async () => {
      await warehouse[Symbol.asyncDispose]();
      await Promise.all([kafka.stop(), postgres.stop()]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}
