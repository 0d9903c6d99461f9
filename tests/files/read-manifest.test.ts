import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { assertManifestFile, readManifestLines } from '../../src/files/read-manifest.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gbx-manifest-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function linesOf(path: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of readManifestLines(path)) lines.push(line);
  return lines;
}

test('assertManifestFile() names what is not there, a folder and a pipe', async () => {
  const none = join(folder, 'none');
  await expect(assertManifestFile(none)).rejects.toMatchObject({
    code: 'GBX_USAGE',
    message: `Cannot read the manifest ${none}`,
    cause: { code: 'ENOENT' },
  });
  await expect(assertManifestFile(folder)).rejects.toMatchObject({
    code: 'GBX_USAGE',
    message: `Cannot read the manifest ${folder} as it is a folder`,
  });
  const device = '/dev/null';
  await expect(assertManifestFile(device)).rejects.toMatchObject({ code: 'GBX_USAGE', message: expect.stringContaining(device) });
  const path = join(folder, 'manifest.ndjson');
  writeFileSync(path, '');
  await expect(assertManifestFile(path)).resolves.toBeUndefined();
});

test('readManifestLines() says which file it cannot read, and why', async () => {
  const path = join(folder, 'none');
  await expect(linesOf(path)).rejects.toMatchObject({
    code: 'GBX_USAGE',
    message: expect.stringContaining(path),
    cause: { code: 'ENOENT' },
  });
  await expect(linesOf(folder)).rejects.toMatchObject({ code: 'GBX_USAGE', cause: { code: 'EISDIR' } });
});

test('readManifestLines() ends a line at its line feed and nowhere else, across chunks of any size', async () => {
  const long = 'x'.repeat(700_000);
  const path = join(folder, 'manifest.ndjson');
  writeFileSync(path, `{"a":"\u2028\r"}\n\n${long}\n${long}ä`);
  expect(await linesOf(path)).toEqual(['{"a":"\u2028\r"}', '', long, `${long}ä`]);
  writeFileSync(path, '');
  expect(await linesOf(path)).toEqual([]);
});
