import { mkdtemp, open, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openSpoolFolder } from '../../src/files/spool-disk.ts';

const from = 'GBX_SPOOL_DIR (test)';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gbx-disk-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('openSpoolFolder() refuses what is no folder, and a missing one that is not to be made, with the setting at fault', async () => {
  await writeFile(join(dir, 'file'), '');
  for (const path of [join(dir, 'file'), join(dir, 'file', 'below')]) {
    await expect(openSpoolFolder({ path, from }, { isMade: true })).rejects.toMatchObject({ code: 'GBX_CONFIG', from });
  }
  await expect(openSpoolFolder({ path: join(dir, 'none'), from }, { isMade: false })).rejects.toThrow('there is no such folder');
});

test('openSpoolFolder() refuses a place where this user, be it root, may not write', async () => {
  const refusal = expect(openSpoolFolder({ path: '/sys/gbx-spool', from }, { isMade: true })).rejects;
  await refusal.toMatchObject({ code: 'GBX_CONFIG', from, message: expect.stringMatching(/may not write there|mounted read-only/u) });
});

test('openSpoolFolder() makes folders and files for their owner alone', async () => {
  const path = join(dir, 'a', 'b');
  const disk = await openSpoolFolder({ path, from }, { isMade: true });
  const file = await disk.create('one.spool');
  await file.append(Buffer.from('bytes'));
  await file.sync();
  await file.close();
  const kept = await disk.openAppend('refused/one.ndjson');
  await kept.close();
  await disk.syncFolder();
  await disk.syncFolder('refused');
  for (const folder of [path, join(path, 'refused')]) expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect((await stat(join(path, 'one.spool'))).mode & 0o777).toBe(0o600);
  expect(await disk.list()).toEqual([{ name: 'one.spool', bytes: 5 }]);
  expect(await disk.list('refused')).toEqual([{ name: 'refused/one.ndjson', bytes: 0 }]);
  expect(await disk.list('damaged')).toEqual([]);
});

test('a disk reads what is there, cuts, moves and removes, and a removal of nothing is none', async () => {
  const disk = await openSpoolFolder({ path: dir, from }, { isMade: true });
  const file = await disk.create('one.spool');
  await file.append(Buffer.from('0123456789'));
  await file.truncate(6);
  await file.append(Buffer.from('ab'));
  await file.close();
  expect((await disk.read('one.spool', { position: 4, length: 100 })).toString()).toBe('45ab');
  await disk.rename('one.spool', 'damaged/one.spool');
  expect(await readFile(join(dir, 'damaged', 'one.spool'), 'utf8')).toBe('012345ab');
  await disk.remove('one.spool');
  expect(await readdir(dir)).toEqual(['damaged']);
});

test('a disk makes refused/ and damaged/ again when somebody has moved them away', async () => {
  const disk = await openSpoolFolder({ path: dir, from }, { isMade: true });
  for (let round = 0; round < 2; round++) {
    await (await disk.openAppend('refused/one.ndjson')).close();
    await (await disk.create('one.spool')).close();
    await disk.rename('one.spool', 'damaged/one.spool');
    for (const folder of ['refused', 'damaged'] as const) {
      expect(await disk.list(folder)).toHaveLength(1);
      await rm(join(dir, folder), { recursive: true });
      await disk.syncFolder(folder);
    }
  }
});

test('a disk names what the system refuses, writes over nothing and follows no link', async () => {
  const disk = await openSpoolFolder({ path: dir, from }, { isMade: true });
  await writeFile(join(dir, 'elsewhere'), 'safe');
  await symlink(join(dir, 'elsewhere'), join(dir, 'link.spool'));
  await expect(disk.create('link.spool')).rejects.toMatchObject({ code: 'GBX_SPOOL_FAILED' });
  await expect(disk.openAppend('link.spool')).rejects.toThrow('ELOOP');
  await expect(disk.create('elsewhere')).rejects.toMatchObject({ code: 'GBX_SPOOL_FAILED' });
  await expect(disk.read('none', { position: 0, length: 1 })).rejects.toThrow('ENOENT');
  expect(await readFile(join(dir, 'elsewhere'), 'utf8')).toBe('safe');
});

test('a disk asks the system to make files and folders durable, and says so where it fails', async () => {
  const handle = await open(dir);
  const prototype: Pick<typeof handle, 'sync' | 'datasync'> = Object.getPrototypeOf(handle);
  await handle.close();
  const [datasync, sync] = [vi.spyOn(prototype, 'datasync'), vi.spyOn(prototype, 'sync')];
  try {
    const disk = await openSpoolFolder({ path: join(dir, 'a', 'b'), from }, { isMade: true });
    // The folders above those that were made.
    expect(sync).toHaveBeenCalledTimes(2);
    const file = await disk.create('one.spool');
    await file.append(Buffer.from('bytes'));
    expect(datasync).not.toHaveBeenCalled();
    await file.sync();
    expect(datasync).toHaveBeenCalledTimes(1);
    await disk.syncFolder();
    expect(sync).toHaveBeenCalledTimes(3);
    datasync.mockRejectedValueOnce(Object.assign(new Error('EIO'), { code: 'EIO' }));
    await expect(file.sync()).rejects.toMatchObject({ code: 'GBX_SPOOL_FAILED' });
    await file.close();
  } finally {
    vi.restoreAllMocks();
  }
});
