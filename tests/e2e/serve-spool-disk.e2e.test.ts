// The contract of the spool on a disk that is full, or wrong: what cannot be taken is refused and surely not stored, what is
// damaged costs no more than itself and is said loudly, and serve goes on by itself.
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startGbx } from '../support/process.ts';
import { idsIn, metricOf, NO_KAFKA, openSpoolFixture, type SpoolFolder, spooledExposure, untilInTopic } from '../support/spooling.ts';
import { createTopic, testStack } from '../support/stack.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';

let spool: SpoolFolder;
beforeEach(async () => {
  spool = await openSpoolFixture();
});
afterEach(() => spool[Symbol.asyncDispose]());

test('a full spool: 503 with Retry-After, not ready, nothing of what was refused is stored, and room again after Kafka took it', async () => {
  const topic = await createTopic();
  const [host = '', port = ''] = testStack().brokers.split(':');
  await using proxy = await openTcpProxy({ target: { host, port: Number(port) } });
  await proxy.refuse();
  await using serve = await spool.serve({ topic, brokers: `${proxy.host}:${proxy.port}`, env: { GBX_SPOOL_BYTES_MAX: '1000000' } });
  const accepted: string[] = [];
  const refused: string[] = [];
  for (let i = 0; refused.length < 3; i++) {
    const answer = await serve.post(spooledExposure(`full-${i}`, { attributes: { text: 'x'.repeat(60_000) } }));
    if (answer.status === 200) accepted.push(`full-${i}`);
    else {
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('5');
      refused.push(`full-${i}`);
    }
  }
  expect(accepted.length).toBeGreaterThan(10);
  const ready = await serve.readyz();
  expect(ready.status).toBe(503);
  expect(ready.text).toContain('GBX_SPOOL_BYTES_MAX');
  expect(await metricOf(serve, 'gbx_spool_bytes')).toBeLessThanOrEqual(1_000_000);
  await proxy.pass();
  await serve.untilReady();
  expect((await serve.post(spooledExposure('after'))).status).toBe(200);
  await untilInTopic(topic, [...accepted, 'after']);
  expect((await idsIn(topic)).filter((id) => refused.includes(id))).toEqual([]);
});

test('a bit that turned: the record is cut and counted, its neighbours arrive, and the file is kept in damaged/', async () => {
  const topic = await createTopic();
  const ids = await spool.leaveBehind(topic, 10);
  const [name = ''] = await spool.segments();
  const bytes = await readFile(join(spool.dir, name));
  const at = bytes.indexOf('left-4');
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(join(spool.dir, name), bytes);
  await using serve = await spool.serve({ topic });
  await untilInTopic(
    topic,
    ids.filter((id) => id !== 'left-4'),
  );
  expect(await metricOf(serve, 'gbx_spool_records_cut_total{where="middle"}')).toBe(1);
  expect(serve.process.stderr()).toContain('spool.records_cut');
  await eventually('the file in damaged/', async () => (await readdir(join(spool.dir, 'damaged'))).includes(name));
  expect(await idsIn(topic)).toHaveLength(9);
});

test('a torn end is cut and counted, and the rest arrives', async () => {
  const topic = await createTopic();
  const ids = await spool.leaveBehind(topic, 10);
  const [name = ''] = await spool.segments();
  const bytes = await readFile(join(spool.dir, name));
  await writeFile(join(spool.dir, name), bytes.subarray(0, -20));
  await using serve = await spool.serve({ topic });
  await untilInTopic(topic, ids.slice(0, -1));
  expect(await metricOf(serve, 'gbx_spool_records_cut_total{where="tail"}')).toBe(1);
  expect(await metricOf(serve, 'gbx_spool_records_cut_total{where="middle"}')).toBe(0);
});

function mount(...args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => execFile('mount', args, (error) => resolve(error === null)));
}

/** A disk of a megabyte, where this user may make one. */
async function mountSmallDisk(path: string): Promise<boolean> {
  await mkdir(path);
  return mount('-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path);
}

test('a disk that is full: 503 and not ready, what was accepted is kept, and it goes on by itself when there is room', async (context) => {
  const topic = await createTopic();
  if (!(await mountSmallDisk(spool.dir))) return context.skip();
  try {
    await writeFile(join(spool.dir, 'ballast'), Buffer.alloc(500_000));
    await using serve = await spool.serve({ topic, brokers: NO_KAFKA, env: { GBX_DRAIN_TIMEOUT_SECONDS: '1' } });
    const accepted: string[] = [];
    const refused: string[] = [];
    for (let i = 0; refused.length < 5; i++) {
      const answer = await serve.post(spooledExposure(`disk-${i}`, { attributes: { text: 'x'.repeat(20_000) } }));
      expect([200, 503]).toContain(answer.status);
      (answer.status === 200 ? accepted : refused).push(`disk-${i}`);
    }
    expect(accepted.length).toBeGreaterThan(5);
    const ready = await serve.readyz();
    expect(ready.status).toBe(503);
    expect(ready.text).toContain('it is full (ENOSPC)');
    await rm(join(spool.dir, 'ballast'));
    await serve.untilReady();
    expect((await serve.post(spooledExposure('room'))).status).toBe(200);
    serve.process.signal('SIGTERM');
    expect(await serve.process.exit()).toMatchObject({ code: 75 });
    await using drain = await spool.drainOnly({ topic });
    expect(await drain.exit()).toMatchObject({ code: 0 });
    expect((await idsIn(topic)).sort()).toEqual([...accepted, 'room'].sort());
  } finally {
    await new Promise((resolve) => execFile('umount', [spool.dir], resolve));
  }
});

test('a disk that is mounted read-only, or a place where nobody may write, ends serve with 78, the folder, the setting and the reason', async (context) => {
  const refusal = async (dir: string): Promise<string> => {
    await using serve = await startGbx(['serve', '--port', '0', '--brokers', NO_KAFKA, '--spool-dir', dir]);
    expect(await serve.exit()).toMatchObject({ code: 78 });
    const said = serve.stderr();
    for (const words of [dir, 'GBX_SPOOL_DIR (flag --spool-dir)', 'this user may write to']) expect(said).toContain(words);
    return said;
  };
  // Not for root either: EPERM, EACCES or EROFS, by system and user.
  expect(await refusal('/sys/gbx-spool')).toMatch(/this user may not write there|mounted read-only/u);
  if (!(await mountSmallDisk(spool.dir))) return context.skip();
  try {
    expect(await mount('-o', 'remount,ro', spool.dir)).toBe(true);
    expect(await refusal(spool.dir)).toContain('EROFS');
  } finally {
    await new Promise((resolve) => execFile('umount', [spool.dir], resolve));
  }
});

test('a record that the broker refuses for itself goes to refused/, and the others arrive', async () => {
  const topic = await createTopic({ config: { 'max.message.bytes': '2000' } });
  await using serve = await spool.serve({ topic });
  const large = spooledExposure('large', { attributes: { text: 'x'.repeat(5_000) } });
  expect((await serve.post({ exposures: [spooledExposure('one'), large, spooledExposure('two')] }, '/exposures')).status).toBe(200);
  await untilInTopic(topic, ['one', 'two']);
  const [name = ''] = await eventually('a file in refused/', async () => {
    const names = await readdir(join(spool.dir, 'refused')).catch(() => []);
    return names.length > 0 && names;
  });
  const lines = (await readFile(join(spool.dir, 'refused', name), 'utf8')).split('\n').filter((line) => line !== '');
  expect(lines.map((line) => JSON.parse((JSON.parse(line) as { value: string }).value))).toMatchObject([{ exposure_id: 'large' }]);
  await eventually('it counts', async () => (await metricOf(serve, 'gbx_spool_records_refused_total')) === 1);
  expect((await stat(join(spool.dir, 'refused', name))).mode & 0o777).toBe(0o600);
  expect((await stat(spool.dir)).mode & 0o777).toBe(0o700);
});
