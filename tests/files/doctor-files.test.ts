import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readOpenFilesMax, readSpoolFacts, writeBundle } from '../../src/files/doctor-files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gbx-doctor-files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('readSpoolFacts() tells what is not there, and what is no folder', async () => {
  expect(await readSpoolFacts(join(folder, 'none'))).toBeUndefined();
  writeFileSync(join(folder, 'file'), 'x');
  expect(await readSpoolFacts(join(folder, 'file'))).toMatchObject({ isFolder: false });
});

test('readSpoolFacts() counts segments that hold something and what was set aside, and leaves the folder as it is', async () => {
  writeFileSync(join(folder, '000000000001.spool'), 'x'.repeat(100));
  writeFileSync(join(folder, '000000000002.spool'), '');
  writeFileSync(join(folder, 'lock'), 'x'.repeat(100));
  mkdirSync(join(folder, 'refused'));
  writeFileSync(join(folder, 'refused', '000000000001.ndjson'), '{}');
  const before = statSync(folder).mtimeMs;
  expect(await readSpoolFacts(folder)).toMatchObject({ isFolder: true, isWritable: true, files: 1, bytes: 100, setAside: 1 });
  expect(statSync(folder).mtimeMs).toBe(before);
});

test('readOpenFilesMax() is a number on Linux and unknown elsewhere', () => {
  expect(readOpenFilesMax() ?? 'unknown').toEqual(process.platform === 'linux' ? expect.any(Number) : 'unknown');
});

test('writeBundle() writes for the owner alone, and names the file where it cannot', async () => {
  await writeBundle(join(folder, 'b.json'), '{}\n');
  expect(readFileSync(join(folder, 'b.json'), 'utf8')).toBe('{}\n');
  expect(statSync(join(folder, 'b.json')).mode & 0o777).toBe(0o600);
  await expect(writeBundle(join(folder, 'none', 'b'), '')).rejects.toMatchObject({
    code: 'GBX_USAGE',
    message: expect.stringContaining('none'),
  });
});
