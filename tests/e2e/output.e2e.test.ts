// The contract of what every command prints, whatever it is about: a reader that stops early is no failure, and stops nothing
// that is being changed; with --json stdout holds one document, errors included; each stream decides on colour by itself.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeCommand } from '../support/fake-command.ts';
import { openPipeline } from '../support/pipeline.ts';
import { startGbx, startProcess } from '../support/process.ts';
import { openDatabase, type TestDatabase, testStack } from '../support/stack.ts';

const GBX = fileURLToPath(new URL('../../bin/gbx', import.meta.url));

let folder: string;
let database: TestDatabase;
let env: Record<string, string>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gbx-output-'));
  database = await openDatabase({ migrated: false });
  const { host, port, user, password } = testStack().postgres;
  env = {
    KAFKA_BOOTSTRAP_SERVERS: testStack().brokers,
    DB_HOST: host,
    DB_PORT: String(port),
    DB_NAME: database.name,
    DB_USER: user,
    DB_PASSWORD: password,
    GBX_TOPIC: `t-${randomUUID()}`,
    GBX_DEAD_LETTER_TOPIC: `t-${randomUUID()}`,
  };
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database[Symbol.asyncDispose]();
});

/** @returns the exit code of gbx itself, and what the whole line printed */
async function piped(args: readonly string[], reader: string) {
  const script = `"$0" "$@" | ${reader}; echo "code \${PIPESTATUS[0]}"`;
  await using child = await startProcess('bash', ['-c', script, process.execPath, GBX, ...args], { cwd: folder, env });
  await child.exit();
  return { stdout: child.stdout(), stderr: child.stderr(), code: /^code (\d+)$/mu.exec(child.stdout())?.[1] };
}

describe('into a reader that stops early', () => {
  it.each([
    [['--help']],
    [['help', 'errors']],
    [['help', 'consume']],
    [['completion', 'bash']],
    [['config', 'explain']],
    [['config', 'explain', '--json']],
    [['migrate', 'plan']],
    [['doctor', '--only', 'warehouse']],
  ])('gbx %j ends with exit code 0 and says nothing', async (args) => {
    for (const reader of ['head -c 1 >/dev/null', 'true']) {
      expect({ reader, ...(await piped(args, reader)) }).toMatchObject({ code: expect.stringMatching(/^[01]$/u), stderr: '' });
    }
  });

  it('gbx migrate up does all of its work', async () => {
    // `true` is gone before the first line comes.
    expect(await piped(['migrate', 'up'], 'true')).toMatchObject({ code: '0', stderr: '' });
    const applied = await database.query('SELECT name FROM growthbook.gbx_migrations');
    await using status = await startGbx(['migrate', 'status', '--check'], { cwd: folder, env });
    expect({ ...(await status.exit()), applied: applied.length > 1 }).toMatchObject({ code: 0, applied: true });
  });
});

describe('with --json', () => {
  it.each([
    ['a flag that is none', ['consume', '--nothing', '--json'], 2, 'GBX_USAGE'],
    ['an argument that is none', ['migrate', 'down', '--json'], 2, 'GBX_USAGE'],
    ['settings that are wrong', ['smoke', '--json', '--db-port', 'x'], 2, 'GBX_USAGE'],
    ['settings that are missing', ['migrate', 'status', '--json', '--brokers', '127.0.0.1:1'], 78, 'GBX_CONFIG'],
    ['a code that is none', ['help', 'errors', 'GBX_NONE', '--json'], 2, 'GBX_USAGE'],
  ])('%s is one document on stdout, and text on stderr', async (_, args, code, name) => {
    await using child = await startGbx(args, { cwd: folder });
    expect(await child.exit()).toMatchObject({ code });
    expect(JSON.parse(child.stdout())).toMatchObject({
      schema: 'gbx.error/1',
      error: { code: name, exitCode: code, hint: expect.any(String) },
    });
    expect(child.stderr()).toMatch(/^error: .* \[GBX_/u);
  });

  it('gbx consume --reset-ledger is one document, with what it did', async () => {
    await using pipeline = await openPipeline({ partitions: 2 });
    await pipeline.send(10);
    const reset = async (...args: readonly string[]) => {
      await using child = await startGbx(['consume', '--reset-ledger', 'earliest', '--json', ...args], { cwd: folder, env: pipeline.env });
      expect({ ...(await child.exit()), stderr: child.stderr() }).toMatchObject({ code: 0 });
      return JSON.parse(child.stdout());
    };
    expect(await reset()).toMatchObject({
      schema: 'gbx.reset-ledger/1',
      executed: false,
      partitions: [{ from: null, to: '0' }, { partition: 1 }],
    });
    expect(await pipeline.ledger()).toEqual(new Map());
    expect(await reset('--execute')).toMatchObject({ executed: true });
    expect((await pipeline.ledger()).size).toBe(2);
  });

  it('a failure after the answer adds no second document', async () => {
    const body = `stdout.write('{"schema":"x/1"}\\n'); throw new Error('late');`;
    await using child = await startFakeCommand({ name: 'smoke', body, flags: ['--json'] });
    expect(await child.exit()).toMatchObject({ code: 70 });
    expect(child.stdout()).toBe('{"schema":"x/1"}\n');
    expect(child.stderr()).toContain('error: late [GBX_BUG]');
  });

  it('a flag’s value that looks like it is no wish for it', async () => {
    await using child = await startFakeCommand({ name: 'smoke', body: "throw new Error('x');", flags: ['--manifest', '--json'] });
    expect(await child.exit()).toMatchObject({ code: 70 });
    expect(child.stdout()).toBe('');
  });
});

describe('colour', () => {
  it.each([
    [{}, false],
    [{ FORCE_COLOR: '1' }, true],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, true],
    [{ NO_COLOR: '1' }, false],
    [{ TERM: 'xterm-256color' }, false],
  ])('in a pipe with %j: %s, on each stream', async (wishes, wanted) => {
    const body = 'stdout.write(String(stdout.hasColor)); stderr.write(String(stderr.hasColor));';
    await using child = await startFakeCommand({ name: 'smoke', body, env: wishes });
    await child.exit();
    expect([child.stdout().trim(), child.stderr().trim()]).toEqual([String(wanted), String(wanted)]);
  });
});
