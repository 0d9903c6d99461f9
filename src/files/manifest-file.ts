// A manifest written while the run goes on: lines are appended, and the head, which has a fixed length, is set right at the
// end. Killed before, it stays one that parseManifest() refuses. Opened by `gbx produce --manifest`.
import { type FileHandle, open } from 'node:fs/promises';
import { GbxError } from '../core/errors.ts';

export interface ManifestFile {
  append(lines: string): Promise<void>;
  /** Replaces the first line by one of the same length, and closes the file. */
  finish(headLine: string): Promise<void>;
}

/** Replaces what stands there; readable by the owner only. @throws {GbxError} GBX_USAGE when it cannot be written */
export async function openManifestFile(path: string, headLine: string): Promise<ManifestFile> {
  const file = await guarded(path, () => openFile(path, headLine));
  const headBytes = Buffer.byteLength(headLine);
  // Batches settle in any order: one write at a time keeps lines whole.
  let writing: Promise<unknown> = Promise.resolve();
  const inTurn = (work: () => Promise<unknown>): Promise<void> => {
    const done = writing.then(() => guarded(path, work));
    writing = done.catch(() => undefined);
    return done.then(() => undefined);
  };
  return {
    append: (lines) => inTurn(() => file.appendFile(lines)),
    finish: (line) =>
      inTurn(async () => {
        if (Buffer.byteLength(line) !== headBytes) throw new RangeError('the head of a manifest must keep its length');
        await file.write(line, 0);
        await file.close();
      }),
  };
}

async function openFile(path: string, headLine: string): Promise<FileHandle> {
  const file = await open(path, 'w', 0o600);
  await file.appendFile(headLine);
  return file;
}

async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new GbxError('GBX_USAGE', `Cannot write the manifest to ${path}`, {
      cause: error,
      hint: 'give a file in a folder that exists and may be written to',
    });
  }
}
