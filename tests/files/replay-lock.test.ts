import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findRunning, openReplayLock } from '../../src/files/replay-lock.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'gbx-lock-'));
});
afterAll(() => rm(root, { recursive: true }));

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
