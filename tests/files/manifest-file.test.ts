import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openManifestFile } from '../../src/files/manifest-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gbx-manifest-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('openManifestFile() says where it cannot write', async () => {
  await expect(openManifestFile(join(folder, 'no/such'), 'h\n')).rejects.toMatchObject({ code: 'GBX_USAGE' });
});

test('openManifestFile() keeps lines whole that come at once, and sets the head right at the end', async () => {
  const path = join(folder, 'm');
  const file = await openManifestFile(path, 'head ?\n');
  const lines = Array.from({ length: 50 }, (_, i) => `${String(i).repeat(2000)}\n`);
  await Promise.all(lines.map((line) => file.append(line)));
  expect(readFileSync(path, 'utf8')).toBe(`head ?\n${lines.join('')}`);
  await file.finish('head !\n');
  expect(readFileSync(path, 'utf8')).toBe(`head !\n${lines.join('')}`);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
