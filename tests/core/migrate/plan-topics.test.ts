import { describe, expect, it } from 'vitest';
import { lookUpTopics, missingTopics, wantedTopics } from '../../../src/core/migrate/plan-topics.ts';

const SETTINGS = { topic: 'exposures', deadLetterTopic: 'exposures.dlq', retryTopic: undefined, partitions: 6, replication: undefined };

describe('wantedTopics()', () => {
  it('keeps dead letters for 30 days, and lets them be larger than what they came from', () => {
    const [main, deadLetters] = wantedTopics(SETTINGS);
    expect(main).toEqual({ topic: 'exposures', partitions: 6, replication: -1, config: {} });
    expect(deadLetters).toMatchObject({ topic: 'exposures.dlq', config: { 'retention.ms': '2592000000', 'max.message.bytes': '2097176' } });
  });

  it('has a retry topic where one of its own is named, kept as long as the topic, and large enough for its headers', () => {
    const [, , retries] = wantedTopics({ ...SETTINGS, retryTopic: 'exposures.retry' });
    expect(retries).toEqual({ topic: 'exposures.retry', partitions: 6, replication: -1, config: { 'max.message.bytes': '2097176' } });
    expect(wantedTopics({ ...SETTINGS, retryTopic: 'exposures' })).toEqual(wantedTopics(SETTINGS));
  });

  it('passes a replication on', () => {
    expect(wantedTopics({ ...SETTINGS, replication: 3 }).map(({ replication }) => replication)).toEqual([3, 3]);
  });
});

describe('missingTopics()', () => {
  it('gives those that are not there, and leaves one with other partitions alone', async () => {
    const topics = await lookUpTopics(wantedTopics(SETTINGS), async (topic) => (topic === 'exposures' ? 12 : undefined));
    expect(missingTopics(topics).map(({ topic }) => topic)).toEqual(['exposures.dlq']);
  });
});
