// What `gbx doctor` looks at on this machine's disk: the spool's folder, the limit on open files; and its bundle, written.
import { constants, readFileSync } from 'node:fs';
import { access, readdir, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HEADER_BYTES } from '../core/accept/spool/format.ts';
import { segmentNumber } from '../core/accept/spool/segments.ts';
import type { SpoolFacts } from '../core/doctor/ports.ts';
import { GbxError } from '../core/errors.ts';

/** @returns undefined where there is nothing of that name. Writes nothing. */
export async function readSpoolFacts(dir: string): Promise<SpoolFacts | undefined> {
  const found = await stat(dir).catch(() => undefined);
  if (found === undefined) return undefined;
  if (!found.isDirectory()) return { isFolder: false, isWritable: false, freeBytes: 0, files: 0, bytes: 0, setAside: 0 };
  const isWritable = await access(dir, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  const disk = await statfs(dir);
  const names = (await readdir(dir).catch(() => [])).filter((name) => segmentNumber(name) !== undefined);
  const sizes = await Promise.all(names.map((name) => sizeOf(join(dir, name))));
  // A segment that was begun and took nothing yet is its header alone.
  const held = sizes.filter((size) => size > HEADER_BYTES);
  const bytes = held.reduce((sum, size) => sum + size, 0);
  const aside = await Promise.all(['refused', 'damaged'].map((name) => readdir(join(dir, name)).catch(() => [])));
  return { isFolder: true, isWritable, freeBytes: disk.bavail * disk.bsize, files: held.length, bytes, setAside: aside.flat().length };
}

async function sizeOf(path: string): Promise<number> {
  // A segment may be sent and removed between two looks.
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? found.size : 0;
}

/** Linux only: the soft limit of this process; undefined elsewhere. */
export function readOpenFilesMax(): number | undefined {
  try {
    const soft = /^Max open files\s+(\S+)/mu.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    if (soft === 'unlimited') return Number.POSITIVE_INFINITY;
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

/** Replaces what stands there; readable by the owner only. @throws {GbxError} GBX_USAGE when it cannot be written */
export async function writeBundle(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { mode: 0o600 });
  } catch (error) {
    const hint = 'give a file in a folder that exists and may be written to';
    throw new GbxError('GBX_USAGE', `Cannot write the bundle to ${path}`, { cause: error, hint });
  }
}
