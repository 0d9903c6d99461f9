// The contract of scripts/bootstrap.mjs: a step is done when what it is made from has changed, and only then; a failed
// step leaves what was there; two at once do not do it twice; a process that is gone holds nobody up; a signal ends the
// child and itself. Run in a copy with a compiler of the test's own: packages and Kafka need the network and are not touched.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startProcess } from '../support/process.ts';

const SCRIPTS = fileURLToPath(new URL('../../scripts', import.meta.url));

/** Counts its runs, waits if told to, copies src/ to where --outDir says; fails where a source says so. */
const COMPILER = `
const { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync } = require('node:fs');
appendFileSync('runs.txt', 'run\\n');
const outDir = process.argv[process.argv.indexOf('--outDir') + 1];
const finish = () => {
  mkdirSync(outDir, { recursive: true });
  cpSync('src', outDir, { recursive: true });
  process.exit(readFileSync('src/a.ts', 'utf8').includes('wrong') ? 2 : 0);
};
const wait = () => (existsSync('hold') ? setTimeout(wait, 20) : finish());
wait();
`;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gbx-bootstrap-'));
  cpSync(SCRIPTS, join(root, 'scripts'), { recursive: true });
  write('package-lock.json', '{"packages":{}}');
  write('tsconfig.json', '{}');
  write('tsconfig.build.json', '{}');
  write('src/a.ts', 'first');
  write('node_modules/typescript/bin/tsc', COMPILER);
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const runs = (): number => (existsSync(join(root, 'runs.txt')) ? read('runs.txt').trimEnd().split('\n').length : 0);
const start = () => startProcess(process.execPath, [join(root, 'scripts/bootstrap.mjs'), 'build'], { cwd: root });

async function build() {
  await using child = await start();
  const { code } = await child.exit();
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

test('a build that fails says so, exits 70, and leaves the former build as it was', async () => {
  await build();
  write('src/a.ts', 'wrong');
  const failed = await build();
  expect(failed).toMatchObject({ code: 70, stdout: '' });
  expect(failed.stderr).toContain('error: the build failed');
  expect(read('dist/a.ts')).toBe('first');
  expect((await build()).code).toBe(70);
});

test('nothing is built twice from the same sources, and nothing is said about it', async () => {
  expect(await build()).toEqual({ code: 0, stdout: '', stderr: 'building dist/ from src/\n' });
  expect(await build()).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(runs()).toBe(1);
});

test('a source that changed, came or went is built anew, and what is gone does not stay', async () => {
  write('src/b.ts', 'second');
  await build();
  rmSync(join(root, 'src/b.ts'));
  await build();
  expect(existsSync(join(root, 'dist/b.ts'))).toBe(false);
  write('src/a.ts', 'changed');
  await build();
  expect(read('dist/a.ts')).toBe('changed');
  expect(runs()).toBe(3);
});

test('of two at once one builds, and the other waits and says so', async () => {
  write('hold', '');
  await using first = await start();
  await eventually('the compiler to run', () => runs() === 1);
  await using second = await start();
  await second.line(`waiting for another start in this folder (process ${first.pid})`);
  rmSync(join(root, 'hold'));
  expect(await first.exit()).toMatchObject({ code: 0 });
  expect(await second.exit()).toMatchObject({ code: 0 });
  expect(runs()).toBe(1);
});

test('the lock of a process that was killed holds nobody up', async () => {
  write('hold', '');
  const killed = await start();
  await eventually('the compiler to run', () => runs() === 1);
  killed.signal('SIGKILL');
  rmSync(join(root, 'hold'));
  await killed.exit();
  expect(existsSync(join(root, '.gbx/bootstrap.lock'))).toBe(true);
  expect((await build()).code).toBe(0);
  expect(existsSync(join(root, '.gbx/bootstrap.lock'))).toBe(false);
});

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('%s ends the step under way and the bootstrap, which gives its lock back', async (signal, code) => {
  write('hold', '');
  await using child = await start();
  await eventually('the compiler to run', () => runs() === 1);
  child.signal(signal);
  expect(await child.exit()).toMatchObject({ code });
  expect(existsSync(join(root, '.gbx/bootstrap.lock'))).toBe(false);
  expect(existsSync(join(root, 'dist'))).toBe(false);
});
