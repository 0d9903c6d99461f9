// The small files that configuration comes from: `.env`, files that hold one secret, certificates of authorities.
// Read once, at the start, whole.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { GbxError } from '../core/errors.ts';

/**
 * The names in `.env` of a folder; undefined where there is none (a folder of that name, as Python's venv makes, is none).
 * @throws {GbxError} GBX_CONFIG when it is there and cannot be read.
 */
export function readDotEnv(folder: string): Readonly<Record<string, string | undefined>> | undefined {
  try {
    const text = readFileSync(join(folder, '.env'), 'utf8');
    return parseEnv(text.replace(/^\uFEFF/u, ''));
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'EISDIR') return undefined;
    throw new GbxError('GBX_CONFIG', `cannot read .env in ${folder}`, { cause: error, hint: 'make it readable, or move it away' });
  }
}

/** The secret in a file: its text without the line feed that editors put at the end. Throws what reading throws. */
export function readSecretFile(path: string): string {
  return readFileSync(path, 'utf8').replace(/\r?\n$/u, '');
}

/** @throws {GbxError} GBX_CONFIG when the file is not there or holds no certificate. */
export function readCaFile(path: string, from: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = errorCode(error) === 'ENOENT' ? 'there is no such file' : String(errorCode(error));
    throw new GbxError('GBX_CONFIG', `cannot read the certificate file ${path}: ${reason}`, { cause: error, from });
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new GbxError('GBX_CONFIG', `${path} holds no certificate in PEM form`, {
    from,
    hint: 'it must have a line -----BEGIN CERTIFICATE-----; a DER file becomes one with: openssl x509 -inform der -in <file>',
  });
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : error;
}
