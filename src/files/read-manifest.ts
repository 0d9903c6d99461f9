// Reads a manifest of any length, line by line. Called by `gbx verify --manifest`, more than once.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { GbxError } from '../core/errors.ts';

/** @throws {GbxError} GBX_USAGE for what is not there or is no file: a pipe can be read once only, and may never end */
export async function assertManifestFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (found.isFile()) return;
  const what = found.isDirectory() ? 'it is a folder' : 'it is no file, and is read more than once';
  throw new GbxError('GBX_USAGE', `Cannot read the manifest ${path} as ${what}`, { hint: 'give the file that --manifest wrote' });
}

/**
 * Its lines without their line feeds; only those end a line, for an id may hold U+2028.
 * @throws {GbxError} GBX_USAGE when it cannot be read
 */
export async function* readManifestLines(path: string): AsyncGenerator<string> {
  let rest = '';
  try {
    for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 18 })) {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (error) {
    throw unreadable(path, error);
  }
  if (rest !== '') yield rest;
}

function unreadable(path: string, cause: unknown): GbxError {
  return new GbxError('GBX_USAGE', `Cannot read the manifest ${path}`, { cause, hint: 'give a file that is there and may be read' });
}
