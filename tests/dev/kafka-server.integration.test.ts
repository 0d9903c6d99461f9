// Contract: openKafka gives a real broker that answers, keeps its data over restarts however it ended, and says why where
// it cannot start.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { userCacheDir } from '../../src/dev/kafka-jars.ts';
import { type KafkaServer, openKafka } from '../../src/dev/kafka-server.ts';
import { createTopic } from '../support/stack.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gbx-kafka-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function open(options: { readonly port?: number; readonly progress?: (message: string) => void } = {}): Promise<KafkaServer> {
  const { port, progress } = options;
  return openKafka({
    dataDir: dir,
    cacheDir: userCacheDir(),
    ...(port === undefined ? {} : { ports: { plaintext: port } }),
    ...(progress ? { progress } : {}),
  });
}

async function listTopics(server: KafkaServer): Promise<{ readonly clusterId: string; readonly topics: string[] }> {
  const admin = new Kafka({ brokers: [server.brokers], logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin();
  await admin.connect();
  try {
    const { clusterId } = await admin.describeCluster();
    return { clusterId, topics: (await admin.listTopics()).sort() };
  } finally {
    await admin.disconnect();
  }
}

describe('openKafka()', () => {
  it('fails with the end of the log when its port is taken', async () => {
    const other = createServer((socket) => socket.destroy());
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port));
    });
    try {
      await expect(open({ port })).rejects.toMatchObject({
        code: 'GBX_LOCAL_STACK',
        message: expect.stringContaining('Address already in use'),
      });
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });

  it('does not take another broker for its own', async () => {
    await using other = await openKafka({ dataDir: join(dir, 'other'), cacheDir: userCacheDir() });
    await expect(open({ port: other.ports.plaintext })).rejects.toMatchObject({
      code: 'GBX_LOCAL_STACK',
      message: expect.stringContaining('Address already in use'),
    });
    await using beside = await openKafka({ dataDir: dir, cacheDir: userCacheDir(), preferredPort: other.ports.plaintext });
    expect((await listTopics(beside)).clusterId).not.toBe((await listTopics(other)).clusterId);
  });

  it('finds its data again on other ports after a stop, and on the same port soon after kill -9', async () => {
    let before: Awaited<ReturnType<typeof listTopics>>;
    let port: number;
    {
      await using first = await open();
      await createTopic({ brokers: first.brokers });
      before = await listTopics(first);
      expect(before.topics).toHaveLength(1);
    }
    let secondTookMs: number;
    {
      const startMs = performance.now();
      await using second = await open();
      secondTookMs = performance.now() - startMs;
      expect(await listTopics(second)).toEqual(before);
      port = second.ports.plaintext;
      process.kill(second.pid, 'SIGKILL');
      expect(await second.exited).toEqual({ code: 137 });
    }
    const startMs = performance.now();
    await using third = await open({ port });
    // With Kafka's default session timeout it would be nine seconds more.
    expect(performance.now() - startMs - secondTookMs).toBeLessThan(6000);
    expect(await listTopics(third)).toEqual(before);
  });

  it('waits for the broker of an earlier run that is still ending', async () => {
    await using first = await open();
    const messages: string[] = [];
    const second = open({ progress: (message) => void messages.push(message) });
    await expect.poll(() => messages, { timeout: 5000 }).toContainEqual(expect.stringContaining(`process ${first.pid}`));
    await first.stop();
    await using again = await second;
    expect(again.pid).not.toBe(first.pid);
  });
});
