// Reads a manifest of any length, line by line. Called by `gbx verify --manifest`, more than once.
import { createReadStream } from 'node:fs';
import { GbxError } from '../core/errors.ts';

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
    throw new GbxError('GBX_USAGE', `Cannot read the manifest ${path}`, {
      cause: error,
      hint: 'give a file that is there and may be read',
    });
  }
  if (rest !== '') yield rest;
}
