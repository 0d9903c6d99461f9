// Writes down what was sent, where the user said. Called by `gbx smoke --manifest`.
import { writeFileSync } from 'node:fs';
import { GbxError } from '../core/errors.ts';

/** Replaces what stands there; readable by the owner only. @throws {GbxError} GBX_USAGE when it cannot be written */
export function writeManifest(path: string, text: string): void {
  try {
    writeFileSync(path, text, { mode: 0o600 });
  } catch (error) {
    throw new GbxError('GBX_USAGE', `Cannot write the manifest to ${path}`, {
      cause: error,
      hint: 'give a file in a folder that exists and may be written to',
    });
  }
}
