// The servers of the benchmark: a broker whose JVM compiles as in production, a PostgreSQL that survives a power cut,
// both in a temporary folder and both gone at the end.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { userCacheDir } from '../src/dev/kafka-jars.ts';
import { openKafka } from '../src/dev/kafka-server.ts';
import { openPostgres, type PostgresServer } from '../src/dev/postgres-server.ts';
import { type Build, buildInto } from './build.ts';

export interface Stack extends AsyncDisposable {
  readonly dir: string;
  readonly brokers: string;
  readonly postgres: PostgresServer;
  readonly build: Build;
}

/** PostgreSQL's own defaults, spelled out: the local stack takes less memory, tests take less care. */
export const POSTGRES_SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '128MB',
  max_wal_size: '1GB',
} as const;

export async function openStack(): Promise<Stack> {
  const dir = await mkdtemp(join(tmpdir(), 'gbx-bench-'));
  const closing: (() => Promise<void>)[] = [() => rm(dir, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (let step = closing.pop(); step !== undefined; step = closing.pop()) await step();
  };
  try {
    // PostgreSQL may run as another user than ours.
    await chmod(dir, 0o755);
    const progress = (message: string): void => console.error(`bench: ${message}`);
    const build = await buildInto(join(dir, 'build'));
    const kafka = await openKafka({ dataDir: join(dir, 'kafka'), cacheDir: userCacheDir(), quickStart: false, progress });
    closing.push(() => kafka.stop());
    const password = 'only-for-the-bench';
    const postgres = await openPostgres({ dataDir: join(dir, 'postgres'), password, settings: POSTGRES_SETTINGS, progress });
    // Where the data had to go elsewhere, it is no part of the folder.
    closing.push(() => rm(postgres.dataDir, { recursive: true, force: true }));
    closing.push(() => postgres.stop());
    return { dir, brokers: kafka.brokers, postgres, build, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
