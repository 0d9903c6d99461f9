// Contract: one broker is asked at the address that was given; it says whom it advertises, what it has of the topics asked for
// and which rights there are; what is no broker is refused in the words of every other connection to Kafka.
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { askCluster } from '../../src/kafka/doctor-cluster.ts';
import { openKafkaProbe } from '../../src/kafka/doctor-probe.ts';
import { createTopic, eventually, testStack } from '../support/stack.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { connectionTo } from './connection.ts';

const { signal } = new AbortController();
const broker = () => {
  const [host = '', port] = testStack().brokers.split(':');
  return { host, port: Number(port) };
};
const nobody = { host: '127.0.0.1', port: 1 };

describe('askCluster()', () => {
  test('refuses where nobody listens, and where TLS or SQL is spoken', async () => {
    const ask = (host: string, port: number) => askCluster(connectionTo(), { seeds: [{ host, port }], topics: [] }, signal);
    await expect(ask('127.0.0.1', 1)).rejects.toMatchObject({
      code: 'GBX_KAFKA_UNREACHABLE',
      message: expect.stringContaining('127.0.0.1:1'),
    });
    await expect(ask('127.0.0.1', Number(testStack().tlsBrokers.split(':')[1]))).rejects.toMatchObject({ code: 'GBX_KAFKA_TLS' });
    await expect(ask('127.0.0.1', testStack().postgres.port)).rejects.toMatchObject({ code: 'GBX_KAFKA_UNREACHABLE' });
  });

  test('goes on to the next seed, and tells topics with partitions and rights; one that is not there is left out', async () => {
    const topic = await createTopic({ partitions: 4 });
    const facts = await askCluster(connectionTo(), { seeds: [nobody, broker()], topics: [topic, 'not-there'] }, signal);
    expect(facts.brokers).toMatchObject([{ id: 1, ...broker() }]);
    expect(facts.clusterId).toMatch(/^\S{22}$/u);
    expect(facts.topics).toHaveLength(1);
    expect(facts.topics[0]).toMatchObject({
      topic,
      partitions: [0, 1, 2, 3].map((partition) => ({ partition, leader: 1, replicas: 1, inSync: 1 })),
    });
    expect(facts.topics[0]?.rights).toEqual(expect.arrayContaining(['Read', 'Write', 'Describe']));
  });

  test('does not wait for a seed that is silent', async () => {
    await using proxy = await openTcpProxy({ target: broker() });
    proxy.blackHole();
    const facts = await askCluster(connectionTo(), { seeds: [proxy, broker()], topics: [] }, signal);
    expect(facts.answeredBy).toEqual(broker());
    await eventually('the end of the other question', () => proxy.links() === 0);
  });

  test('ends when it is told to', async () => {
    const stop = new AbortController();
    const asked = askCluster(connectionTo(), { seeds: [broker()], topics: [] }, stop.signal);
    stop.abort();
    await expect(asked).rejects.toMatchObject({ code: 'GBX_KAFKA_UNREACHABLE' });
  });
});

test('openKafkaProbe() tells what may be done with a group, also with one that nobody has used', async () => {
  const topic = await createTopic({ partitions: 1 });
  await using probe = openKafkaProbe(connectionTo({ brokers: ['127.0.0.1:1', testStack().brokers] }), { topics: [topic], settings: [] });
  const group = `g-${randomUUID()}`;
  // A new broker has a coordinator once it is asked for offsets.
  expect(await probe.committedOffsets(group, topic)).toEqual(new Map());
  expect(await probe.groupRights(group, signal)).toEqual(['Read', 'Delete', 'Describe']);
});

test('openKafkaProbe() asks the seed that answered, and no silent one', async () => {
  await using proxy = await openTcpProxy({ target: broker() });
  proxy.blackHole();
  const topic = await createTopic({ partitions: 2 });
  const brokers = [...Array.from({ length: 4 }, () => `127.0.0.1:${proxy.port}`), testStack().brokers];
  await using probe = openKafkaProbe(connectionTo({ brokers }), { topics: [topic], settings: [] });
  await probe.cluster(signal);
  await eventually('the end of the questions to the silent ones', () => proxy.links() === 0);
  expect(await probe.logRanges(topic)).toHaveLength(2);
  expect(proxy.links()).toBe(0);
});

test('openKafkaProbe() connects to nobody before it is asked, and reads the settings of a topic', async () => {
  await openKafkaProbe(connectionTo({ brokers: ['127.0.0.1:1'] }), { topics: [], settings: [] })[Symbol.asyncDispose]();
  const topic = await createTopic({ partitions: 1, config: { 'retention.ms': '1234567' } });
  await using probe = openKafkaProbe(connectionTo(), { topics: [topic], settings: ['retention.ms'] });
  expect(await probe.topicConfig(topic)).toEqual(new Map([['retention.ms', '1234567']]));
});
