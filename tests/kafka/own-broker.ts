// A broker of its own for a test that stops, kills or freezes it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { userCacheDir } from '../../src/dev/kafka-jars.ts';
import { type KafkaServer, openKafka } from '../../src/dev/kafka-server.ts';
import { createTopic } from '../support/stack.ts';

export interface OwnBroker extends AsyncDisposable {
  broker: KafkaServer;
  readonly topic: string;
  /** At the same port, with the same data. */
  restart(): Promise<void>;
}

/** A broker that a test may stop, with one topic of 3 partitions. */
export async function openOwnBroker(): Promise<OwnBroker> {
  const dataDir = await mkdtemp(join(tmpdir(), 'gbx-broker-'));
  const broker = await openKafka({ dataDir, cacheDir: userCacheDir() });
  const topic = await createTopic({ brokers: broker.brokers });
  const own: OwnBroker = {
    broker,
    topic,
    restart: async () => {
      own.broker = await openKafka({ dataDir, cacheDir: userCacheDir(), ports: own.broker.ports });
    },
    [Symbol.asyncDispose]: async () => {
      await own.broker.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  return own;
}
