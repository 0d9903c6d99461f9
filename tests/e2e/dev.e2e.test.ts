// Contract: one command from nothing to a row in a warehouse; the data is there again the next time; no process outlives it,
// however it ends; and where something is missing it says what, and every way to go on.
import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startGbx, type TestProcess } from '../support/process.ts';
import { eventually, openDatabase, testStack } from '../support/stack.ts';

/** A start on a machine that runs other tests as well. */
const UP = { timeoutMs: 60_000 };
const isLinux = process.platform === 'linux';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gbx-dev-'));
  // PostgreSQL may run as another user than ours.
  await chmod(dir, 0o755);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function startDev(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly gbx: TestProcess; readonly url: string }> {
  const gbx = await startGbx(['dev', ...args], { cwd: dir, env });
  await gbx.line('everything runs', UP);
  const [, url = ''] = / (http:\/\/\S+)/.exec(await gbx.line(/^ {2}serve /)) ?? [];
  return { gbx, url };
}

async function post(url: string, dsUserId: string): Promise<string> {
  const body = JSON.stringify({ ds_user_id: dsUserId, experiment_id: 'checkout-button', variation_id: 'treatment' });
  const response = await fetch(`${url}/exposure`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  expect(response.status).toBe(200);
  return ((await response.json()) as { exposure_id: string }).exposure_id;
}

async function read(url: string, dsUserId: string): Promise<string[]> {
  const response = await fetch(`${url}/exposures/${dsUserId}`);
  return ((await response.json()) as { exposures: { exposure_id: string }[] }).exposures.map((row) => row.exposure_id);
}

/** Processes that were started for this test's folder: by arguments or by the settings they were handed. Linux only. */
async function processesOfTest(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const ofTest = await Promise.all(
    pids.map(async (pid) => {
      const texts = await Promise.all(['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '')));
      return texts.some((text) => text.includes(dir)) && pid;
    }),
  );
  return ofTest.filter((pid) => pid !== false);
}

async function expectNoProcess(): Promise<void> {
  if (isLinux) await eventually('no process of this test left', async () => (await processesOfTest()).length === 0, { timeoutMs: 20_000 });
}

describe('gbx dev', () => {
  it('loads an exposure once, is gone after kill -9, finds its data again, guards it, and stops in order', async () => {
    let exposureId: string;
    {
      const { gbx, url } = await startDev();
      await using _ = gbx;
      exposureId = await post(url, 'u-1');
      const shown = exposureId.slice(-12);
      await gbx.line(new RegExp(`${shown}.* accepted `));
      await gbx.line(new RegExp(`${shown}.* in Kafka .*partition \\d, offset 0`));
      await gbx.line(new RegExp(`${shown}.* in table .*u-1 saw treatment of checkout-button`));
      expect(await read(url, 'u-1')).toEqual([exposureId]);
      if (isLinux) expect(await processesOfTest()).not.toEqual([]);
      gbx.signal('SIGKILL');
      await gbx.exited;
      await expectNoProcess();
    }
    const { gbx, url } = await startDev();
    await using _ = gbx;
    await using other = await startGbx(['dev'], { cwd: dir });
    expect(await other.exit(UP)).toMatchObject({ code: 69 });
    expect(other.stderr()).toContain(`Another gbx dev runs on the data in ${join(dir, '.gbx')}: process ${gbx.pid}`);
    await post(url, 'u-2');
    await eventually('the second row', async () => (await read(url, 'u-2')).length === 1);
    expect(await read(url, 'u-1')).toEqual([exposureId]);
    const stopMs = performance.now();
    gbx.signal('SIGINT');
    expect(await gbx.exit()).toMatchObject({ code: 0 });
    expect(performance.now() - stopMs).toBeLessThan(10_000);
    expect(gbx.stderr()).toMatch(/stopping serve\n.*stopping consume\n.*stopping Kafka and PostgreSQL\n.*stopped\n/s);
    await expectNoProcess();
  }, 180_000);

  it('ends with a reason, and leaves no process, when its Kafka dies', async () => {
    const { gbx } = await startDev(['--fresh']);
    await using _ = gbx;
    const [, pid] = /Apache Kafka .*process (\d+)/.exec(gbx.stdout()) ?? [];
    process.kill(Number(pid), 'SIGKILL');
    expect(await gbx.exit()).toMatchObject({ code: 69 });
    expect(gbx.stderr()).toMatch(/Kafka has ended \[GBX_LOCAL_STACK\]\n.*kafka\.log/);
    await expectNoProcess();
  }, 120_000);

  it('uses the Kafka and the warehouse that are configured, starts none, and sends traffic', async () => {
    await using database = await openDatabase({ migrated: false });
    const { host, port, user, password } = testStack().postgres;
    const ours = {
      KAFKA_BOOTSTRAP_SERVERS: testStack().brokers,
      DB_HOST: host,
      DB_PORT: String(port),
      DB_USER: user,
      DB_PASSWORD: password,
      DB_NAME: database.name,
    };
    const topic = `dev-${database.name}`;
    const names = { GBX_TOPIC: topic, GBX_DEAD_LETTER_TOPIC: `${topic}.dlq`, GBX_CONSUMER_GROUP: topic };
    const { gbx } = await startDev(['--traffic', '300/s'], { ...ours, ...names });
    await using _ = gbx;
    expect(gbx.stdout()).toContain('yours, from environment');
    await gbx.line(/this second: \d+ accepted, \d+ in Kafka, [1-9]\d* in the table/);
    gbx.signal('SIGINT');
    expect(await gbx.exit()).toMatchObject({ code: 0 });
    const [counts] = await database.query<{ rows: string; ids: string }>(
      'select count(*) as rows, count(distinct exposure_id) as ids from growthbook.experiment_exposures',
    );
    expect(Number(counts?.rows)).toBeGreaterThan(0);
    expect(counts?.ids).toBe(counts?.rows);
    // serve's spool, which is empty.
    expect(await readdir(join(dir, '.gbx'))).toEqual(['spool']);
    expect(await readdir(join(dir, '.gbx', 'spool'))).toEqual([]);
  }, 120_000);

  it('does not evade to another port where the user chose one that is taken, and says which', async () => {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as { port: number };
    try {
      await using gbx = await startGbx(['dev', '--port', String(port)], { cwd: dir });
      expect(await gbx.exit(UP)).toMatchObject({ code: 69 });
      expect(gbx.stderr()).toMatch(new RegExp(`gbx serve ended with code 69[\\s\\S]*${port}`));
      await expectNoProcess();
    } finally {
      listener.close();
    }
  }, 120_000);

  it('names Java and every way to go on where there is none, and leaves no process', async () => {
    const bin = join(dir, 'bin');
    await mkdir(bin);
    await using gbx = await startGbx(['dev'], { cwd: dir, env: { PATH: bin, JAVA_HOME: '' } });
    expect(await gbx.exit(UP)).toMatchObject({ code: 69 });
    expect(gbx.stderr()).toMatch(/Java 17 or newer is not installed \(no `java` on PATH\)/);
    expect(gbx.stderr()).toMatch(/try:[\s\S]*apt-get install[\s\S]*brew install[\s\S]*KAFKA_BOOTSTRAP_SERVERS=/);
    await expectNoProcess();
  });

  it('names the broker and the setting where KAFKA_BOOTSTRAP_SERVERS is wrong', async () => {
    await using gbx = await startGbx(['dev'], { cwd: dir, env: { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' } });
    expect(await gbx.exit({ timeoutMs: 40_000 })).toMatchObject({ code: 69 });
    expect(gbx.stderr()).toMatch(/127\.0\.0\.1:1.*\[GBX_KAFKA_UNREACHABLE\]/);
    expect(gbx.stderr()).toContain('KAFKA_BOOTSTRAP_SERVERS');
    await expectNoProcess();
  });
});
