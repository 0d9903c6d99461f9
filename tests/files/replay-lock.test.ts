import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findRunning, openReplayLock } from '../../src/files/replay-lock.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'gbx-lock-'));
});
afterAll(() => rm(root, { recursive: true }));

test('findRunning() throws what keeps it from asking, and names the lock; takes nobody for running where nobody listens', async () => {
  const file = join(root, 'no-folder');
  await writeFile(file, '');
  await expect(findRunning(file)).rejects.toMatchObject({
    code: 'GBX_CONFIG',
    message: `Cannot tell whether a replay is running: ENOTDIR at ${join(file, 'lock')}`,
  });
  const loop = join(root, 'loop');
  await mkdir(loop);
  await symlink('lock', join(loop, 'lock'));
  await expect(findRunning(loop)).rejects.toMatchObject({ code: 'GBX_CONFIG', message: expect.stringContaining(join(loop, 'lock')) });
  expect(await findRunning(join(root, 'none'))).toBeUndefined();
  const left = join(root, 'left');
  await mkdir(left);
  expect(await findRunning(left)).toBeUndefined();
  await symlink('lock-00000000', join(left, 'lock'));
  expect(await findRunning(left)).toBeUndefined();
  await rm(join(left, 'lock'));
  // A socket whose process was killed.
  await writeFile(join(left, 'lock'), '');
  expect(await findRunning(left)).toBeUndefined();
});

test.runIf(process.platform === 'linux')('findRunning() finds the one in a folder whose path is too long for a socket', async () => {
  const folder = join(root, 'long'.repeat(30), 'plans');
  expect(await findRunning(folder)).toBeUndefined();
  {
    await using _held = await openReplayLock(folder, { planId: 'replay-1', nowMs: 0 });
    expect(await findRunning(folder)).toMatchObject({ planId: 'replay-1' });
  }
  expect(await findRunning(folder)).toBeUndefined();
});

test('openReplayLock() refuses a second one and names the first, until that ends', async () => {
  const folder = join(root, 'plans');
  {
    await using _first = await openReplayLock(folder, { planId: 'replay-1', nowMs: 0 });
    await expect(openReplayLock(folder, { planId: 'replay-2', nowMs: 0 })).rejects.toMatchObject({
      code: 'GBX_REPLAY_RUNNING',
      message: expect.stringContaining('replay-1, since 1970-01-01T00:00:00.000Z'),
    });
    expect(await findRunning(folder)).toMatchObject({ planId: 'replay-1' });
  }
  expect(await findRunning(folder)).toBeUndefined();
  await using _second = await openReplayLock(folder, { planId: 'replay-2', nowMs: 0 });
  expect(await findRunning(folder)).toMatchObject({ planId: 'replay-2' });
});

test('openReplayLock() says that it cannot make its folder', async () => {
  await writeFile(join(root, 'file'), '');
  await expect(openReplayLock(join(root, 'file'), { planId: 'p', nowMs: 0 })).rejects.toMatchObject({ code: 'GBX_CONFIG' });
});
