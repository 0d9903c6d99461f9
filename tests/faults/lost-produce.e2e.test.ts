// Contract (F10): a produce request that the broker has done and whose answer is lost is `outcome_unknown`, not a refusal and
// not a success. A client that posts it again makes a second record, and still one row.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createTraffic } from '../../src/core/traffic/traffic.ts';
import { userCacheDir } from '../../src/dev/kafka-jars.ts';
import { openKafka } from '../../src/dev/kafka-server.ts';
import { freePorts } from '../../src/dev/ports.ts';
import { openKafkaProxy } from '../support/kafka-proxy.ts';
import { logged } from '../support/log-lines.ts';
import { openPipeline } from '../support/pipeline.ts';
import { expectPosted, postTraffic } from '../support/posting.ts';
import { startServe } from '../support/serving.ts';
import { eventually } from '../support/stack.ts';
import { readTopic } from '../support/topic-log.ts';

const LOST = 5;
const PARTITIONS = 3;

it('F10 gbx serve calls a send without an answer unknown, and the client’s second try doubles the record, not the row', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'gbx-lost-produce-'));
  const [port = 0] = await freePorts(1);
  await using proxy = await openKafkaProxy({ target: { host: '127.0.0.1', port } });
  try {
    await using kafka = await openKafka({ dataDir: dir, cacheDir: userCacheDir(), ports: { plaintext: port }, advertisedPort: proxy.port });
    await using pipeline = await openPipeline({ brokers: kafka.brokers, partitions: PARTITIONS });
    await using serve = await startServe({ brokers: `127.0.0.1:${proxy.port}`, topic: pipeline.topic });
    const consumer = await pipeline.consumer({ GBX_BATCH_ROWS_MAX: '16000' });
    const traffic = createTraffic({ seed: pipeline.topic, startMs: Date.now() - 3_600_000 });
    const posting = postTraffic(serve.url, { traffic, partitions: PARTITIONS, clients: 3, retries: 20 });
    try {
      for (let lost = 1; lost <= LOST; lost++) {
        const before = posting.count('ok');
        proxy.loseAnswers('produce', 1);
        await eventually('a lost answer', () => proxy.lost() === lost);
        await eventually('accepted again', () => posting.count('ok') > before + 100);
      }
    } finally {
      await posting.stop();
    }
    const account = await expectPosted(pipeline, posting.books);
    const ids = (await readTopic(pipeline)).map(({ value }) => (JSON.parse(String(value)) as { exposure_id: string }).exposure_id);
    const doubled = ids.length - new Set(ids).size;
    console.log(`F10 ${proxy.lost()} answers lost, ${doubled} records twice in the topic`, JSON.stringify(account));
    // The fault fired, and what it makes was seen: copies in the topic, none in the table.
    expect(doubled).toBeGreaterThan(0);
    expect(account).toMatchObject({ fail: 0, unknown: 0 });
    expect(logged(consumer, 'circuit.opened')).toEqual([]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}, 120_000);
