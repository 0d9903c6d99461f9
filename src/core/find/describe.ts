// What was looked at and what was not, in sentences: for both forms of the answer. An answer of "not found" is worth as much
// as these say.
import type { Place } from '../verify/range.ts';
import type { FindReport } from './find.ts';
import type { TopicSeen } from './look-topic.ts';
import type { FindPlan } from './ports.ts';

/** The last one that a Date can hold. */
export const TIME_MS_MAX = 8.64e15;
const NAMES = { topic: 'topic', retry: 'retry topic', 'dead-letters': 'dead letters' } as const;

export function describeLooked(plan: FindPlan, { spool, topics, begin, facts }: FindReport): readonly string[] {
  const looked = spool === undefined ? [] : [`spool: ${count(spool.records, 'record')} in ${count(spool.files, 'file')}`];
  for (const seen of topics) looked.push(describeTopic(seen, begin.place));
  if (facts.isTableSeen) {
    const from = plan.wanted.kind === 'id' ? 'all rows with this id' : `rows with ts from ${time(begin.rowsFromMs)} on, newest first`;
    looked.push(`table: ${from}`);
  }
  return looked;
}

function describeTopic({ role, topic, partitions, records, otherPartitions }: TopicSeen, place: Place): string {
  const where = otherPartitions === 0 ? '' : ` in partition ${partitions.join(', ')}`;
  const from = role === 'dead-letters' ? '' : `, ${describePlace(place)}`;
  return `${NAMES[role]} ${topic}${where}: ${count(records, 'record')}${from}`;
}

function describePlace(place: Place): string {
  switch (place.kind) {
    case 'earliest':
      return 'all that it holds';
    case 'latest':
      return 'what came since the question';
    case 'time':
      return `accepted from ${time(place.ms)} on`;
    case 'offset':
      return `from offset ${place.offset} on`;
    case 'offsets':
      return 'from the offsets given on';
  }
}

export function describeNotLooked(plan: FindPlan, report: FindReport): readonly string[] {
  const { absent, failures, spool, topics, facts, areLettersMissing } = report;
  const gaps = [...absent].map(([name, reason]) => `${name}: ${reason}`);
  for (const [name, error] of failures) gaps.push(`${name}: ${error.message} [${error.code}]`);
  if (spool !== undefined && spool.unreadable > 0) gaps.push(`spool: ${count(spool.unreadable, 'stretch', 'stretches')} could not be read`);
  for (const seen of topics) gaps.push(...topicGaps(seen));
  if (areLettersMissing) gaps.push(`dead letters: there is no topic ${plan.deadLetterTopic}`);
  const isKnown = facts.progress.has(plan.topic);
  if (topics.length > 0 && !isKnown) gaps.push(`progress: neither ledger nor brokers know the group ${plan.group} with ${plan.topic}`);
  return gaps;
}

function topicGaps({ role, topic, skipped, expired, otherPartitions }: TopicSeen): string[] {
  const name = `${NAMES[role]} ${topic}`;
  const gaps: string[] = [];
  if (skipped > 0) gaps.push(`${name}: about ${count(skipped, 'record')} before that (--since earliest looks at all)`);
  if (expired > 0) gaps.push(`${name}: up to ${count(expired, 'record')} that Kafka has removed`);
  if (otherPartitions > 0)
    gaps.push(
      `${name}: ${count(otherPartitions, 'other partition')}, where a producer that is not gbx may put this user (--all-partitions)`,
    );
  return gaps;
}

/** @param ms since the Unix epoch */
export function time(ms: number): string {
  return ms >= 0 && ms <= TIME_MS_MAX ? new Date(ms).toISOString() : 'an unknown time';
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}
