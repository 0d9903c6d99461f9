// The disk of the spool: files in one folder, readable by their owner only. Opened by src/commands/serve.ts for
// src/core/accept/spool. What goes wrong is translated here: core knows GBX_SPOOL_FAILED and its words.
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import type { AppendFile, Checksum, Disk, FoundFile } from '../core/accept/spool/disk.ts';
import { GbxError } from '../core/errors.ts';

const FOLDER_MODE = 0o700;
const WRITABLE_HINT = 'give a folder that this user may write to, on a local disk';
const FILE_MODE = 0o600;
/** What is there under this name and no file of ours, a link for instance, is not followed. */
const NEW = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW;

/** CRC-32 of zlib (ISO 3309), as Node has it from 20.15 on. */
export const checksum: Checksum = (bytes) => crc32(bytes);

interface SpoolFolder {
  readonly path: string;
  /** Where the setting came from. */
  readonly from: string;
}

/** Makes the folder where it is missing. @throws {GbxError} GBX_CONFIG with what is wrong with it */
export async function openSpoolFolder({ path, from }: SpoolFolder, { isMade }: { readonly isMade: boolean }): Promise<Disk> {
  const folder = resolve(path);
  const refuse = (what: string, hint: string, cause?: unknown): GbxError =>
    new GbxError('GBX_CONFIG', `Cannot keep the spool in ${folder} as ${what}`, { from, hint, cause });
  try {
    if (isMade) await makeFolder(folder);
    const found = await stat(folder);
    if (!found.isDirectory()) throw refuse('it is no folder', 'give a folder, or a name that is free');
  } catch (error) {
    if (error instanceof GbxError) throw error;
    const code = codeOf(error);
    if (code === 'EEXIST' || code === 'ENOTDIR') throw refuse('it is no folder', 'give a folder, or a name that is free', error);
    if (code === 'ENOENT') throw refuse('there is no such folder', 'give the folder that GBX_SPOOL_DIR named before', error);
    throw refuse(reasonOf(error), WRITABLE_HINT, error);
  }
  return createDisk(folder);
}

/** A folder that a power cut takes away takes all that is in it along. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  if (first === undefined) return;
  for (let path = dirname(folder); ; path = dirname(path)) {
    await syncPath(path);
    if (path === dirname(first)) return;
  }
}

function createDisk(folder: string): Disk {
  const at = (name: string): string => join(folder, name);

  /** refused/ and damaged/ are made when they are needed, again where somebody has moved them away. */
  async function makeFolderOf(name: string): Promise<void> {
    const [first = '', second] = name.split('/');
    if (second === undefined) return;
    await mkdir(at(first), { recursive: true, mode: FOLDER_MODE });
    await syncPath(folder);
  }

  return {
    list: (sub = undefined) => translated(() => listFiles(folder, sub)),
    create: (name) => translated(async () => createFile(await open(at(name), NEW, FILE_MODE))),
    openAppend: (name) =>
      translated(async () => {
        await makeFolderOf(name);
        return createFile(await open(at(name), APPEND, FILE_MODE));
      }),
    read: (name, range) => translated(() => readRange(at(name), range)),
    remove: (name) => translated(() => unlink(at(name)).catch(unlessGone)),
    rename: (name, to) =>
      translated(async () => {
        await makeFolderOf(to);
        await rename(at(name), at(to));
      }),
    syncFolder: (sub = undefined) => translated(() => (sub === undefined ? syncPath(folder) : syncPath(at(sub)).catch(unlessGone))),
    pathOf: at,
  };
}

async function listFiles(folder: string, sub: string | undefined): Promise<readonly FoundFile[]> {
  const path = sub === undefined ? folder : join(folder, sub);
  const entries = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
    if (sub !== undefined && codeOf(error) === 'ENOENT') return [];
    throw error;
  });
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  return Promise.all(
    files.map(async (name) => ({ name: sub === undefined ? name : `${sub}/${name}`, bytes: (await stat(join(path, name))).size })),
  );
}

function createFile(file: FileHandle): AppendFile {
  return {
    append: (bytes) => translated(() => writeAll(file, bytes)),
    sync: () => translated(() => file.datasync()),
    truncate: (bytes) => translated(() => file.truncate(bytes)),
    close: () => translated(() => file.close()),
  };
}

/** A disk that fills up writes a part first, and fails then. */
async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let written = 0; written < bytes.length; ) written += (await file.write(bytes, written)).bytesWritten;
}

async function readRange(path: string, { position, length }: { readonly position: number; readonly length: number }): Promise<Buffer> {
  const file = await open(path, READ);
  try {
    const bytes = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  } finally {
    await file.close();
  }
}

async function syncPath(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function unlessGone(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error;
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    throw new GbxError('GBX_SPOOL_FAILED', `the disk of the spool does not work: ${reasonOf(error)}`, { cause: error });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'it is full',
  EDQUOT: 'the quota is used up',
  EIO: 'it reports an input/output error',
  EROFS: 'it is mounted read-only',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EMFILE: 'this process has too many files open',
  ELOOP: 'something else stands under the name of a file of the spool',
  ENOENT: 'a file or the folder is gone',
};

function reasonOf(error: unknown): string {
  const code = String(codeOf(error) ?? error);
  const reason = REASONS[code];
  return reason === undefined ? `it reports ${code}` : `${reason} (${code})`;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
