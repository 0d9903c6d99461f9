// One process for each spool folder: a Unix socket in it, on which the holder listens. The kernel ends that with the process,
// however it dies, so nothing is guessed from a process id, which a container or a reboot makes mean another process.
// Opened by src/commands/serve.ts before anything else in the folder is touched.
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, readlink, rename, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { GbxError } from '../core/errors.ts';

const NAME = 'lock';
/** Of a socket's path: 108 bytes on Linux, 104 on macOS, the end included. */
const PATH_BYTES_MAX = 100;
const ATTEMPTS = 10;

interface LockedFolder {
  readonly path: string;
  /** Where the setting came from. */
  readonly from: string;
}

/** The folder must be there. @throws {GbxError} GBX_SPOOL_IN_USE, GBX_CONFIG where it cannot be written to */
export async function openSpoolLock({ path: folder, from }: LockedFolder): Promise<AsyncDisposable> {
  const about = await describeSelf();
  const full = resolve(folder);
  const { prefix, close } = await shortPrefix(full);
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const server = await listen(join(prefix, NAME), { about, from, folder: full });
      if (server !== undefined) return { [Symbol.asyncDispose]: () => release(server, close) };
      const holder = await askHolder(join(prefix, NAME));
      if (holder !== undefined) throw inUse(full, holder);
      await removeStale(prefix, full);
    }
    throw inUse(full, 'which starts at this moment');
  } catch (error) {
    await close();
    throw error;
  }
}

function inUse(folder: string, holder: string): GbxError {
  return new GbxError('GBX_SPOOL_IN_USE', `Cannot use the spool in ${folder} as another gbx serve does: ${holder}`);
}

interface Prefix {
  readonly prefix: string;
  readonly close: () => Promise<void>;
}

/** A way to the folder that fits into a socket's path. */
async function shortPrefix(folder: string): Promise<Prefix> {
  const nothing = async (): Promise<void> => undefined;
  // While a stale lock is looked at, its name is longer.
  const fits = (path: string): boolean => Buffer.byteLength(join(path, staleName())) < PATH_BYTES_MAX;
  if (fits(folder)) return { prefix: folder, close: nothing };
  const fromHere = `./${relative('.', folder)}`;
  if (fits(fromHere)) return { prefix: fromHere, close: nothing };
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, 'r');
    const opened = handle;
    const prefix = `/proc/self/fd/${opened.fd}`;
    await (await open(prefix, 'r')).close();
    return { prefix, close: () => opened.close() };
  } catch (error) {
    await handle?.close();
    const message = `Cannot lock the spool in ${folder} as its path is too long for a socket`;
    throw new GbxError('GBX_CONFIG', message, { cause: error, hint: 'give a shorter path: GBX_SPOOL_DIR' });
  }
}

function staleName(): string {
  return `lock-${randomUUID().slice(0, 8)}`;
}

interface Listening {
  /** What is said to whoever comes next. */
  readonly about: string;
  readonly folder: string;
  readonly from: string;
}

/** As Linux says it; elsewhere the machine alone has to do. */
async function describeSelf(): Promise<string> {
  const pid = await readlink('/proc/self').catch(() => undefined);
  return `${pid === undefined ? 'a process' : `process ${pid}`} on ${hostname()}`;
}

/** Undefined where something stands under the name. */
function listen(path: string, { about, from, folder }: Listening): Promise<Server | undefined> {
  return new Promise((done, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(about);
    });
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') return done(undefined);
      const message = `Cannot keep the spool in ${folder} as no socket can be made there to lock it: ${error.code}`;
      const hint = 'give a folder that this user may write to, on a local disk';
      reject(new GbxError('GBX_CONFIG', message, { cause: error, hint, from }));
    });
    server.listen(path, () => {
      // It must not keep a process alive whose work is done.
      server.unref();
      done(server);
    });
  });
}

/** Who listens there; undefined where nobody does. */
function askHolder(path: string): Promise<string | undefined> {
  return new Promise((done) => {
    const socket = connect(path);
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    let isConnected = false;
    socket.once('connect', () => {
      isConnected = true;
      socket.setTimeout(1_000, () => socket.destroy());
    });
    // One that hangs holds it too.
    socket.once('close', () => done(isConnected ? text || 'a process that does not answer' : undefined));
    socket.on('error', () => undefined);
  });
}

/** Moved first and asked once more: in between another process may have taken the place of the dead one. */
async function removeStale(prefix: string, folder: string): Promise<void> {
  const stale = join(prefix, staleName());
  try {
    await rename(join(prefix, NAME), stale);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new GbxError('GBX_CONFIG', `Cannot replace the lock of a dead process in ${folder}`, { cause: error });
  }
  const holder = await askHolder(stale);
  if (holder === undefined) return unlink(stale);
  await rename(stale, join(prefix, NAME));
  throw inUse(folder, holder);
}

async function release(server: Server, close: () => Promise<void>): Promise<void> {
  // Removes the socket too.
  await new Promise<void>((done) => server.close(() => done()));
  await close();
}
