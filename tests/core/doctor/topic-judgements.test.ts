import { describe, expect, test } from 'vitest';
import type { TopicFacts } from '../../../src/core/doctor/ports.ts';
import {
  type JudgedTopic,
  judgeConfigs,
  judgeMessageSize,
  judgeMinInSync,
  judgeReplication,
  judgeRetention,
  judgeTimestamps,
} from '../../../src/core/doctor/topic-judgements.ts';
import { judgeGroupRights, judgeRights } from '../../../src/core/doctor/topic-rights.ts';

function facts(copies: readonly (readonly [replicas: number, inSync: number])[], rights?: readonly string[]): TopicFacts {
  const partitions = copies.map(([replicas, inSync], partition) => ({ partition, leader: 1, replicas, inSync }));
  return { topic: 't', partitions, rights };
}

function topic(config: Record<string, string> | undefined, over: Partial<JudgedTopic> = {}): JudgedTopic {
  const known = config === undefined ? undefined : new Map(Object.entries(config));
  return { topic: 't', role: 'main', config: known, facts: facts([[3, 3]]), ...over };
}

test('judgeConfigs() does not guess where the login may not see', () => {
  expect(judgeConfigs([topic(undefined)], judgeRetention)).toMatchObject({ state: 'unknown', todo: 'grant it DescribeConfigs of t' });
});

test.each([
  [[[1, 1]], 1, 'warn', 'run at least 3 brokers'],
  [[[1, 1]], 3, 'warn', 'give it 3 copies'],
  [
    [
      [3, 3],
      [3, 2],
    ],
    3,
    'warn',
    'which broker is down',
  ],
  [[[3, 3]], 3, 'ok', ''],
] as const)('judgeReplication() of copies %j on %i brokers is %s', (copies, brokers, state, todo) => {
  const finding = judgeReplication(facts(copies), brokers);
  expect(finding.state).toBe(state);
  expect(finding.todo ?? '').toContain(todo);
});

test.each([
  ['1', [[1, 1]], 'ok', ''],
  ['1', [[3, 3]], 'warn', 'one broker alone'],
  ['2', [[3, 3]], 'ok', ''],
  [
    '2',
    [
      [3, 3],
      [3, 1],
    ],
    'fail',
    'partition 1 has fewer',
  ],
  ['3', [[3, 3]], 'warn', 'stops all writing'],
  ['2', [[1, 1]], 'fail', 'no record can be accepted'],
] as const)('judgeMinInSync() of %s of %j is %s', (least, copies, state, found) => {
  const finding = judgeConfigs([topic({ 'min.insync.replicas': least }, { facts: facts(copies) })], judgeMinInSync);
  expect(finding.state).toBe(state);
  expect(finding.found).toContain(found);
});

test.each([
  [{ 'retention.ms': '604800000' }, 'ok', 'kept for 7 days'],
  [{ 'retention.ms': '-1' }, 'ok', 'kept for ever'],
  [{ 'retention.ms': '3600000' }, 'warn', 'a longer outage'],
  [{ 'retention.ms': '604800000', 'retention.bytes': '1000000000' }, 'warn', 'at most 1 GB a partition'],
  [{ 'retention.ms': '604800000', 'cleanup.policy': 'compact' }, 'fail', 'only the newest record'],
] as const)('judgeRetention() of %j is %s', (config, state, found) => {
  const finding = judgeConfigs([topic(config)], judgeRetention);
  expect(finding.state).toBe(state);
  expect(finding.found).toContain(found);
});

test.each([
  [{}, 'ok'],
  [{ 'message.timestamp.type': 'LogAppendTime', 'message.timestamp.before.max.ms': '1000' }, 'ok'],
  [{ 'message.timestamp.type': 'CreateTime', 'message.timestamp.before.max.ms': '9223372036854775807' }, 'ok'],
  [{ 'message.timestamp.type': 'CreateTime', 'message.timestamp.before.max.ms': '1000' }, 'warn'],
] as const)('judgeTimestamps() of %j is %s', (config, state) => {
  expect(judgeConfigs([topic(config)], judgeTimestamps).state).toBe(state);
});

describe('judgeMessageSize()', () => {
  const main = topic({ 'max.message.bytes': '1048588' });
  const letters = (bytes: string) => topic({ 'max.message.bytes': bytes }, { topic: 'd', role: 'dead-letter' });

  test('fails where an exposure does not fit', () => {
    expect(judgeMessageSize([topic({ 'max.message.bytes': '1000' })])).toMatchObject({
      state: 'fail',
      todo: expect.stringContaining('of t to'),
    });
  });

  test('warns where the largest record does not fit into the dead letters', () => {
    expect(judgeMessageSize([main, letters('1048588')])).toMatchObject({ state: 'warn', todo: expect.stringContaining('of d to 1052684') });
    expect(judgeMessageSize([main, letters('2097176')]).state).toBe('ok');
  });
});

test.each([
  [['Read', 'Write', 'Describe'], ['Read', 'Write'], 'ok', ''],
  [['Read'], ['Write'], 'warn', 't: Read: enough to look; gbx consume cannot put refused rows back'],
  [['Write'], ['Write'], 'warn', 'not for gbx consume'],
  [['Describe'], ['Write'], 'fail', 'neither Read nor Write'],
  [['Read', 'Write'], ['Read'], 'warn', 'cannot write there'],
  [undefined, undefined, 'unknown', 'does not tell'],
] as const)('judgeRights() of %j, and %j on the dead letters, is %s', (main, letters, state, found) => {
  const named = [{ topic: 't', role: 'main' } as const, { topic: 'd', role: 'dead-letter' } as const];
  const finding = judgeRights({ topics: [facts([[1, 1]], main), { ...facts([[1, 1]], letters), topic: 'd' }] }, named);
  expect(finding.state).toBe(state);
  expect(finding.found).toContain(found);
});

test('judgeRights() takes Read of the topic for enough to consume only where refused rows go elsewhere', () => {
  const named = [{ topic: 't', role: 'main' } as const, { topic: 'r', role: 'retry' } as const];
  const judge = (retry: readonly string[]) =>
    judgeRights({ topics: [facts([[1, 1]], ['Read']), { ...facts([[1, 1]], retry), topic: 'r' }] }, named);
  expect(judge(['Write'])).toMatchObject({ state: 'warn', found: 't: Read: enough for gbx consume, not for gbx serve' });
  expect(judge(['Read']).found).toContain('r: Read: gbx consume cannot write there');
});

test.each([
  [['Read', 'Describe'], 'ok', 'group g: Read'],
  [['Describe'], 'warn', 'not for gbx consume'],
  [undefined, 'unknown', 'do not tell'],
] as const)('judgeGroupRights() of %j is %s', (rights, state, found) => {
  const finding = judgeGroupRights(rights, 'g');
  expect(finding.state).toBe(state);
  expect(finding.found).toContain(found);
});
