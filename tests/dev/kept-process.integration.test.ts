// Contract: a kept process ends when it is told to and when its parent ends, however the parent ends, and nothing of its
// process group is left.
import { pbkdf2 } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKeptProcess } from '../../src/dev/kept-process.ts';
import { isSameProcess } from '../../src/dev/pid-file.ts';
import { eventually } from '../support/eventually.ts';
import { startProcess } from '../support/process.ts';

const SOURCE = fileURLToPath(new URL('../../src/dev/kept-process.ts', import.meta.url));
const isAlive = (pid: number): Promise<boolean> => isSameProcess({ pid, startTime: undefined });
const gone = (pid: number): Promise<boolean> => eventually(`process ${pid} gone`, async () => !(await isAlive(pid)));

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gbx-kept-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function openShell(script: string, options: { readonly graceSeconds?: number } = {}) {
  return openKeptProcess({ command: '/bin/sh', args: ['-c', script], output: { file: join(dir, 'log') }, ...options });
}

describe('openKeptProcess()', () => {
  it('reports code 127 and the reason in the log when there is no such command', async () => {
    await using kept = await openKeptProcess({ command: 'gbx-no-such-command', args: [], output: { file: join(dir, 'log') } });
    expect(await kept.exited).toEqual({ code: 127 });
    expect(await readFile(join(dir, 'log'), 'utf8')).toContain('gbx-no-such-command');
  });

  it('hears of an end that comes while Node is busy with other files', async () => {
    let isOver = false;
    // More than Node's pool has threads, for as long as it takes: closing the log waits for longer than the process lives.
    const spin = (): void => {
      if (!isOver) pbkdf2('a', 'b', 60_000, 64, 'sha512', spin);
    };
    for (let thread = 0; thread < 12; thread++) spin();
    await using kept = await openKeptProcess({ command: 'gbx-no-such-command', args: [], output: { file: join(dir, 'log') } });
    expect(await kept.exited).toEqual({ code: 127 });
    isOver = true;
  });

  it('hands over the exit code of a process that ends by itself', async () => {
    await using kept = await openShell('exit 3');
    expect(await kept.exited).toEqual({ code: 3 });
    expect(kept.isRunning()).toBe(false);
    expect(await kept.stop()).toEqual({ code: 3 });
  });

  it('lets a process finish its work after the stop signal', async () => {
    await using kept = await openShell('trap "echo tidy; exit 0" TERM; echo up; while :; do sleep 0.05; done');
    await eventually('up', async () => (await readFile(join(dir, 'log'), 'utf8')).includes('up'));
    expect(await kept.stop()).toEqual({ code: 0 });
    expect(await readFile(join(dir, 'log'), 'utf8')).toContain('tidy');
  });

  it('ends by force, after the grace, a process that ignores the signal, and its children', async () => {
    await using kept = await openShell('trap "" TERM; sleep 1000 & echo "$!"; wait; sleep 1000', { graceSeconds: 1 });
    const child = await eventually('the child', async () => Number(await readFile(join(dir, 'log'), 'utf8')) || undefined);
    expect(await kept.stop()).toEqual({ code: undefined });
    await gone(kept.pid);
    await gone(child);
  });

  it('ends a process that is stopped (SIGSTOP)', async () => {
    await using kept = await openShell('sleep 1000', { graceSeconds: 1 });
    process.kill(kept.pid, 'SIGSTOP');
    await kept.stop();
    await gone(kept.pid);
  });

  it('leaves nothing when the parent is killed with SIGKILL, those with a delay last', async () => {
    const parent = `
      import { openKeptProcess } from ${JSON.stringify(SOURCE)};
      const open = (orphanDelaySeconds) => openKeptProcess({ command: 'sleep', args: ['1000'], output: { file: ${JSON.stringify(join(dir, 'log'))} }, orphanDelaySeconds });
      console.log('kept ' + (await open(0)).pid + ' ' + (await open(1)).pid);`;
    await using child = await startProcess(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', parent]);
    const [, first = 0, last = 0] = (await child.line(/^kept/)).split(' ').map(Number);
    expect([await isAlive(first), await isAlive(last)]).toEqual([true, true]);
    child.signal('SIGKILL');
    await gone(first);
    expect(await isAlive(last)).toBe(true);
    await gone(last);
  });

  it('hands over lines of both streams', async () => {
    const lines: string[] = [];
    const onLine = (line: string, stream: string): void => void lines.push(`${stream} ${line}`);
    await using kept = await openKeptProcess({ command: '/bin/sh', args: ['-c', 'echo a; echo b >&2'], output: { onLine } });
    await kept.exited;
    expect(lines.sort()).toEqual(['stderr b', 'stdout a']);
  });
});
