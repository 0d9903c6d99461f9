// Which process last served a data folder. After a kill -9 of `gbx dev` its servers need a moment to end: the next start
// waits for them instead of stumbling over their locks.
import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { systemClock } from '../core/clock.ts';
import { GbxError } from '../core/errors.ts';
import type { Progress } from './kafka-jars.ts';

const WAIT_MS_MAX = 15_000;

interface FormerOptions {
  readonly what: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

/** @param flag `wx` fails with EEXIST where there is one */
export async function writePidFile(file: string, pid: number, flag: 'w' | 'wx' = 'w'): Promise<void> {
  const startTime = await startTimeOf(pid);
  await writeFile(file, `${pid} ${startTime ?? ''}\n`, { flag });
}

/** Waits until the process that the file names is gone. @throws {GbxError} GBX_LOCAL_STACK where it does not go */
export async function assertFormerGone(file: string, { what, progress, signal }: FormerOptions): Promise<void> {
  const former = parsePidFile(await readFile(file, 'utf8').catch(() => ''));
  if (former === undefined || !(await isSameProcess(former))) return;
  progress(`waiting for the ${what} of an earlier run to end (process ${former.pid})`);
  const deadline = systemClock.elapsed() + WAIT_MS_MAX;
  while (await isSameProcess(former)) {
    signal?.throwIfAborted();
    if (systemClock.elapsed() > deadline)
      throw new GbxError('GBX_LOCAL_STACK', `Another ${what} still uses this data folder: process ${former.pid}`, {
        hint: `end it (kill ${former.pid}), or use another --data-dir`,
      });
    await systemClock.sleep(50, signal);
  }
}

export interface ProcessIdentity {
  readonly pid: number;
  /** As /proc says it; undefined where there is no /proc. Tells a process from a later one with the same pid. */
  readonly startTime: string | undefined;
}

export function parsePidFile(text: string): ProcessIdentity | undefined {
  const [pid, startTime] = text.trim().split(' ');
  return pid && /^\d+$/.test(pid) ? { pid: Number(pid), startTime } : undefined;
}

/** Whether this very process is alive. */
export async function isSameProcess({ pid, startTime }: ProcessIdentity): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const now = await startTimeOf(pid);
  return startTime === undefined || now === undefined || startTime === now;
}

/** Field 22 of /proc/<pid>/stat; the name in field 2 may hold spaces. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
