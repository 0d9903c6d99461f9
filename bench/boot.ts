// `npm start` as a newcomer types it, in this very checkout: from Enter until an exposure that is posted as soon as serve answers
// can be read from the table; in a folder of data that is not there yet, then once more in the same one.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../src/core/clock.ts';
import { openKeptProcess } from '../src/dev/kept-process.ts';
import { cleanEnv } from './children.ts';
import { median } from './median.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const BOOT_MS_MAX = 60_000;
const LOOK_MS = 50;

/** Seconds from the start of npm until the exposure was read. */
export interface BootFigures {
  readonly first: readonly number[];
  readonly second: readonly number[];
}

/** Packages, build and Kafka's jars are there already: the bootstrap of each run looks, and finds nothing to do. */
export async function benchBoot(runs: number): Promise<BootFigures> {
  const [first, second]: [number[], number[]] = [[], []];
  await makeReady();
  for (let round = 0; round < runs; round++) {
    const dataDir = await mkdtemp(join(tmpdir(), 'gbx-boot-'));
    try {
      // PostgreSQL may run as another user than ours.
      await chmod(dataDir, 0o755);
      for (const times of [first, second]) times.push(await boot(join(dataDir, 'data')));
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
    console.error(`bench: npm start: ${first.at(-1)?.toFixed(1)} s, again ${second.at(-1)?.toFixed(1)} s`);
  }
  return { first, second };
}

async function makeReady(): Promise<void> {
  const lines: string[] = [];
  await using child = await openKeptProcess({
    command: process.execPath,
    args: [join(ROOT, 'scripts', 'bootstrap.mjs')],
    cwd: ROOT,
    env: cleanEnv(),
    output: { onLine: (line) => lines.push(line) },
  });
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`the bootstrap ended with ${code}:\n${lines.join('\n')}`);
}

async function boot(dataDir: string): Promise<number> {
  const lines: string[] = [];
  let url: string | undefined;
  const startedMs = systemClock.elapsed();
  const deadline = startedMs + BOOT_MS_MAX;
  await using child = await openKeptProcess({
    command: 'npm',
    args: ['start', '--', '--data-dir', dataDir, '--port', '0'],
    cwd: ROOT,
    env: cleanEnv(),
    graceSeconds: 15,
    output: {
      onLine: (line) => {
        lines.push(line);
        url ??= /^ {2}serve +(http:\S+)/u.exec(line)?.[1];
      },
    },
  });
  const untilTrue = async (what: string, check: () => Promise<boolean> | boolean): Promise<void> => {
    while (!(await check())) {
      if (!child.isRunning() || systemClock.elapsed() > deadline) throw new Error(`npm start: no ${what}:\n${lines.join('\n')}`);
      await systemClock.sleep(LOOK_MS);
    }
  };
  await untilTrue('serve', () => url !== undefined);
  const id = await post(String(url));
  await untilTrue('row', async () => (await read(String(url))).includes(id));
  const seconds = (systemClock.elapsed() - startedMs) / 1000;
  await child.stop();
  return seconds;
}

const USER = 'bench-boot';

async function post(url: string): Promise<string> {
  const body = JSON.stringify({ ds_user_id: USER, experiment_id: 'checkout-button', variation_id: '1' });
  const response = await fetch(`${url}/exposure`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  if (response.status !== 200) throw new Error(`POST /exposure was answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { exposure_id: string }).exposure_id;
}

async function read(url: string): Promise<readonly string[]> {
  const response = await fetch(`${url}/exposures/${USER}`);
  return ((await response.json()) as { exposures: { exposure_id: string }[] }).exposures.map(({ exposure_id }) => exposure_id);
}

export function medianBoot({ first, second }: BootFigures): { readonly first: number; readonly second: number } {
  return { first: median(first), second: median(second) };
}
