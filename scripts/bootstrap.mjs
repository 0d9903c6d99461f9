// What must be there before `npm start` and `npm test`: packages, the build, Apache Kafka's jars. Used by start.mjs and
// test.mjs, and by hand as `node scripts/bootstrap.mjs [packages|build|kafka]…`. Imports nothing that is not Node's own.
// Each step has a stamp of what it was made from: what matches is skipped, without a word and without the network.
// Two at once wait for each other.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

const NODE_MIN = [20, 19];
/** On disk, by `du` on Linux x64, the embedded PostgreSQL included; about a third of it comes over the network. */
const PACKAGES_MEGABYTES = 300;
const LOCK_STALE_MS = 15_000;
const STATE = join(ROOT, '.gbx');
const STEPS = { packages: ensurePackages, build: ensureBuild, kafka: ensureKafka };

/** A failure that has been explained: main prints no stack for it. */
export class BootstrapError extends Error {
  constructor(message, { exitCode = 69, hint } = {}) {
    super(message);
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Makes sure of the steps, in order. @param {Array<keyof typeof STEPS>} steps */
export async function bootstrap(steps) {
  assertNodeVersion();
  const release = await takeLock();
  try {
    for (const step of steps) await STEPS[step]();
  } finally {
    release();
  }
}

/** Runs `work` and turns a failure into words and an exit code. */
export async function guarded(work) {
  try {
    await work();
  } catch (error) {
    // A GbxError of our own build has a hint as well.
    if (error?.hint === undefined && !(error instanceof BootstrapError)) throw error;
    say(`error: ${error.message}${error.code === undefined ? '' : ` [${error.code}]`}`);
    if (error.hint !== undefined) say(`  try:   ${error.hint}`);
    process.exit(error.exitCode);
  }
}

function assertNodeVersion() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  throw new BootstrapError(`gbx needs Node ${NODE_MIN.join('.')} or newer, and this is ${process.versions.node}`, {
    exitCode: 78,
    hint: 'install a newer Node',
  });
}

// --- Packages ----------------------------------------------------------------------------------------------------------

async function ensurePackages() {
  const lockText = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
  const stampFile = join(ROOT, 'node_modules', '.gbx-stamp');
  const stamp = hashOf(lockText, process.versions.modules, process.platform, process.arch);
  if (readOr(stampFile) === stamp) return;
  const lock = JSON.parse(lockText);
  if (!installedByHand(lock)) {
    const wanted = Object.keys(lock.packages).filter((path) => path !== '' && !lock.packages[path].optional).length;
    say(`installing ${wanted} packages, about ${PACKAGES_MEGABYTES} MB, into ${join(ROOT, 'node_modules')} with npm ci`);
    await runNpm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  }
  writeFileSync(stampFile, stamp);
}

/** True where `npm install` has put the very versions of the lockfile there: npm keeps a list of what it installed. */
function installedByHand(lock) {
  const installed = JSON.parse(readOr(join(ROOT, 'node_modules', '.package-lock.json')) ?? '{"packages":{}}').packages;
  return Object.entries(lock.packages).every(
    ([path, { version, optional }]) => path === '' || optional || installed[path]?.version === version,
  );
}

async function runNpm(args) {
  // npm names its own program to the scripts it runs; without it, by name, which on Windows is a batch file.
  const npm = process.env.npm_execpath;
  const [command, ...first] = npm?.endsWith('.js') ? [process.execPath, npm] : ['npm'];
  const code = await run(command, [...first, ...args], { shell: first.length === 0 && process.platform === 'win32' });
  if (code === 0) return;
  throw new BootstrapError(`npm ci failed with code ${code}`, {
    hint: 'the lines above say why; without a network, copy node_modules from a machine that has one',
  });
}

// --- Build -------------------------------------------------------------------------------------------------------------

async function ensureBuild() {
  const stampFile = join(ROOT, 'dist', '.stamp');
  const sources = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', ...filesBelow('src')];
  const stamp = hashOf(...sources.flatMap((path) => [path, readFileSync(join(ROOT, path), 'utf8')]));
  if (readOr(stampFile) === stamp) return;
  say('building dist/ from src/');
  // Aside, then moved: nobody finds half a build, and files of sources that are gone do not stay.
  const aside = join(STATE, 'build');
  rmSync(aside, { recursive: true, force: true });
  const code = await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', aside]);
  if (code !== 0) {
    rmSync(aside, { recursive: true, force: true });
    throw new BootstrapError('the build failed', { exitCode: 70, hint: 'mend what the lines above name' });
  }
  writeFileSync(join(aside, '.stamp'), stamp);
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  renameSync(aside, join(ROOT, 'dist'));
}

function filesBelow(folder) {
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(ROOT.length));
  return files.sort();
}

// --- Kafka -------------------------------------------------------------------------------------------------------------

async function ensureKafka() {
  const { ensureKafkaJars, userCacheDir } = await import(pathToFileURL(join(ROOT, 'dist/dev/kafka-jars.js')).href);
  await ensureKafkaJars({ cacheDir: userCacheDir(), progress: say });
}

// --- Plumbing ----------------------------------------------------------------------------------------------------------

function hashOf(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return hash.digest('hex');
}

function readOr(path, otherwise = undefined) {
  return existsSync(path) ? readFileSync(path, 'utf8') : otherwise;
}

/**
 * Runs a program to its end; a signal to this process ends both.
 * @returns {Promise<number>} its exit code. What it prints goes to stderr: stdout is for answers.
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', process.stderr, process.stderr], ...options });
    let stoppedBy;
    const passOn = (signal) => {
      // A terminal sends SIGINT to the child itself, and npm sends it to us once more: pass on what only we got, once.
      if (stoppedBy === undefined && (signal === 'SIGTERM' || !process.stdin.isTTY)) child.kill(signal);
      stoppedBy ??= signal;
    };
    const signals = ['SIGINT', 'SIGTERM'];
    for (const signal of signals) process.on(signal, passOn);
    const settle = () => {
      for (const signal of signals) process.off(signal, passOn);
      if (stoppedBy !== undefined) process.exit(stoppedBy === 'SIGINT' ? 130 : 143);
    };
    child.once('error', (error) => {
      settle();
      reject(new BootstrapError(`cannot run ${command}: ${error.message}`, { hint: `install ${command}, or put it on the PATH` }));
    });
    child.once('exit', (code, signal) => {
      settle();
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143));
    });
  });
}

/** One bootstrap at a time; the lock of a process that is gone does not count. @returns a function that gives it back */
async function takeLock() {
  mkdirSync(STATE, { recursive: true });
  const file = join(STATE, 'bootstrap.lock');
  for (let told = false; ; told = true) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (isStale(file)) rmSync(file, { force: true });
    else if (!told) say(`waiting for another start in this folder (process ${readOr(file, '?')})`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const beat = setInterval(() => utimesSync(file, new Date(), new Date()), 2_000);
  const release = () => {
    clearInterval(beat);
    if (readOr(file) === String(process.pid)) rmSync(file, { force: true });
  };
  process.once('exit', release);
  return release;
}

function isStale(file) {
  const pid = Number(readOr(file, '0'));
  const age = Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  if (!(pid > 0)) return age > 1_000;
  try {
    process.kill(pid, 0);
    return age > LOCK_STALE_MS;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const steps = process.argv.slice(2);
  await guarded(() => bootstrap(steps.length > 0 ? steps : Object.keys(STEPS)));
}
