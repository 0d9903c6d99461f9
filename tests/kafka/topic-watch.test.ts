import { describe, expect, test } from 'vitest';
import { GbxError } from '../../src/core/errors.ts';
import { createTopicWatch } from '../../src/kafka/topic-watch.ts';
import { manualClock, seededRandom } from '../support/clock.ts';
import { collectingLog } from '../support/log.ts';

function watch() {
  const cluster = { down: false, topics: new Map<string, number>([['t', 3]]), asked: 0 };
  const clock = manualClock();
  const log = collectingLog();
  const topicPartitions = async (topic: string): Promise<number | undefined> => {
    cluster.asked++;
    if (cluster.down) throw new GbxError('GBX_KAFKA_UNREACHABLE', 'kafka:9092 refuses connections');
    return cluster.topics.get(topic);
  };
  return { cluster, clock, log, topics: createTopicWatch({ topicPartitions, clock, log, random: seededRandom(1) }) };
}

describe('createTopicWatch()', () => {
  test('fails at once while the cluster is known to be down, and asks nobody', async () => {
    const { cluster, clock, topics, log } = watch();
    await topics.partitionCount('t');
    cluster.down = true;
    topics.suspect();
    await clock.advance(0);
    const { asked } = cluster;
    await expect(topics.partitionCount('t')).rejects.toThrow('refuses connections');
    expect([topics.isUp(), cluster.asked, log.events()]).toEqual([false, asked, ['kafka.unreachable']]);
  });

  test('is back within seconds of the cluster, by itself', async () => {
    const { cluster, clock, topics, log } = watch();
    await topics.partitionCount('t');
    cluster.down = true;
    topics.suspect();
    await clock.advance(60_000);
    cluster.down = false;
    await clock.advance(3_000);
    expect([topics.isUp(), await topics.partitionCount('t')]).toEqual([true, 3]);
    expect(log.events()).toEqual(['kafka.unreachable', 'kafka.reachable']);
  });

  test('is down from the first question on where nobody answers', async () => {
    const { cluster, topics } = watch();
    cluster.down = true;
    await expect(topics.partitionCount('t')).rejects.toThrow('refuses connections');
    expect(topics.isUp()).toBe(false);
  });

  test('asks again for a topic that was missing, each time', async () => {
    const { cluster, topics } = watch();
    expect(await topics.partitionCount('new')).toBeUndefined();
    cluster.topics.set('new', 6);
    expect(await topics.partitionCount('new')).toBe(6);
  });

  test('remembers a topic, and sees its new partitions after ten seconds', async () => {
    const { cluster, clock, topics } = watch();
    await topics.partitionCount('t');
    cluster.topics.set('t', 4);
    expect(await topics.partitionCount('t')).toBe(3);
    await clock.advance(10_000);
    expect(await topics.partitionCount('t')).toBe(4);
  });

  test('stop() leaves no timer', async () => {
    const { clock, topics } = watch();
    topics.stop();
    await clock.advance(1);
    expect(clock.sleeping()).toBe(0);
  });
});
