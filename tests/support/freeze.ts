// Stops a process as a debugger does: its connections stay open, and nothing answers.
import { readFile } from 'node:fs/promises';
import { eventually } from './eventually.ts';

/** Resolves once it stands still: the signal is acted upon later than it is sent. */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  if (process.platform !== 'linux') return;
  // proc(5): the state follows the name in parentheses, which may hold spaces; T is stopped.
  await eventually(`process ${pid} to stand still`, async () => {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
  });
}
