// Topics for the tests of lag: with leaders that lead, and records of known age.
import { randomUUID } from 'node:crypto';
import type { LagTarget } from '../../src/core/lag/sample.ts';
import { openLagSource } from '../../src/kafka/lag-source.ts';
import { createTopic, eventually, testStack } from '../support/stack.ts';
import { writeRecords } from '../support/topic-log.ts';
import { connectionTo } from './connection.ts';

export function targetOf(topic: string, changes: Partial<LagTarget> = {}): LagTarget {
  return { group: `g-${randomUUID()}`, topic, deadLetterTopic: `none-${randomUUID()}`, retryTopic: undefined, ...changes };
}

/** Leaders are named before they lead. */
export async function createLedTopic(options: Parameters<typeof createTopic>[0]): Promise<string> {
  const topic = await createTopic(options);
  await using source = openLagSource(connectionTo(), targetOf(topic));
  await source.readGroup();
  await eventually(`leaders of ${topic}`, async () => (await source.readLogs()).get(topic)?.every(({ error }) => error === undefined));
  return topic;
}

/** One record each, stamped that long ago, oldest first. */
export async function writeAged(topic: string, partition: number, agesMs: readonly number[]): Promise<number> {
  const nowMs = Date.now();
  const records = agesMs.map((ageMs) => ({ partition, key: 'k', value: 'v', timestampMs: nowMs - ageMs }));
  await writeRecords({ brokers: testStack().brokers, topic }, records);
  return nowMs;
}
