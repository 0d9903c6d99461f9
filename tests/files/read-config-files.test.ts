// Reads real files, in a folder of its own: small enough to stay among the unit tests.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GbxError } from '../../src/core/errors.ts';
import { readCaFile, readDotEnv, readSecretFile } from '../../src/files/read-config-files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gbx-files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('readDotEnv()', () => {
  test('is undefined without a file, and for a folder of that name', () => {
    expect(readDotEnv(folder)).toBeUndefined();
    mkdirSync(join(folder, '.env'));
    expect(readDotEnv(folder)).toBeUndefined();
  });

  test('reads comments, quotes, export, Windows line ends and a byte order mark', () => {
    file('.env', '\uFEFFDB_HOST=db\r\n# note\nexport DB_USER="a b"\nDB_PASSWORD=\'x#y=z\'\nBATCH_SIZE=\n');
    expect(readDotEnv(folder)).toEqual({ DB_HOST: 'db', DB_USER: 'a b', DB_PASSWORD: 'x#y=z', BATCH_SIZE: '' });
  });
});

describe('readSecretFile()', () => {
  test('throws where there is no file', () => {
    expect(() => readSecretFile(join(folder, 'none'))).toThrow('ENOENT');
  });

  test.each([
    ['secret\n', 'secret'],
    ['secret\r\n', 'secret'],
    [' secret \n\n', ' secret \n'],
    ['secret', 'secret'],
  ])('takes %j for %j: one line feed at the end is the editor’s', (text, secret) => {
    expect(readSecretFile(file('secret', text))).toBe(secret);
  });
});

describe('readCaFile()', () => {
  test.each([
    ['missing', undefined, /cannot read the certificate file .*missing: there is no such file/u],
    ['der', '\u0000\u0001binary', /holds no certificate in PEM form/u],
    ['key', '-----BEGIN PRIVATE KEY-----\n', /holds no certificate in PEM form/u],
  ])('refuses a file that is %s, naming the setting', (name, text, message) => {
    const path = text === undefined ? join(folder, name) : file(name, text);
    const act = () => readCaFile(path, 'GBX_DB_CA_FILE (environment)');
    expect(act).toThrow(GbxError);
    expect(act).toThrow(message);
    expect(act).toThrow(expect.objectContaining({ code: 'GBX_CONFIG', from: 'GBX_DB_CA_FILE (environment)' }));
  });

  test('gives the text of a PEM file', () => {
    const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    expect(readCaFile(file('ca.pem', pem), 'x')).toBe(pem);
  });
});
