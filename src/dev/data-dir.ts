// The folder of `gbx dev`: whose it is, and what is thrown away for a fresh start. It is shared with others (the bootstrap
// of `npm start` keeps its lock there): only what is named here is touched.
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { GbxError } from '../core/errors.ts';
import { isSameProcess, parsePidFile, writePidFile } from './pid-file.ts';
import { postgresDataDir } from './postgres-server.ts';
import { findServerUser } from './server-user.ts';

export interface DataDir extends AsyncDisposable {
  readonly path: string;
  readonly kafka: string;
  readonly postgres: string;
}

interface OpenDataDirOptions {
  /** Throws the data of the servers away, and what waits in the spool. */
  readonly fresh: boolean;
  /** Leaves the spool also then: what waits in it was accepted for a Kafka that stays. */
  readonly keepsSpool: boolean;
}

/**
 * Makes the folder where it is missing, and locks it. A lock whose holder is dead is taken over. Two that find one at the
 * very same moment may both do so; the servers' own locks then stop the slower.
 *
 * @throws {GbxError} GBX_LOCAL_STACK where another `gbx dev` holds it
 */
export async function openDataDir(dir: string, { fresh, keepsSpool }: OpenDataDirOptions): Promise<DataDir> {
  const path = resolve(dir);
  const lock = join(path, 'dev.pid');
  await mkdir(path, { recursive: true });
  await takeLock(lock, path);
  const data = { path, kafka: join(path, 'kafka'), postgres: join(path, 'postgres') };
  if (fresh) await throwAway({ ...data, spool: keepsSpool ? undefined : join(path, 'spool') });
  return { ...data, [Symbol.asyncDispose]: () => rm(lock, { force: true }) };
}

async function takeLock(lock: string, path: string): Promise<void> {
  for (;;) {
    try {
      return await writePidFile(lock, process.pid, 'wx');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = parsePidFile(await readFile(lock, 'utf8').catch(() => ''));
    if (holder && (await isSameProcess(holder))) {
      throw new GbxError('GBX_LOCAL_STACK', `Another gbx dev runs on the data in ${path}: process ${holder.pid}`, {
        hint: 'use that one, or end it, or start a second one beside it: npm start -- --data-dir <another folder>',
      });
    }
    await rm(lock, { force: true });
  }
}

interface Thrown {
  readonly kafka: string;
  readonly postgres: string;
  /** serve's, where no other folder is configured; undefined where it is kept. */
  readonly spool: string | undefined;
}

async function throwAway({ kafka, postgres, spool }: Thrown): Promise<void> {
  await rm(kafka, { recursive: true, force: true });
  // What waits in it was meant for that Kafka.
  if (spool !== undefined) await rm(spool, { recursive: true, force: true });
  await rm(postgres, { recursive: true, force: true });
  await rm(await postgresDataDir(postgres, await findServerUser()), { recursive: true, force: true });
}
