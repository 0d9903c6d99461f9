// `npm run bench`: starts its own Kafka and PostgreSQL, measures, prints the figures and writes them into README.md.
// Every figure that has to be reached is a ratio of two rates of the same run on the same machine.
import { mkdtemp } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchDrain, profileDrain } from './drain.ts';
import { benchHttp } from './http.ts';
import { benchIdle, idleTables } from './idle.ts';
import { benchLag, lagTables } from './lag.ts';
import { type BenchOptions, type Part, parseOptions } from './options.ts';
import { benchPoison, poisonTables } from './poison.ts';
import { benchProduce, produceTables } from './produce.ts';
import { readSelfTimes } from './profile.ts';
import { benchReplay, replayTables } from './replay.ts';
import { drainTables, httpTables, startTables } from './report.ts';
import { benchSpool, spoolTables } from './spool.ts';
import { openStack, type Stack } from './stack.ts';
import { benchStart } from './start.ts';
import { benchVerify, verifyTables } from './verify.ts';
import { describeRun, writeSection } from './write-readme.ts';

const FUNCTIONS_SHOWN = 40;
const LOAD_MAX = 0.5;

async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  const options = parseOptions(argv);
  const about = await describeRun(argv);
  const [load = 0] = loadavg();
  if (load > LOAD_MAX) console.error(`bench: this machine is busy (load average ${load.toFixed(1)}): the ratios will tell little`);
  await using stack = await openStack();
  for (const [signal, exitCode] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.once(signal, () => void stack[Symbol.asyncDispose]().then(() => process.exit(exitCode)));
  }
  if (options.profile) {
    await profile(stack, options);
    return;
  }
  for (const part of options.parts) {
    const text = await MEASURES[part](stack, options);
    console.log(`\n## ${part}\n\n${text}`);
    if (options.isWritten) await writeSection(part, `${about}\n\n${text}`);
  }
}

/** Each part measures and gives its report as Markdown. */
const MEASURES: Readonly<Record<Part, (stack: Stack, options: BenchOptions) => Promise<string>>> = {
  drain: async (stack, options) => drainTables(await benchDrain(stack, options)),
  poison: async (stack, options) => poisonTables(await benchPoison(stack, options)),
  idle: async (stack, options) => idleTables(await benchIdle(stack, options)),
  verify: async (stack, options) => verifyTables(await benchVerify(stack, options)),
  http: async (stack, options) => httpTables(await benchHttp(stack, options)),
  spool: async (stack, options) => spoolTables(await benchSpool(stack, options)),
  produce: async (stack, options) => produceTables(await benchProduce(stack, options)),
  replay: async (stack, options) => replayTables(await benchReplay(stack, options)),
  lag: async (stack) => lagTables(await benchLag(stack)),
  start: async (stack, options) => startTables(await benchStart(stack, options)),
};

async function profile(stack: Stack, options: BenchOptions): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'gbx-profile-'));
  const drain = await profileDrain(stack, options, dir);
  console.log(`${Math.round(drain.recordsPerSecond)} records/s under the profiler; the profile is in ${dir}`);
  for (const { name, ms, share } of (await readSelfTimes(dir)).slice(0, FUNCTIONS_SHOWN)) {
    console.log(`${ms.toFixed(0).padStart(8)} ms ${(share * 100).toFixed(1).padStart(5)} %  ${name}`);
  }
}

// A wrong flag is no bug: one line will do.
await main().catch((error: unknown) => {
  console.error(error instanceof RangeError || isWrongFlag(error) ? error.message : error);
  process.exitCode = 1;
});

function isWrongFlag(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
