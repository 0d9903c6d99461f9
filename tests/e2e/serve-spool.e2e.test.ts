import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { userCacheDir } from '../../src/dev/kafka-jars.ts';
import { openKafka } from '../../src/dev/kafka-server.ts';
import { eventually } from '../support/eventually.ts';
import { freeze } from '../support/freeze.ts';
import { startGbx } from '../support/process.ts';
import { postSteadily } from '../support/serving.ts';
import { idsIn, metricOf, NO_KAFKA, openSpoolFixture, type SpoolFolder, spooledExposure, untilInTopic } from '../support/spooling.ts';
import { createTopic, testStack } from '../support/stack.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { readTopic } from '../support/topic-log.ts';

let spool: SpoolFolder;
beforeEach(async () => {
  spool = await openSpoolFixture();
});
afterEach(() => spool[Symbol.asyncDispose]());

test('killed with -9 under load, again and again: every 200 is in the topic', async () => {
  const topic = await createTopic();
  const accepted = new Set<string>();
  for (let round = 0; round < 3; round++) {
    await using serve = await spool.serve({ topic });
    const posting = postSteadily(serve, { clients: 20, prefix: `kill-${round}` });
    await eventually('500 exposures accepted', () => posting.accepted.size > 500, { timeoutMs: 20_000 });
    serve.process.signal('SIGKILL');
    await serve.process.exit();
    await posting.stop();
    for (const id of posting.accepted) accepted.add(id);
  }
  await using serve = await spool.serve({ topic });
  await eventually('the spool is empty', async () => (await metricOf(serve, 'gbx_spool_records')) === 0);
  await untilInTopic(topic, accepted);
  expect(await metricOf(serve, 'gbx_spool_records_cut_total{where="middle"}')).toBe(0);
  serve.process.signal('SIGTERM');
  expect(await serve.process.exit()).toMatchObject({ code: 0 });
  expect(await spool.segments()).toEqual([]);
});

test('without Kafka from the start: ready, 200, and all of it in the topic once Kafka comes, with the time of acceptance', async () => {
  const topic = await createTopic();
  const [host = '', port = ''] = testStack().brokers.split(':');
  await using proxy = await openTcpProxy({ target: { host, port: Number(port) } });
  await proxy.refuse();
  await using serve = await spool.serve({ topic, brokers: `${proxy.host}:${proxy.port}` });
  const acceptedAtMs = Date.now();
  expect((await serve.post(spooledExposure('early'))).status).toBe(200);
  const ready = await serve.readyz();
  expect(ready.status).toBe(200);
  expect(JSON.parse(ready.text)).toMatchObject({
    checks: { spool: { ok: true }, kafka: { ok: false, code: 'GBX_KAFKA_UNREACHABLE', required: false } },
  });
  await eventually('a second in the spool', async () => (await metricOf(serve, 'gbx_spool_oldest_age_seconds')) > 1);
  expect(await metricOf(serve, 'gbx_spool_records')).toBe(1);
  const passedAtMs = Date.now();
  await proxy.pass();
  await untilInTopic(topic, ['early']);
  const [record] = await readTopic({ brokers: testStack().brokers, topic });
  expect(record?.timestampMs).toBeGreaterThanOrEqual(acceptedAtMs);
  expect(record?.timestampMs).toBeLessThan(passedAtMs);
  expect(record?.key?.toString()).toBe('user-early');
});

test('two processes on one folder: the second ends with 75 and says who has it; after a kill -9 the folder is free at once', async () => {
  const topic = await createTopic();
  await using first = await spool.serve({ topic });
  const env = { KAFKA_BOOTSTRAP_SERVERS: testStack().brokers, GBX_TOPIC: topic, GBX_SPOOL_DIR: spool.dir, GBX_HTTP_PORT: '0' };
  await using second = await startGbx(['serve'], { cwd: tmpdir(), env });
  expect(await second.exit()).toMatchObject({ code: 75 });
  expect(second.stderr()).toContain(`process ${first.process.pid} on `);
  expect((await first.post(spooledExposure('still'))).status).toBe(200);
  first.process.signal('SIGKILL');
  await first.process.exit();
  await using third = await spool.serve({ topic });
  expect((await third.post(spooledExposure('again'))).status).toBe(200);
});

test('SIGTERM without Kafka: 75 with path and number; --drain-only says 75 too until Kafka is there, then empties the folder', async () => {
  const topic = await createTopic();
  const ids = await spool.leaveBehind(topic, 200);
  await using without = await spool.drainOnly({ topic, brokers: NO_KAFKA }, ['--drain-timeout', '1']);
  expect(await without.exit()).toMatchObject({ code: 75 });
  expect(without.stderr()).toContain('200 records');
  await using drain = await spool.drainOnly({ topic });
  expect(await drain.exit()).toMatchObject({ code: 0 });
  expect(drain.stdout()).toContain('200 records are in Kafka');
  expect((await idsIn(topic)).sort()).toEqual([...ids].sort());
  expect(await spool.segments()).toEqual([]);
});

test('SIGTERM while a client does not finish its body, without Kafka: 75 with folder and number all the same', async () => {
  const topic = await createTopic();
  await using serve = await spool.serve({ topic, brokers: NO_KAFKA, env: { GBX_DRAIN_TIMEOUT_SECONDS: '1' } });
  expect((await serve.post(spooledExposure('kept'))).status).toBe(200);
  const client = connect(Number(new URL(serve.url).port), '127.0.0.1');
  try {
    await once(client, 'connect');
    client.on('error', () => undefined);
    client.write('POST /exposure HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{');
    // On a connection of its own, so that the server has read what came before.
    expect((await serve.readyz()).status).toBe(200);
    serve.process.signal('SIGTERM');
    expect(await serve.process.exit()).toMatchObject({ code: 75 });
    for (const words of ['serve.drain_cut_off', '1 records', spool.dir]) expect(serve.process.stderr()).toContain(words);
  } finally {
    client.destroy();
  }
});

test('--drain-only on a folder that is not there: 78, and none is made', async () => {
  await using drain = await spool.drainOnly({ topic: 'exposures' });
  expect(await drain.exit()).toMatchObject({ code: 78 });
  expect(drain.stderr()).toContain('there is no such folder');
  await expect(stat(spool.dir)).rejects.toThrow();
});

test('a file where the folder should be: 78 with what to do', async () => {
  await writeFile(spool.dir, 'something');
  const env = { KAFKA_BOOTSTRAP_SERVERS: NO_KAFKA, GBX_SPOOL_DIR: spool.dir, GBX_HTTP_PORT: '0' };
  await using serve = await startGbx(['serve'], { cwd: tmpdir(), env });
  expect(await serve.exit()).toMatchObject({ code: 78 });
  expect(serve.stderr()).toContain('it is no folder');
  expect(serve.stderr()).toContain('GBX_SPOOL_DIR');
});

test('Kafka stopped and started under load: every post is answered 200, and all of them are in the topic', async () => {
  const kafkaDir = await mkdtemp(join(tmpdir(), 'gbx-spool-kafka-'));
  let kafka = await openKafka({ dataDir: kafkaDir, cacheDir: userCacheDir() });
  try {
    const topic = await createTopic({ brokers: kafka.brokers });
    await using serve = await spool.serve({ topic, brokers: kafka.brokers });
    const posting = postSteadily(serve, { clients: 10, prefix: 'outage' });
    await eventually('200 exposures accepted', () => posting.accepted.size > 200);
    await kafka.stop();
    const before = posting.accepted.size;
    await eventually('500 more without Kafka', () => posting.accepted.size > before + 500, { timeoutMs: 20_000 });
    kafka = await openKafka({ dataDir: kafkaDir, cacheDir: userCacheDir(), ports: kafka.ports });
    await eventually('the backlog is gone', async () => (await metricOf(serve, 'gbx_spool_records')) < 100, { timeoutMs: 30_000 });
    await posting.stop();
    expect([...posting.refused]).toEqual([]);
    await eventually('the spool is empty', async () => (await metricOf(serve, 'gbx_spool_records')) === 0, { timeoutMs: 20_000 });
    const stored = new Set(
      (await readTopic({ brokers: kafka.brokers, topic })).map(
        ({ value }) => (JSON.parse(String(value)) as { exposure_id: string }).exposure_id,
      ),
    );
    expect([...posting.accepted].filter((id) => !stored.has(id))).toEqual([]);
  } finally {
    await kafka.stop();
    await rm(kafkaDir, { recursive: true, force: true });
  }
});

test('SIGTERM while the broker is frozen: 75 all the same, within the deadline and what closing takes', async () => {
  const kafkaDir = await mkdtemp(join(tmpdir(), 'gbx-spool-kafka-'));
  const kafka = await openKafka({ dataDir: kafkaDir, cacheDir: userCacheDir() });
  try {
    const topic = await createTopic({ brokers: kafka.brokers });
    await using serve = await spool.serve({ topic, brokers: kafka.brokers, env: { GBX_DRAIN_TIMEOUT_SECONDS: '2' } });
    expect((await serve.post(spooledExposure('warm'))).status).toBe(200);
    await untilInTopic(topic, ['warm'], kafka.brokers);
    await freeze(kafka.pid);
    expect((await serve.post(spooledExposure('frozen'))).status).toBe(200);
    serve.process.signal('SIGTERM');
    expect(await serve.process.exit()).toMatchObject({ code: 75 });
  } finally {
    process.kill(kafka.pid, 'SIGCONT');
    await kafka.stop();
    await rm(kafkaDir, { recursive: true, force: true });
  }
});
