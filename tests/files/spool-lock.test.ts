import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSpoolLock } from '../../src/files/spool-lock.ts';

const from = 'GBX_SPOOL_DIR (test)';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gbx-lock-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Another process that listens there, as a holder does, and dies without a word. */
async function leaveStaleSocket(path: string): Promise<void> {
  const program = `require('node:net').createServer(() => {}).listen(${JSON.stringify(path)}, () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'close');
}

test('openSpoolLock() refuses a folder that is held, and says by whom', async () => {
  await using _held = await openSpoolLock({ path: dir, from });
  await expect(openSpoolLock({ path: dir, from })).rejects.toMatchObject({
    code: 'GBX_SPOOL_IN_USE',
    exitCode: 75,
    message: expect.stringContaining(`process ${process.pid}`),
  });
});

test('openSpoolLock() takes the place of a holder that was killed', async () => {
  await leaveStaleSocket(join(dir, 'lock'));
  expect(await readdir(dir)).toEqual(['lock']);
  await using _held = await openSpoolLock({ path: dir, from });
  await expect(openSpoolLock({ path: dir, from })).rejects.toMatchObject({ code: 'GBX_SPOOL_IN_USE' });
});

test('openSpoolLock() lets one of many through that find a dead one at the same moment', async () => {
  await leaveStaleSocket(join(dir, 'lock'));
  await leaveStaleSocket(join(dir, 'lock-00000000'));
  const tries = await Promise.allSettled(Array.from({ length: 8 }, () => openSpoolLock({ path: dir, from })));
  const held = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  expect(held).toHaveLength(1);
  for (const lock of held) await lock[Symbol.asyncDispose]();
  expect(await readdir(dir)).toEqual([]);
});

test('openSpoolLock() never takes the name of a living holder away, not for a moment, however many ask', async () => {
  await using _held = await openSpoolLock({ path: dir, from });
  const before = (await readdir(dir)).sort();
  let isAsking = true;
  const asking = Promise.allSettled(Array.from({ length: 20 }, () => openSpoolLock({ path: dir, from }))).finally(() => {
    isAsking = false;
  });
  while (isAsking) expect(await readdir(dir)).toEqual(expect.arrayContaining(before));
  for (const { status } of await asking) expect(status).toBe('rejected');
  expect((await readdir(dir)).sort()).toEqual(before);
});

test('openSpoolLock() is held by a process that is frozen, and by one whose queue of callers is full', async () => {
  const path = join(dir, 'lock');
  const program = `require('node:net').createServer(() => {}).listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const callers: Socket[] = [];
  try {
    await once(child.stdout, 'data');
    child.kill('SIGSTOP');
    await expect(openSpoolLock({ path: dir, from })).rejects.toThrow('does not answer');
    for (let i = 0; i < 8; i++) callers.push(connect(path).on('error', () => undefined));
    await expect(openSpoolLock({ path: dir, from })).rejects.toMatchObject({ code: 'GBX_SPOOL_IN_USE' });
    expect(await readdir(dir)).toEqual(['lock']);
  } finally {
    for (const caller of callers) caller.destroy();
    child.kill('SIGKILL');
    await once(child, 'close');
  }
});

test.runIf(process.platform === 'linux')('openSpoolLock() takes nobody for dead whom it cannot ask', async () => {
  await symlink('lock', join(dir, 'lock'));
  await expect(openSpoolLock({ path: dir, from })).rejects.toMatchObject({
    code: 'GBX_SPOOL_IN_USE',
    message: expect.stringContaining('cannot be asked (ELOOP)'),
  });
  expect(await readdir(dir)).toEqual(['lock']);
});

test('openSpoolLock() leaves nothing behind when it is disposed', async () => {
  await (await openSpoolLock({ path: dir, from }))[Symbol.asyncDispose]();
  expect(await readdir(dir)).toEqual([]);
  await using _again = await openSpoolLock({ path: dir, from });
});

test.runIf(process.platform === 'linux')('openSpoolLock() works where the path is longer than a socket takes', async () => {
  const deep = join(dir, 'a'.repeat(80), 'b'.repeat(80));
  await mkdir(deep, { recursive: true });
  await using _held = await openSpoolLock({ path: deep, from });
  await expect(openSpoolLock({ path: deep, from })).rejects.toMatchObject({ code: 'GBX_SPOOL_IN_USE' });
});

test('openSpoolLock() names the setting where no socket can be made', async () => {
  await writeFile(join(dir, 'file'), '');
  await expect(openSpoolLock({ path: join(dir, 'file'), from })).rejects.toMatchObject({ code: 'GBX_CONFIG', from });
});
