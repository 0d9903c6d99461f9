// Before integration and end-to-end tests: ONE broker and ONE PostgreSQL for the whole run, in a folder that is thrown away.
// The two projects call this one after the other, each in its own module: what is running is kept on globalThis.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { userCacheDir } from '../../src/dev/kafka-jars.ts';
import { openKafka } from '../../src/dev/kafka-server.ts';
import { openPostgres } from '../../src/dev/postgres-server.ts';
import { createAuthority } from './certificates.ts';

export interface StackAddress {
  /** host:port, no TLS. */
  readonly brokers: string;
  /** host:port, TLS. */
  readonly tlsBrokers: string;
  /** Takes sessions with and without TLS. */
  readonly postgres: { readonly host: string; readonly port: number; readonly user: string; readonly password: string };
  /** PEM of the authority that signed both servers' certificates. */
  readonly ca: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    stack: StackAddress;
  }
}

interface RunningStack {
  readonly address: StackAddress;
  stop(): Promise<void>;
}

interface Shared {
  users: number;
  running: Promise<RunningStack>;
}

const KEY = Symbol.for('gbx.tests.stack');
const holder = globalThis as { [KEY]?: Shared };

export async function setup(project: TestProject): Promise<void> {
  holder[KEY] ??= { users: 0, running: startStack() };
  holder[KEY].users++;
  project.provide('stack', (await holder[KEY].running).address);
}

export async function teardown(): Promise<void> {
  const shared = holder[KEY];
  if (!shared || --shared.users > 0) return;
  delete holder[KEY];
  await (await shared.running).stop();
}

async function startStack(): Promise<RunningStack> {
  const dir = await mkdtemp(join(tmpdir(), 'gbx-tests-'));
  // PostgreSQL may run as another user than ours.
  await chmod(dir, 0o755);
  const progress = (message: string): void => console.error(message);
  const authority = createAuthority();
  const certificate = authority.issue();
  const password = 'only-for-tests';
  const [kafka, postgres] = await Promise.all([
    openKafka({ dataDir: join(dir, 'kafka'), cacheDir: userCacheDir(), tls: { ...certificate, ca: authority.ca }, progress }),
    // The data is thrown away: it need not survive a power cut.
    openPostgres({ dataDir: join(dir, 'postgres'), password, tls: certificate, settings: { fsync: 'off' }, progress }),
  ]);
  const { host, port, user } = postgres;
  return {
    address: { brokers: kafka.brokers, tlsBrokers: kafka.tlsBrokers ?? '', postgres: { host, port, user, password }, ca: authority.ca },
    stop: async () => {
      await Promise.all([kafka.stop(), postgres.stop()]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}
