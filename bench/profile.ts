// A CPU profile as a list: which functions the processor was in, their callees not counted.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Microseconds. */
  readonly timeDeltas: readonly number[];
}

export interface SelfTime {
  readonly name: string;
  readonly ms: number;
  readonly share: number;
}

/** Of the longest profile in the folder. Shares are of the time in which the thread was not idle. */
export async function readSelfTimes(dir: string): Promise<SelfTime[]> {
  const files = (await readdir(dir)).filter((file) => file.endsWith('.cpuprofile'));
  const texts = await Promise.all(files.map((file) => readFile(join(dir, file), 'utf8')));
  const longest = texts.sort((a, b) => b.length - a.length)[0];
  if (longest === undefined) throw new Error(`no profile in ${dir}: the program did not end in order`);
  const { nodes, samples, timeDeltas } = JSON.parse(longest) as CpuProfile;
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const totals = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const name = names.get(id) ?? '?';
    totals.set(name, (totals.get(name) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const idle = totals.get('(idle)') ?? 0;
  const busy = [...totals.values()].reduce((sum, micros) => sum + micros, 0) - idle;
  return [...totals].map(([name, micros]) => ({ name, ms: micros / 1000, share: micros / busy })).sort((a, b) => b.ms - a.ms);
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  if (url === '') return functionName;
  const place = url.replace(/^.*\/(?=node_modules\/|dist\/)/, '');
  return `${functionName || '(anonymous)'} ${place}:${lineNumber + 1}`;
}
