// Contract: a member reads whatever the four codecs hold, stumbles loudly over what nobody can read, and keeps its place in the
// group when the clock steps; supervised, it comes back by itself however long its broker was frozen or away.
import { randomUUID } from 'node:crypto';
import { AssignerProtocol, CompressionTypes, Kafka, logLevel, type PartitionAssigner } from 'kafkajs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { Source } from '../../src/core/load/ports.ts';
import { superviseSource } from '../../src/core/load/supervise.ts';
import { openProducer } from '../../src/kafka/open-producer.ts';
import { openSource } from '../../src/kafka/open-source.ts';
import { freeze } from '../support/freeze.ts';
import { silentLog } from '../support/log.ts';
import { noMetrics } from '../support/metrics.ts';
import { createTopic, eventually, testStack } from '../support/stack.ts';
import { connectionTo } from './connection.ts';
import { openOwnBroker } from './own-broker.ts';

const SESSION_MS = 6_000;

interface Where {
  readonly topic: string;
  readonly brokers?: string;
  readonly group?: string;
  readonly sessionTimeoutMs?: number;
}

async function open({ topic, brokers = testStack().brokers, group, sessionTimeoutMs }: Where): Promise<Source & AsyncDisposable> {
  return await openSource(connectionTo({ brokers: [brokers] }), {
    topic,
    group: group ?? `g-${randomUUID()}`,
    sessionTimeoutMs: sessionTimeoutMs ?? SESSION_MS,
    rebalanceTimeoutMs: 10_000,
    bufferBytesMax: 10_000_000,
  });
}

async function write(
  { topic, brokers = testStack().brokers }: Where,
  values: readonly { partition: number; value: string }[],
): Promise<void> {
  const records = values.map(({ partition, value }) => ({ key: null, value, partition, timestampMs: 1_700_000_000_000 }));
  // A broker that has just thawed or started is not yet what its own metadata names.
  const isWritten = async (): Promise<boolean> => {
    await using producer = await openProducer(connectionTo({ brokers: [brokers] }), { topics: [topic] });
    return (await producer.send(topic, records)).every(({ kind }) => kind === 'acked');
  };
  await eventually('the records to be acknowledged', () => isWritten().catch(() => false), { timeoutMs: 20_000 });
}

/** Takes, and seeks to the beginning at each join, until there is enough. */
async function readUntil(source: Source, isEnough: (values: readonly string[]) => boolean, timeoutMs = 15_000): Promise<string[]> {
  const values: string[] = [];
  await eventually(
    'the records',
    async () => {
      const event = await source.take(200);
      if (event?.kind === 'joined') source.seek(new Map(event.partitions.map((partition) => [partition, 0n])));
      if (event?.kind === 'records') values.push(...event.records.map(({ value }) => String(value)));
      return isEnough(values);
    },
    { timeoutMs },
  );
  return values;
}

async function members(group: string): Promise<number> {
  const admin = new Kafka({ brokers: [testStack().brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const { groups } = await admin.describeGroups([group]);
  await admin.disconnect();
  return groups[0]?.members.length ?? 0;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('take()', () => {
  test.each(['gzip', 'snappy', 'lz4', 'zstd'])('reads what the broker compressed with %s', async (codec) => {
    const topic = await createTopic({ partitions: 1, config: { 'compression.type': codec } });
    const values = Array.from({ length: 500 }, (_, index) => ({ partition: 0, value: `v${index}-`.repeat((index % 50) * 20 + 1) }));
    await write({ topic }, values);
    await using source = await open({ topic });
    const seen: string[] = [];
    await eventually('the join', async () => {
      const event = await source.take(200);
      if (event?.kind === 'joined') source.seek(new Map([[0, 100n]]));
      return event?.kind === 'joined';
    });
    while (seen.length < 400) seen.push(...(await readUntil(source, (values) => values.length > 0)));
    expect(seen).toEqual(values.slice(100).map(({ value }) => value));
  });

  test('gives what comes before a batch that cannot be read, then throws and names the place, though others go on', async () => {
    const topic = await createTopic({ partitions: 2 });
    await write({ topic }, [{ partition: 0, value: 'before' }]);
    const producer = new Kafka({ brokers: [testStack().brokers], logLevel: logLevel.NOTHING }).producer();
    await producer.connect();
    const bomb = { partition: 0, value: Buffer.alloc(70_000_000) };
    await producer.send({ topic, compression: CompressionTypes.GZIP, messages: [bomb] });
    await producer.disconnect();
    await write({ topic }, [{ partition: 1, value: 'beside' }]);
    await using source = await open({ topic });
    await eventually('the join', async () => {
      const event = await source.take(200);
      if (event?.kind !== 'joined') return false;
      source.seek(new Map(event.partitions.map((partition) => [partition, 0n])));
      return true;
    });
    await systemClock.sleep(1_500); // nobody takes while the good batch and the bad one are read
    const seen: string[] = [];
    const failure = readUntil(
      source,
      (values) => {
        seen.splice(0, seen.length, ...values);
        return false;
      },
      3_000,
    );
    await expect(failure).rejects.toMatchObject({
      cause: {
        code: 'GBX_BATCH_UNREADABLE',
        message: expect.stringMatching(/offsets 1 to 1 in partition 0 of the topic .* as .*larger than/),
      },
    });
    expect(seen).toContain('before');
    await expect(source.take(0)).rejects.toMatchObject({ code: 'GBX_BATCH_UNREADABLE' });
  });
});

describe('a member', () => {
  test.each([-3_600_000, 3_600_000])('keeps its place and reads on when the clock steps by %i ms', async (stepMs) => {
    const topic = await createTopic({ partitions: 1 });
    await using source = await open({ topic });
    await write({ topic }, [{ partition: 0, value: 'before' }]);
    await readUntil(source, (values) => values.length > 0);
    const { now } = Date;
    vi.spyOn(Date, 'now').mockImplementation(() => now() + stepMs);
    const kinds = new Set<string>();
    const before = performance.now();
    while (performance.now() - before < 1.5 * SESSION_MS) kinds.add((await source.take(500))?.kind ?? 'none');
    expect(await members(source.group)).toBe(1);
    expect(kinds).toEqual(new Set(['none']));
    await source.commit(new Map([[0, 1n]]));
    await write({ topic }, [{ partition: 0, value: 'after' }]);
    expect(await readUntil(source, (values) => values.length > 0)).toEqual(['after']);
  });

  test('says that the group has forgotten it, where a commit shows it', async () => {
    const topic = await createTopic({ partitions: 1 });
    await using source = await open({ topic });
    await eventually('the join', async () => (await source.take(200))?.kind === 'joined');
    const admin = new Kafka({ brokers: [testStack().brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    // The only way from outside: the group is emptied of this member while it holds still.
    const held = vi.spyOn(performance, 'now');
    held.mockReturnValue(performance.now());
    await eventually('the eviction', async () => (await members(source.group)) === 0, { timeoutMs: 3 * SESSION_MS });
    await expect(source.commit(new Map([[0, 0n]]))).rejects.toMatchObject({ code: 'GBX_NOT_A_MEMBER' });
    await admin.disconnect();
  });
});

/** A consumer in a group of its own that shares the partitions out in a way that gbx does not know. */
async function openForeigner(topic: string): Promise<{ readonly group: string } & AsyncDisposable> {
  const group = `g-${randomUUID()}`;
  const assigner: PartitionAssigner = () => ({
    name: 'another way',
    version: 1,
    assign: async () => [],
    protocol: ({ topics }) => ({
      name: 'another way',
      metadata: AssignerProtocol.MemberMetadata.encode({ version: 1, topics, userData: Buffer.alloc(0) }),
    }),
  });
  const kafka = new Kafka({ brokers: [testStack().brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: group, partitionAssigners: [assigner] });
  await consumer.connect();
  await consumer.subscribe({ topic });
  await consumer.run({ eachMessage: async () => undefined });
  await eventually('the other consumer in the group', async () => (await members(group)) === 1);
  return { group, [Symbol.asyncDispose]: () => consumer.disconnect() };
}

describe('a member that its group refuses', () => {
  async function refusal(where: Where): Promise<unknown> {
    await using source = await open(where);
    const before = performance.now();
    try {
      while (performance.now() - before < 20_000) await source.take(200);
    } catch (error) {
      return error;
    }
    return 'none';
  }

  test('says that another kind of consumer is in it', async () => {
    const topic = await createTopic({ partitions: 1 });
    await using foreigner = await openForeigner(topic);
    const error = await refusal({ topic, group: foreigner.group });
    expect(error).toMatchObject({ code: 'GBX_GROUP_REFUSED', hint: expect.stringContaining('stop the other consumer') });
  }, 30_000);

  test('says that the brokers allow no such session timeout', async () => {
    const topic = await createTopic({ partitions: 1 });
    const error = await refusal({ topic, sessionTimeoutMs: 1_000 });
    expect(error).toMatchObject({ code: 'GBX_GROUP_REFUSED', hint: expect.stringContaining('GBX_SESSION_TIMEOUT_SECONDS') });
  }, 30_000);
});

describe('a supervised member', () => {
  function supervised(where: Where): Promise<Source & AsyncDisposable> {
    const log = silentLog();
    return superviseSource({ open: () => open(where), clock: systemClock, random: Math.random, log, metrics: noMetrics });
  }

  test('comes back when all brokers were frozen for longer than requests and sessions last', async () => {
    await using own = await openOwnBroker();
    const where = { topic: own.topic, brokers: own.broker.brokers };
    await write(where, [{ partition: 0, value: 'before' }]);
    await using source = await supervised(where);
    await readUntil(source, (values) => values.length > 0);
    const before = performance.now();
    await freeze(own.broker.pid);
    try {
      while (performance.now() - before < 20_000) await source.take(500);
    } finally {
      process.kill(own.broker.pid, 'SIGCONT');
    }
    await write(where, [{ partition: 1, value: 'after' }]);
    await readUntil(source, (values) => values.includes('after'), 40_000);
  }, 120_000);

  test('comes back when its broker was away and is back', async () => {
    await using own = await openOwnBroker();
    const where = { topic: own.topic, brokers: own.broker.brokers };
    await write(where, [{ partition: 0, value: 'before' }]);
    await using source = await supervised(where);
    await readUntil(source, (values) => values.length > 0);
    await own.broker.stop();
    const before = performance.now();
    while (performance.now() - before < 3_000) await source.take(500);
    await own.restart();
    await write(where, [{ partition: 1, value: 'after' }]);
    await readUntil(source, (values) => values.includes('after'), 40_000);
  }, 90_000);
});
