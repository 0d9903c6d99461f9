// `npm run mutations [-- --guard text ...] [--json file]`: switches each guard off in a copy of the tree and runs the tests that
// must fail then. A guard that nothing misses is no guard, or has no test. Exit 0 when every mutant is killed, 1 when one
// survives, when a change no longer fits its file, or when the tests fail twice without any change; the others go on then.
import { execFileSync, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Mutant } from './mutant.ts';
import { MUTANTS } from './mutants.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TEST_MS_MAX = 300_000;

const { values } = parseArgs({ options: { guard: { type: 'string', multiple: true, default: [''] }, json: { type: 'string' } } });

type Verdict = 'killed' | 'survived' | 'does not fit' | 'broken before';

interface Result {
  readonly guard: string;
  readonly file: string;
  readonly tests: readonly string[];
  readonly verdict: Verdict;
  readonly seconds: number;
  /** The first test that failed. */
  readonly by: string | undefined;
  /** Of the unchanged tree: it failed once and passed the second time. */
  readonly flake: string | undefined;
}

/** What git knows or would take, with packages and git's folder linked. */
async function copyTree(to: string): Promise<void> {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' });
  for (const path of listed.split('\0').filter((name) => name !== '')) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    // A file may be deleted and still known.
    await cp(join(ROOT, path), join(to, path)).catch(() => undefined);
  }
  await symlink(join(ROOT, 'node_modules'), join(to, 'node_modules'));
}

interface Ran {
  readonly code: number;
  readonly output: string;
}

function run(cwd: string, args: readonly string[], signal: AbortSignal): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, NO_COLOR: '1' },
    });
    let output = '';
    const stop = (): void => void child.kill('SIGINT');
    const timer = setTimeout(stop, TEST_MS_MAX);
    signal.addEventListener('abort', stop, { once: true });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (output += bytes.toString()));
    child.once('exit', () => endGroup(child.pid));
    child.once('close', (code) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      resolve({ code: code ?? 1, output });
    });
  });
}

/** A worker that ends at its first failed test leaves the processes of its other tests behind: they are of its group. */
function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left.
  }
}

const TSC = 'node_modules/typescript/bin/tsc';
const VITEST = 'node_modules/vitest/vitest.mjs';

/** End-to-end tests run what is built. */
function needsBuild(tests: readonly string[]): boolean {
  return tests.some((test) => test.includes('.e2e.') || test.includes('.integration.'));
}

async function runTests(tree: string, { tests, only }: Pick<Mutant, 'tests' | 'only'>, signal: AbortSignal): Promise<Ran> {
  if (needsBuild(tests)) await run(tree, [TSC, '-p', 'tsconfig.build.json', '--noCheck'], signal);
  return run(tree, [VITEST, 'run', ...tests, ...(only === undefined ? [] : ['-t', only]), '--bail', '1'], signal);
}

/** A run that failed without a failed test (no such file, a server that did not start) kills nothing. */
function failedTest({ code, output }: Ran): string | undefined {
  if (code === 0) return undefined;
  return /^ *FAIL +(.*)$/mu.exec(output)?.[1]?.trim();
}

/** Why the tests fail as they are; once for all mutants with the same ones. */
interface Baseline {
  readonly broken: string | undefined;
  readonly flake: string | undefined;
}

async function takeBaseline(tree: string, mutant: Mutant, signal: AbortSignal): Promise<Baseline> {
  const failures: string[] = [];
  // Some tests wait for real processes: beside other work one may fail without a reason of its own.
  for (let attempt = 0; attempt < 2 && !signal.aborted; attempt++) {
    const before = await runTests(tree, mutant, signal);
    if (before.code === 0) return { broken: undefined, flake: failures[0] };
    failures.push(failedTest(before) ?? before.output.slice(-400));
  }
  return { broken: failures.at(-1) ?? 'stopped', flake: undefined };
}

const baselines = new Map<string, Promise<Baseline>>();

function baselineOf(tree: string, mutant: Mutant, signal: AbortSignal): Promise<Baseline> {
  const key = JSON.stringify([mutant.tests, mutant.only]);
  const known = baselines.get(key) ?? takeBaseline(tree, mutant, signal);
  baselines.set(key, known);
  return known;
}

type Judged = Pick<Result, 'verdict' | 'by' | 'flake'>;

async function judge(tree: string, mutant: Mutant, signal: AbortSignal): Promise<Judged> {
  const path = join(tree, mutant.file);
  const source = await readFile(path, 'utf8').catch(() => '');
  if (source.split(mutant.find).length !== 2) return { verdict: 'does not fit', by: undefined, flake: undefined };
  const { broken, flake } = await baselineOf(tree, mutant, signal);
  if (broken !== undefined) return { verdict: 'broken before', by: broken, flake };
  await writeFile(
    path,
    source.replace(mutant.find, () => mutant.replace),
  );
  try {
    const ran = await runTests(tree, mutant, signal);
    const by = failedTest(ran);
    if (by === undefined && ran.code !== 0) return { verdict: 'survived', by: `nothing: ${ran.output.slice(-400)}`, flake };
    return { verdict: by === undefined ? 'survived' : 'killed', by, flake };
  } finally {
    await writeFile(path, source);
  }
}

function print({ verdict, seconds, guard, by, flake }: Result): void {
  const below = ' '.repeat(25);
  console.log(`${verdict.padEnd(13)} ${seconds.toFixed(1).padStart(6)} s  ${guard}`);
  if (by !== undefined) console.log(`${below}by ${by}`);
  if (flake !== undefined) console.log(`${below}failed once without a change: ${flake}`);
}

async function main(signal: AbortSignal): Promise<number> {
  const tree = await mkdtemp(join(tmpdir(), 'gbx-mutations-'));
  const results: Result[] = [];
  try {
    await copyTree(tree);
    for (const mutant of MUTANTS.filter(({ guard, file }) => values.guard.some((text) => `${guard} ${file}`.includes(text)))) {
      if (signal.aborted) break;
      const startMs = performance.now();
      const judged = await judge(tree, mutant, signal);
      const seconds = Math.round((performance.now() - startMs) / 100) / 10;
      const result: Result = { guard: mutant.guard, file: mutant.file, tests: mutant.tests, seconds, ...judged };
      results.push(result);
      print(result);
    }
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
  const killed = results.filter(({ verdict }) => verdict === 'killed').length;
  const flakes = results.filter(({ flake }) => flake !== undefined).length;
  console.log(`${killed} of ${results.length} killed${flakes === 0 ? '' : `; the tests of ${flakes} failed once without a change`}`);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`);
  return killed === results.length && killed > 0 ? 0 : 1;
}

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort());
process.exitCode = await main(stopping.signal);
