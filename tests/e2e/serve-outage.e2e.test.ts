// The contract of `gbx serve` without a broker that works: it starts, says that it is not ready and why, refuses within
// its time, never hangs, and is ready again by itself. These tests have a broker of their own, which they stop and freeze.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { userCacheDir } from '../../src/dev/kafka-jars.ts';
import { type KafkaServer, openKafka } from '../../src/dev/kafka-server.ts';
import { eventually } from '../support/eventually.ts';
import { freeze } from '../support/freeze.ts';
import { postSteadily, startServe } from '../support/serving.ts';
import { createTopic, testStack } from '../support/stack.ts';
import { readTopic } from '../support/topic-log.ts';

const EXPOSURE = { ds_user_id: 'u1', experiment_id: 'checkout', variation_id: '1' };

let dataDir: string;
let kafka: KafkaServer;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'gbx-outage-'));
  kafka = await openKafka({ dataDir, cacheDir: userCacheDir() });
});
afterAll(async () => {
  await kafka.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function postTimed(serve: Awaited<ReturnType<typeof startServe>>) {
  const startedMs = performance.now();
  const response = await serve.post(EXPOSURE);
  const body = (await response.json()) as { error?: { code: string }; exposure_id?: string };
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body, durationMs: performance.now() - startedMs };
}

test('gbx serve starts without its topic, says loudly what to do, and is ready once it is there', async () => {
  const { brokers } = testStack();
  const topic = `late-${Date.now()}`;
  await using serve = await startServe({ brokers, topic, untilReady: false });
  const ready = await serve.readyz();
  expect(ready.status).toBe(503);
  expect(ready.text).toContain('GBX_TOPIC_MISSING');
  expect(ready.text).toContain('gbx migrate up');
  expect(serve.process.stderr()).toContain('"error"');
  expect(await postTimed(serve)).toMatchObject({ status: 503, retryAfter: '5' });

  const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 2, replicationFactor: 1 }], waitForLeaders: true });
  await admin.disconnect();
  await serve.untilReady();
  expect((await postTimed(serve)).status).toBe(200);
});

test('gbx serve starts without Kafka, alive and not ready, and refuses at once', async () => {
  await using serve = await startServe({ brokers: '127.0.0.1:1', topic: 'exposures', untilReady: false });
  const answer = await postTimed(serve);
  expect(answer).toMatchObject({ status: 503, retryAfter: '5', body: { error: { code: 'unavailable' } } });
  expect(answer.durationMs).toBeLessThan(1000);
  expect((await fetch(`${serve.url}/livez`)).status).toBe(200);
  expect((await serve.readyz()).text).toContain('GBX_KAFKA_UNREACHABLE');
  serve.process.signal('SIGTERM');
  expect(await serve.process.exit({ timeoutMs: 10_000 })).toMatchObject({ code: 0 });
});

test('gbx serve does not send to brokers whose certificate it cannot verify, says which setting to look at, and does with the right one', async () => {
  const { tlsBrokers, ca } = testStack();
  const topic = await createTopic();
  await using wary = await startServe({ brokers: tlsBrokers, topic, env: { GBX_KAFKA_TLS: 'on' }, untilReady: false });
  const ready = await eventually('the reason', async () => {
    const { status, text } = await wary.readyz();
    return text.includes('GBX_KAFKA_TLS') && { status, text };
  });
  expect(ready.status).toBe(503);
  expect(ready.text).toContain('GBX_KAFKA_CA_FILE');
  expect((await postTimed(wary)).status).toBe(503);

  const caFile = join(dataDir, 'ca.pem');
  await writeFile(caFile, ca);
  await using trusting = await startServe({ brokers: tlsBrokers, topic, env: { GBX_KAFKA_TLS: 'on', GBX_KAFKA_CA_FILE: caFile } });
  expect((await postTimed(trusting)).status).toBe(200);
});

test('Kafka gone and back under load: quick refusals, no hang, nothing accepted is lost, ready again by itself', async () => {
  const topic = await createTopic({ brokers: kafka.brokers });
  await using serve = await startServe({ brokers: kafka.brokers, topic, env: { GBX_ACCEPT_TIMEOUT_MS: '1000' } });
  const posting = postSteadily(serve, { clients: 10, prefix: 'outage' });
  await eventually('200 exposures accepted', () => posting.accepted.size > 200);
  await kafka.stop();
  await eventually('serve not ready', async () => (await serve.readyz()).status === 503);
  const refused = await postTimed(serve);
  expect(refused).toMatchObject({ status: 503, retryAfter: '5' });
  expect(refused.durationMs).toBeLessThan(1000);

  kafka = await openKafka({ dataDir, cacheDir: userCacheDir(), ports: kafka.ports });
  await serve.untilReady({ timeoutMs: 20_000 });
  const before = posting.accepted.size;
  await eventually('exposures accepted again', () => posting.accepted.size > before + 100);
  await posting.stop();
  expect([...posting.refused.keys()].filter((status) => status !== 503 && status !== 504)).toEqual([]);
  const stored = new Set(
    (await readTopic({ brokers: kafka.brokers, topic })).map(
      ({ value }) => (JSON.parse(String(value)) as { exposure_id: string }).exposure_id,
    ),
  );
  expect([...posting.accepted].filter((id) => !stored.has(id))).toEqual([]);
});

test('a broker that freezes: 504 with the id in time, then 503, and accepted again after it thaws', async () => {
  const topic = await createTopic({ brokers: kafka.brokers });
  await using serve = await startServe({ brokers: kafka.brokers, topic, env: { GBX_ACCEPT_TIMEOUT_MS: '1000' } });
  expect((await postTimed(serve)).status).toBe(200);
  await freeze(kafka.pid);
  try {
    const unknown = await postTimed(serve);
    expect(unknown.status).toBe(504);
    expect(unknown.body).toMatchObject({ error: { code: 'outcome_unknown' }, exposure_id: expect.any(String) });
    expect(unknown.durationMs).toBeLessThan(2500);
    const behind = await Promise.all(Array.from({ length: 5 }, () => postTimed(serve)));
    for (const { status, durationMs } of behind) {
      expect([503, 504]).toContain(status);
      expect(durationMs).toBeLessThan(2500);
    }
  } finally {
    process.kill(kafka.pid, 'SIGCONT');
  }
  await eventually('an exposure accepted again', async () => (await serve.post(EXPOSURE)).status === 200, { timeoutMs: 20_000 });
});
