import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeManifest } from '../../src/files/write-manifest.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gbx-manifest-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('writeManifest() says which file it cannot write, and why', () => {
  const path = join(folder, 'none', 'manifest.ndjson');
  const reason = expect.objectContaining({ code: 'ENOENT' });
  expect(() => writeManifest(path, 'x')).toThrow(
    expect.objectContaining({ code: 'GBX_USAGE', message: expect.stringContaining(path), cause: reason }),
  );
});

test('writeManifest() replaces what stands there, for the owner alone', () => {
  const path = join(folder, 'manifest.ndjson');
  writeManifest(path, 'a longer text');
  writeManifest(path, 'short');
  expect(readFileSync(path, 'utf8')).toBe('short');
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
