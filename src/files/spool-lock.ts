// One process for each spool folder, told by Unix sockets in it on which the holders listen. The kernel ends those with their
// process, however it dies, so nothing is guessed from a process id, which a container or a reboot makes mean another process.
// Opened by src/commands/serve.ts before anything else in the folder is touched.
//
// Each process listens under a name of its own first, and looks at the others then: of two that start at the same moment at
// least one sees the other. It takes the folder when it has seen nobody alive. The name of a living one is never touched.
import { randomInt, randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, readlink, symlink, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { GbxError } from '../core/errors.ts';

/** Leads to the socket of the holder: for people, and for whoever only wants to ask. */
const NAME = 'lock';
const SOCKET = /^lock-[0-9a-f]{8}$/u;
/** Of a socket's path: 108 bytes on Linux, 104 on macOS, the end included. */
const PATH_BYTES_MAX = 100;
const ATTEMPTS = 40;
const LOOK_MS = 25;
const ANSWER_MS_MAX = 1_000;
const STARTING = 'which starts at this moment';

interface LockedFolder {
  readonly path: string;
  /** Where the setting came from. */
  readonly from: string;
}

/** The folder must be there. @throws {GbxError} GBX_SPOOL_IN_USE, GBX_CONFIG where it cannot be written to */
export async function openSpoolLock({ path: folder, from }: LockedFolder): Promise<AsyncDisposable> {
  const full = resolve(folder);
  const { prefix, close } = await shortPrefix(full);
  let own: Own | undefined;
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      own ??= await listen(prefix, { from, folder: full });
      const seen = await lookAround(prefix, own);
      if (seen.kind === 'held') throw inUse(full, seen.holder);
      if (seen.kind === 'alone') {
        const taken = own;
        await take(prefix, taken);
        return { [Symbol.asyncDispose]: () => release(prefix, taken).finally(close) };
      }
      // Of those who start at the same moment the first by name stays.
      if (seen.kind === 'second') {
        await own.stop();
        own = undefined;
      }
      await systemClock.sleep(randomInt(LOOK_MS, 2 * LOOK_MS) * (own === undefined ? 3 : 1));
    }
    throw inUse(full, STARTING);
  } catch (error) {
    await own?.stop();
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

/** A way to the folder that fits into a socket's path. @throws {GbxError} GBX_CONFIG where there is none */
export async function shortPrefix(folder: string): Promise<Prefix> {
  const nothing = async (): Promise<void> => undefined;
  const fits = (path: string): boolean => Buffer.byteLength(join(path, ownName())) < PATH_BYTES_MAX;
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

function ownName(): string {
  return `lock-${randomUUID().slice(0, 8)}`;
}

/** As Linux says it; elsewhere the machine alone has to do. */
async function describeSelf(): Promise<string> {
  const pid = await readlink('/proc/self').catch(() => undefined);
  return `${pid === undefined ? 'a process' : `process ${pid}`} on ${hostname()}`;
}

/** The socket of this process. */
interface Own {
  readonly name: string;
  /** What is said to whoever asks. */
  about: string;
  /** Removes it too. */
  stop(): Promise<void>;
}

function listen(prefix: string, { from, folder }: { readonly from: string; readonly folder: string }): Promise<Own> {
  return new Promise((done, reject) => {
    const server: Server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(own.about);
    });
    const own: Own = { name: ownName(), about: STARTING, stop: () => new Promise((stopped) => server.close(() => stopped())) };
    server.once('error', (error: NodeJS.ErrnoException) => {
      const message = `Cannot keep the spool in ${folder} as no socket can be made there to lock it: ${error.code}`;
      const hint = 'give a folder that this user may write to, on a local disk';
      reject(new GbxError('GBX_CONFIG', message, { cause: error, hint, from }));
    });
    server.listen(join(prefix, own.name), () => {
      // It must not keep a process alive whose work is done.
      server.unref();
      done(own);
    });
  });
}

type Seen =
  | { readonly kind: 'alone' }
  | { readonly kind: 'held'; readonly holder: string }
  /** Others start at this moment; this one is the first of them by name, or is not. */
  | { readonly kind: 'first' }
  | { readonly kind: 'second' };

async function lookAround(prefix: string, own: Own): Promise<Seen> {
  const names = (await readdir(prefix)).filter((name) => name !== own.name && (name === NAME || SOCKET.test(name)));
  let kind: 'alone' | 'first' | 'second' = 'alone';
  for (const name of names) {
    const answer = await ask(join(prefix, name));
    // The name is of that process alone and never used again. `lock` is for whoever takes the folder to replace.
    if (answer.kind === 'dead' && name !== NAME) await unlink(join(prefix, name)).catch(() => undefined);
    if (answer.kind === 'holds') return { kind: 'held', holder: answer.about };
    if (answer.kind === 'starts' && kind !== 'second') kind = name < own.name ? 'second' : 'first';
  }
  // One that looked between our making the socket and our listening on it took us for dead.
  const isThere = (await readdir(prefix)).includes(own.name);
  return { kind: isThere ? kind : 'second' };
}

type Answer = { readonly kind: 'dead' } | { readonly kind: 'starts' } | { readonly kind: 'holds'; readonly about: string };

/** Dead only where the system says that nobody listens: whatever else goes wrong may be a process that lives. */
function ask(path: string): Promise<Answer> {
  return new Promise((done) => {
    const socket = connect(path);
    let text = '';
    let isLate = false;
    let failure: string | undefined;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.setTimeout(ANSWER_MS_MAX, () => {
      isLate = true;
      socket.destroy();
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      failure = error.code;
    });
    socket.once('close', () => {
      if (failure === 'ECONNREFUSED' || failure === 'ENOENT') return done({ kind: 'dead' });
      if (isLate) return done({ kind: 'holds', about: 'a process that does not answer' });
      // It hung up without a word: it ends, or gives way.
      if (text === STARTING || (text === '' && (failure === undefined || failure === 'ECONNRESET' || failure === 'EPIPE'))) {
        return done({ kind: 'starts' });
      }
      done({ kind: 'holds', about: text || `a process that cannot be asked (${failure})` });
    });
  });
}

/** It is held by the socket alone, whatever becomes of the common name. */
async function take(prefix: string, own: Own): Promise<void> {
  own.about = await describeSelf();
  await unlink(join(prefix, NAME)).catch(() => undefined);
  await symlink(own.name, join(prefix, NAME)).catch(() => undefined);
}

/** The common name first, while nobody else can have taken the folder. */
async function release(prefix: string, own: Own): Promise<void> {
  await unlink(join(prefix, NAME)).catch(() => undefined);
  await own.stop();
}
