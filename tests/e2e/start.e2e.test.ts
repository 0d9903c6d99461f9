// Contract: `npm start` where everything has been fetched asks no network and no Maven; it runs the pipeline of its folder beside that of
// another folder; and killed outright, npm leaves no process behind. In a copy of what it needs, so that no other test loses its build.
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startGbx, startProcess, type TestProcess } from '../support/process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const UP = { timeoutMs: 60_000 };

let folders: string[] = [];
beforeEach(() => {
  folders = ['one', 'other'].map((name) => mkdtempSync(join(tmpdir(), `gbx-start-${name}-`)));
  // PostgreSQL may run as another user than ours.
  for (const folder of folders) chmodSync(folder, 0o755);
});
afterEach(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** As git and a first start would have left it. */
function makeCheckout(folder: string): void {
  for (const name of ['scripts', 'dist', 'bin', 'sql', 'kafka']) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  for (const name of ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'src', 'node_modules']) {
    symlinkSync(join(ROOT, name), join(folder, name));
  }
}

async function postAndRead(child: TestProcess): Promise<void> {
  await child.line('everything runs', UP);
  const [, url = ''] = / (http:\/\/\S+)/u.exec(await child.line(/^ {2}serve /u)) ?? [];
  const body = JSON.stringify({ ds_user_id: 'u', experiment_id: 'checkout-button', variation_id: '1' });
  const posted = await fetch(`${url}/exposure`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  expect(posted.status).toBe(200);
  await eventually('the row', async () => {
    const read = (await (await fetch(`${url}/exposures/u`)).json()) as { readonly exposures: readonly unknown[] };
    return read.exposures.length === 1;
  });
}

/** Processes that know the folder, by their arguments or settings. Linux only. */
function processesOf(folder: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/u.test(pid) || Number(pid) === process.pid) return false;
    return ['cmdline', 'environ'].some((file) => {
      try {
        return readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(folder);
      } catch {
        return false;
      }
    });
  });
}

test.skipIf(process.platform !== 'linux')(
  'npm start needs nothing that it has, shares the machine with another one, and leaves nothing when npm is killed',
  async () => {
    const [one = '', other = ''] = folders;
    makeCheckout(one);
    // Packages, build and jars are there: whoever is called all the same, fails.
    const maven = join(one, 'bin', 'mvn');
    writeFileSync(maven, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const env = { PATH: `${join(one, 'bin')}:${process.env['PATH']}`, npm_config_offline: 'true' };
    await using npm = await startProcess('npm', ['start'], { cwd: one, env });
    await using second = await startGbx(['dev'], { cwd: other });
    await Promise.all([postAndRead(npm), postAndRead(second)]);
    expect(processesOf(one).length).toBeGreaterThan(3);
    npm.signal('SIGKILL');
    await npm.exited;
    await eventually('nothing left of npm start', () => processesOf(one).length === 0, { timeoutMs: 20_000 });
    second.signal('SIGINT');
    expect(await second.exit()).toMatchObject({ code: 0 });
  },
  180_000,
);
