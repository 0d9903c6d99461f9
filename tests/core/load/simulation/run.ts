// `npm run simulate -- --seeds 5000`: the model test over as many seeds as there is time for, on all cores. A seed that fails
// prints itself and what was wrong; `--first <seed> --seeds 1` runs it again, step for step. Exit 0 when all is right, else 1.
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { unseen } from './coverage.ts';
import { simulate } from './simulate.ts';

interface Part {
  readonly violations: readonly string[];
  readonly seen: Readonly<Record<string, number>>;
}

interface Range {
  readonly first: number;
  readonly seeds: number;
  /** Each so many-th of them. */
  readonly step: number;
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    first: { type: 'string', default: '1' },
    /** Given to a part that runs beside others, and is asked by fork(). */
    step: { type: 'string' },
  },
});

async function runPart({ first, seeds, step }: Range): Promise<Part> {
  const violations: string[] = [];
  const seen: Record<string, number> = {};
  for (let seed = first; seed < first + seeds; seed += step) {
    const report = await simulate(seed);
    if (report.violations.length > 0) {
      const again = `npm run simulate -- --first ${seed} --seeds 1`;
      violations.push(`seed ${seed} (again: ${again})\n  ${report.violations.join('\n  ')}`);
      console.error(violations.at(-1));
    }
    for (const [what, count] of Object.entries(report.seen)) seen[what] = (seen[what] ?? 0) + count;
  }
  return { violations, seen };
}

function runBeside({ first, seeds, step }: Range): Promise<Part> {
  const args = ['--first', first, '--seeds', seeds, '--step', step].map(String);
  const child = fork(fileURLToPath(import.meta.url), args);
  return new Promise((resolve, reject) => {
    child.once('message', (part) => resolve(part as Part));
    child.once('exit', (code) => reject(new Error(`the part from seed ${first} on ended with ${code}`)));
  });
}

async function runAll({ first, seeds }: Omit<Range, 'step'>): Promise<boolean> {
  const startedMs = performance.now();
  const step = Math.min(availableParallelism(), seeds);
  const ranges = Array.from({ length: step }, (_, index) => ({ first: first + index, seeds: seeds - index, step }));
  const parts = await Promise.all(ranges.map(step === 1 ? runPart : runBeside));
  const seen: Record<string, number> = {};
  for (const part of parts) for (const [what, count] of Object.entries(part.seen)) seen[what] = (seen[what] ?? 0) + count;
  const failed = parts.reduce((total, { violations }) => total + violations.length, 0);
  const missing = unseen(seen, seeds);
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(`${seeds} seeds from ${first} on in ${seconds.toFixed(1)} s (${(seeds / seconds).toFixed(0)} a second): ${failed} failed`);
  if (missing.length > 0) console.log(`never happened: ${missing.join(', ')}`);
  return failed === 0 && missing.length === 0;
}

const range = { first: Number(values.first), seeds: Number(values.seeds), step: Number(values.step ?? 1) };
if (!Object.values(range).every((value) => Number.isSafeInteger(value) && value > 0)) {
  throw new Error('--seeds and --first take a positive integer');
}
if (values.step === undefined) process.exitCode = (await runAll(range)) ? 0 : 1;
else {
  process.send?.(await runPart(range));
  process.disconnect();
}
