// Contract: a login that may read and not write is called by its name, and nothing of what it sent is called unknown: serve says
// 503, consume and produce end with 77. Once it may write, serve goes on by itself.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { userCacheDir } from '../../src/dev/kafka-jars.ts';
import { openKafka } from '../../src/dev/kafka-server.ts';
import { freePorts } from '../../src/dev/ports.ts';
import { openKafkaProxy, TOPIC_AUTHORIZATION_FAILED } from '../support/kafka-proxy.ts';
import { logged } from '../support/log-lines.ts';
import { openPipeline } from '../support/pipeline.ts';
import { startGbx } from '../support/process.ts';
import { startServe } from '../support/serving.ts';
import { readTopic } from '../support/topic-log.ts';

const POSTS = Array.from({ length: 20 }, (_, i) => ({ exposure_id: `e${i}`, ds_user_id: `u${i}`, experiment_id: 'x', variation_id: '0' }));

it('a login that may not write: serve accepts nothing, gbx consume and gbx produce end with 77 and say why', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'gbx-forbidden-'));
  const [port = 0] = await freePorts(1);
  await using proxy = await openKafkaProxy({ target: { host: '127.0.0.1', port } });
  try {
    await using kafka = await openKafka({ dataDir: dir, cacheDir: userCacheDir(), ports: { plaintext: port }, advertisedPort: proxy.port });
    await using pipeline = await openPipeline({ brokers: kafka.brokers });
    const { topic } = pipeline;
    const brokers = `127.0.0.1:${proxy.port}`;
    const spoiled = { key: 'u', value: 'no JSON', expected: { kind: 'letter', code: 'GBX_NOT_JSON' } } as const;
    await pipeline.sendRecords([{ partition: 0, ...spoiled }]);
    proxy.refuseProduce(TOPIC_AUTHORIZATION_FAILED);

    await using serve = await startServe({ brokers, topic, env: { GBX_ACCEPT_TIMEOUT_MS: '500' } });
    expect((await serve.post(POSTS[0])).status).toBe(503);
    expect(logged(serve.process, 'exposures.send_failed')).toMatchObject([
      { reason: expect.stringContaining('the broker does not allow it (TOPIC_AUTHORIZATION_FAILED)') },
    ]);
    // To several partitions: a broker that does not know of it yet might have taken its part.
    const batch = await serve.post({ exposures: POSTS }, '/exposures');
    expect([batch.status, await batch.json()]).toMatchObject([504, { accepted: 0 }]);

    const consumer = await pipeline.consumer({ KAFKA_BOOTSTRAP_SERVERS: brokers });
    expect(await consumer.exit({ timeoutMs: 40_000 })).toMatchObject({ code: 77 });
    expect(consumer.stderr()).toContain('GBX_KAFKA_AUTH');

    const settings = { KAFKA_BOOTSTRAP_SERVERS: brokers, GBX_TOPIC: topic };
    await using produce = await startGbx(['produce', '--rate', '10', '--count', '5', '--json'], { cwd: dir, env: settings });
    expect(await produce.exit({ timeoutMs: 20_000 })).toMatchObject({ code: 77 });
    expect(JSON.parse(produce.stdout())).toMatchObject({ error: { code: 'GBX_KAFKA_AUTH' }, counts: { ok: 0, unknown: 0 } });

    expect(await readTopic({ brokers: kafka.brokers, topic })).toHaveLength(1);
    proxy.refuseProduce(undefined);
    expect((await serve.post({ exposures: POSTS }, '/exposures')).status).toBe(200);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}, 120_000);
