// The contract of bin/gbx, whatever the command: stdout is the answer and stderr everything else; exit codes are those of
// design 7; help and version load nothing but commander; the first signal drains, the second leaves at once.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startFakeCommand } from '../support/fake-command.ts';
import { startGbx, startProcess } from '../support/process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GBX = join(ROOT, 'bin/gbx');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gbx-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs to the end, in an empty folder. */
async function gbx(args: readonly string[], env: Record<string, string> = {}) {
  await using child = await startGbx(args, { env, cwd: folder });
  const { code } = await child.exit();
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

describe('bin/gbx refuses', () => {
  test('to run without a build, and says what to do', async () => {
    mkdirSync(join(folder, 'bin'));
    copyFileSync(GBX, join(folder, 'bin/gbx'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    await using child = await startProcess(process.execPath, [join(folder, 'bin/gbx'), '--version']);
    expect(await child.exit()).toMatchObject({ code: 78 });
    expect(child.stderr()).toContain('npm run build');
    expect(child.stderr()).not.toContain(' at ');
  });

  test('an unknown command with exit code 2 and a suggestion, on stderr alone', async () => {
    const { code, stdout, stderr } = await gbx(['consum']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe("error: unknown command 'consum' (Did you mean consume?) [GBX_USAGE]\n  try:   gbx --help\n");
  });

  test('wrong settings with exit code 78, all at once, and with --json as one document', async () => {
    const { code, stdout, stderr } = await gbx(['smoke', '--json', '--db-port', 'x'], { GBX_LOCK_TIMEOUT_SECONDS: '0' });
    expect(code).toBe(78);
    expect(stderr).toContain('--db-port (flag --db-port): "x" must be');
    expect(stderr).toContain('GBX_LOCK_TIMEOUT_SECONDS (environment): "0" must be');
    expect(JSON.parse(stdout)).toMatchObject({ schema: 'gbx.error/1', error: { code: 'GBX_CONFIG', exitCode: 78 } });
  });

  test('a missing setting with exit code 78, naming the ways to give it', async () => {
    const { code, stdout, stderr } = await gbx(['consume', '--db-user', 'u']);
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    expect(stderr).toContain('KAFKA_BOOTSTRAP_SERVERS, DB_HOST are not set');
    expect(stderr).toContain('or pass --brokers, --db-host');
  });

  test('npm start in production, with exit code 78', () => {
    const start = join(ROOT, 'scripts/start.mjs');
    const { status, stderr } = spawnSync(process.execPath, [start], { env: { ...process.env, NODE_ENV: 'production' }, encoding: 'utf8' });
    expect(status).toBe(78);
    expect(stderr).toContain('use gbx serve and gbx consume');
  });
});

describe('gbx config explain', () => {
  const DOT_ENV = `# The architecture's names
KAFKA_BOOTSTRAP_SERVERS=kafka-1:9092,kafka-2:9092
DB_HOST=cluster.example.redshift.amazonaws.com
DB_USER=growthbook
DB_PASSWORD="s3cret pass"
MONGODB_URI=mongodb://root:mongo-pass@mongo:27017/growthbook
BATCH_SIZE=250
BATCH_TIMEOUT_SECONDS=10
MAX_RETRIES=5
API_HOST=https://growthbook.example.com
`;

  test("takes the architecture's .env unedited, and shows no secret of it", async () => {
    writeFileSync(join(folder, '.env'), DOT_ENV);
    const { code, stdout, stderr } = await gbx(['config', 'explain', '--json'], { BATCH_SIZE: '300' });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toMatch(/s3cret|mongo-pass/u);
    const settings = new Map(JSON.parse(stdout).settings.map((setting: { name: string }) => [setting.name, setting]));
    expect(settings.get('KAFKA_BOOTSTRAP_SERVERS')).toMatchObject({ value: 'kafka-1:9092,kafka-2:9092', source: '.env' });
    expect(settings.get('DB_PASSWORD')).toMatchObject({ value: '[secret]', source: '.env' });
    expect(settings.get('BATCH_SIZE')).toMatchObject({ value: 300, source: 'environment' });
    expect(settings.get('MAX_RETRIES')).toMatchObject({ value: 5, source: '.env' });
    expect(settings.get('DB_PORT')).toMatchObject({ value: 5439, source: 'default' });
  });

  test('into a reader that stops early is no failure', async () => {
    // With pipefail the exit code is that of the last program that failed.
    const script = 'set -o pipefail; "$0" "$1" config explain | head -1';
    await using child = await startProcess('bash', ['-c', script, process.execPath, GBX], { cwd: folder });
    expect(await child.exit()).toMatchObject({ code: 0 });
    expect(child.stdout()).toMatch(/^KAFKA_BOOTSTRAP_SERVERS = [^\n]*\n$/u);
    expect(child.stderr()).toBe('');
  });
});

describe('gbx --version and --help', () => {
  test('print on stdout alone', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(await gbx(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    const help = await gbx(['consume', '--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('--batch-size <rows>');
  });

  test.each([[['--version']], [['--help']], [['serve', '--help']]])('%j load commander and no other package', async (args) => {
    // Lists the packages of every module that was resolved, in ESM by a hook and in CommonJS by its cache.
    const list = join(folder, 'modules.txt');
    const hook = `import { appendFileSync } from 'node:fs';
      export async function resolve(specifier, context, next) {
        const found = await next(specifier, context);
        appendFileSync(${JSON.stringify(list)}, found.url + '\\n');
        return found;
      }`;
    const register = `import { createRequire, register } from 'node:module'; import { appendFileSync } from 'node:fs';
      register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}));
      const { cache } = createRequire(${JSON.stringify(GBX)});
      process.on('exit', () => appendFileSync(${JSON.stringify(list)}, Object.keys(cache).join('\\n')));`;
    const url = `data:text/javascript,${encodeURIComponent(register)}`;
    await using child = await startProcess(process.execPath, ['--import', url, GBX, ...args]);
    expect(await child.exit()).toMatchObject({ code: 0 });
    const loaded = readFileSync(list, 'utf8');
    expect(loaded).toContain('/dist/cli.js');
    const packages = [...loaded.matchAll(/node_modules\/((?:@[^/\n]+\/)?[^/\n]+)/gu)].map((match) => match[1]);
    expect(packages.filter((name) => name !== 'commander')).toEqual([]);
    expect(loaded).not.toMatch(/dist\/(commands|kafka|warehouse|http|telemetry|dev)\//u);
  });
});

describe('a command that fails', () => {
  test('by a bug: exit code 70, stack, versions', async () => {
    await using child = await startFakeCommand({ name: 'smoke', body: 'undefined.x;' });
    expect(await child.exit()).toMatchObject({ code: 70 });
    expect(child.stderr()).toMatch(/^error: Cannot read properties of undefined .* \[GBX_BUG\]$/mu);
    expect(child.stderr()).toMatch(/gbx \d+\.\d+\.\d+, node \d+/u);
    expect(child.stderr()).toContain(' at ');
  });

  test.each([
    ['a rejection that nobody handles', "Promise.reject(new Error('lost')); await new Promise(() => setInterval(() => {}, 1000));"],
    [
      'an exception outside of any promise',
      "setTimeout(() => { throw new Error('lost'); }, 1); await new Promise(() => setInterval(() => {}, 1000));",
    ],
  ])('by %s: exit code 70', async (_, body) => {
    await using child = await startFakeCommand({ name: 'serve', body });
    expect(await child.exit()).toMatchObject({ code: 70 });
    expect(child.stderr()).toContain('error: lost [GBX_BUG]');
  });

  test('keeps secrets out of what it prints', async () => {
    const body = "throw new Error('refused hunter22');";
    await using child = await startFakeCommand({ name: 'smoke', body, flags: ['--json'], env: { DB_PASSWORD: 'hunter22' } });
    await child.exit();
    expect(child.stdout() + child.stderr()).toContain('refused [secret]');
    expect(child.stdout() + child.stderr()).not.toContain('hunter22');
  });

  test('by returning a code: that is the exit code, and all that it printed arrives', async () => {
    const body = "for (let i = 0; i < 20000; i += 1) stdout.write('line ' + i + '\\n'); return 1;";
    await using child = await startFakeCommand({ name: 'smoke', body });
    expect(await child.exit()).toMatchObject({ code: 1 });
    expect(child.stdout().endsWith('line 19999\n')).toBe(true);
  });
});

describe('signals', () => {
  const WAIT_FOR_SIGNAL =
    "const keep = setInterval(() => {}, 1000); stdout.write('ready\\n'); await new Promise((resolve) => signal.addEventListener('abort', resolve));";
  const NEVER_END = `${WAIT_FOR_SIGNAL} await new Promise(() => {});`;

  test('the second leaves at once, with 130 or 143', async () => {
    for (const [name, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      await using child = await startFakeCommand({ name: 'serve', body: NEVER_END });
      await child.line('ready');
      child.signal(name);
      await child.line(`${name}: finishing what is under way, 25 s at most; a second signal leaves at once`);
      // Within 300 ms it would count as the first one, passed on by npm.
      const startedAt = performance.now();
      await eventually('300 ms to be over', () => performance.now() - startedAt > 400);
      child.signal(name);
      expect(await child.exit({ timeoutMs: 2_000 })).toMatchObject({ code });
      expect(child.stderr()).toContain(`${name} again: leaving at once`);
    }
  });

  test('a command that does not end is left after its drain time', async () => {
    await using child = await startFakeCommand({ name: 'serve', body: NEVER_END, env: { GBX_DRAIN_TIMEOUT_SECONDS: '1' } });
    await child.line('ready');
    child.signal('SIGTERM');
    expect(await child.exit({ timeoutMs: 9_000 })).toMatchObject({ code: 143 });
    expect(child.stderr()).toContain('not finished after 6 s');
  });

  test('what still holds the process after the end is named, and the exit code is kept', async () => {
    await using child = await startFakeCommand({ name: 'smoke', body: 'setInterval(() => {}, 1000); return 1;' });
    expect(await child.exit({ timeoutMs: 9_000 })).toMatchObject({ code: 1 });
    expect(child.stderr()).toContain('still held open by Timeout');
  });

  test('drain what runs on, with exit code 0, and one that npm passes on as well counts once', async () => {
    const body = `${WAIT_FOR_SIGNAL} await new Promise((end) => setTimeout(end, 50)); clearInterval(keep); stdout.write('drained\\n'); return 0;`;
    await using child = await startFakeCommand({ name: 'serve', body });
    await child.line('ready');
    child.signal('SIGINT');
    child.signal('SIGINT');
    expect(await child.exit()).toMatchObject({ code: 0 });
    expect(child.stdout()).toBe('ready\ndrained\n');
  });

  test('cut short what answers once, with 143', async () => {
    await using child = await startFakeCommand({ name: 'smoke', body: `${WAIT_FOR_SIGNAL} clearInterval(keep); return 0;` });
    await child.line('ready');
    child.signal('SIGTERM');
    expect(await child.exit()).toMatchObject({ code: 143 });
  });
});
