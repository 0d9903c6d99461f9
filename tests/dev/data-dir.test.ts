import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDataDir } from '../../src/dev/data-dir.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gbx-data-'));
  for (const folder of ['kafka', 'postgres', 'spool', 'mine']) {
    await mkdir(join(dir, folder));
    await writeFile(join(dir, folder, 'file'), 'something');
  }
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('openDataDir() keeps what is there, and refuses a second one', async () => {
  await using _held = await openDataDir(dir, { fresh: false, keepsSpool: false });
  await expect(openDataDir(dir, { fresh: true, keepsSpool: false })).rejects.toMatchObject({ code: 'GBX_LOCAL_STACK' });
  expect((await readdir(dir)).sort()).toEqual(['dev.pid', 'kafka', 'mine', 'postgres', 'spool']);
});

test('openDataDir() for a fresh start throws away what Kafka, PostgreSQL and the spool hold, and nothing else', async () => {
  await (await openDataDir(dir, { fresh: true, keepsSpool: false }))[Symbol.asyncDispose]();
  expect(await readdir(dir)).toEqual(['mine']);
});

test('openDataDir() for a fresh start keeps what waits for a Kafka that stays', async () => {
  await (await openDataDir(dir, { fresh: true, keepsSpool: true }))[Symbol.asyncDispose]();
  expect((await readdir(dir)).sort()).toEqual(['mine', 'spool']);
});
