// What a process costs while it runs, read from Linux's /proc: for "does not spin" and "memory stays flat".
import { readFile } from 'node:fs/promises';
import { platform } from 'node:os';

/** Ticks of a second in /proc/<pid>/stat: 100 on every Linux that Node runs on. */
const TICK_MS = 10;

export interface ProcessLoad {
  /** User and system time so far. */
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** The most it ever held. */
  readonly rssPeakBytes: number;
}

/** Undefined where there is no /proc. */
export async function processLoad(pid: number): Promise<ProcessLoad | undefined> {
  if (platform() !== 'linux') return undefined;
  const [stat, status] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile(`/proc/${pid}/status`, 'utf8')]);
  // The name in parentheses may hold anything; fields are counted behind it (man proc_pid_stat: utime is the 14th).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const cpuMs = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  const bytesOf = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'mu').exec(status)?.[1] ?? 0) * 1024;
  return { cpuMs, rssBytes: bytesOf('VmRSS'), rssPeakBytes: bytesOf('VmHWM') };
}
