// How long the command line takes to answer, against Node doing nothing: alternated, so that a busy moment hits all. And `npm start`.
import { spawnSync } from 'node:child_process';
import { type BootFigures, benchBoot } from './boot.ts';
import { cleanEnv } from './children.ts';
import { median } from './median.ts';
import type { BenchOptions } from './options.ts';
import type { Stack } from './stack.ts';

const ROUNDS = 21;
/** The first ones fill the compile cache and the page cache. */
const WARM_UP_ROUNDS = 2;

/** Milliseconds, medians. */
export interface StartFigures {
  readonly rounds: number;
  readonly nothing: number;
  readonly version: number;
  readonly help: number;
  readonly boot: BootFigures;
}

export async function benchStart({ build: { bin } }: Stack, { runs }: BenchOptions): Promise<StartFigures> {
  const commands = { nothing: ['-e', '0'], version: [bin, '--version'], help: [bin, '--help'] };
  const times: Record<keyof typeof commands, number[]> = { nothing: [], version: [], help: [] };
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    for (const name of ['nothing', 'version', 'help'] as const) {
      const ms = timeOf(commands[name]);
      if (round >= WARM_UP_ROUNDS) times[name].push(ms);
    }
  }
  return {
    rounds: ROUNDS,
    nothing: median(times.nothing),
    version: median(times.version),
    help: median(times.help),
    boot: await benchBoot(runs),
  };
}

function timeOf(args: readonly string[]): number {
  const startedMs = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { env: cleanEnv() });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with code ${status}: ${stderr}`);
  return performance.now() - startedMs;
}
