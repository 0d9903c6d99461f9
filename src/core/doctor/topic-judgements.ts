// What the settings of a topic mean for exposures: whether copies of them survive a broker, and how long they are kept.
import { BYTES_MAX } from '../exposure/exposure.ts';
import { bytesText, type Finding, fail, ok, timeText, unknown, warn, worstOf } from './check.ts';
import type { TopicFacts } from './ports.ts';

/** Settings of a topic that are asked for. */
export const TOPIC_SETTINGS = [
  'cleanup.policy',
  'max.message.bytes',
  'message.timestamp.after.max.ms',
  'message.timestamp.before.max.ms',
  'message.timestamp.difference.max.ms',
  'message.timestamp.type',
  'min.insync.replicas',
  'retention.bytes',
  'retention.ms',
] as const;

const DAY_MS = 86_400_000;
/** An outage of the warehouse over a weekend must fit in. */
const RETENTION_MIN_MS = 3 * DAY_MS;
/** Key, id fields, JSON around them, and headers. */
const RECORD_BYTES_EXTRA = 4_096;
/** Java's Long.MAX_VALUE, which means no limit, as text. */
const NO_LIMIT = '9223372036854775807';

export interface JudgedTopic {
  readonly topic: string;
  readonly role: 'main' | 'dead-letter' | 'retry';
  readonly config: ReadonlyMap<string, string> | undefined;
  readonly facts: TopicFacts | undefined;
}

type Judge = (topic: JudgedTopic, config: ReadonlyMap<string, string>) => Finding;

/** The worst of what is judged of each topic. */
export function judgeConfigs(topics: readonly JudgedTopic[], judge: Judge): Finding {
  const findings = topics.map((one) => (one.config === undefined ? notPermitted(one.topic) : judge(one, one.config)));
  return worstOf(findings, ok(findings.map(({ found }) => found).join('; ')));
}

function notPermitted(topic: string): Finding {
  return unknown(`the login may not see the settings of ${topic}`, `grant it DescribeConfigs of ${topic}`);
}

export function judgeReplication({ topic, partitions }: TopicFacts, brokers: number): Finding {
  const copies = Math.min(...partitions.map(({ replicas }) => replicas));
  const behind = partitions.filter(({ inSync, replicas }) => inSync < replicas).map(({ partition }) => partition);
  if (copies < 2) {
    const todo = brokers < 2 ? 'run at least 3 brokers for what must not be lost' : 'give it 3 copies: kafka-reassign-partitions.sh';
    return warn(`${topic} has one copy of each record: with its broker's disk it is gone`, todo);
  }
  if (behind.length > 0) return warn(`${topic}: copies of partition ${behind.join(', ')} are behind`, 'see which broker is down or slow');
  return ok(`${topic}: ${copies} copies`);
}

export const judgeMinInSync: Judge = ({ topic, facts }, config) => {
  const least = Number(config.get('min.insync.replicas') ?? 1);
  const partitions = facts?.partitions ?? [];
  const copies = Math.min(...partitions.map(({ replicas }) => replicas));
  const short = partitions.filter(({ inSync }) => inSync < least).map(({ partition }) => partition);
  const found = `${topic}: min.insync.replicas ${least} of ${copies}`;
  if (copies < least)
    return fail(`${found}: no record can be accepted`, `set min.insync.replicas of ${topic} to ${Math.max(1, copies - 1)}`);
  if (short.length > 0)
    return fail(`${found}, and partition ${short.join(', ')} has fewer: it takes no records`, 'see which brokers are down');
  if (copies > 1 && least < 2) {
    return warn(`${found}: a record may be acknowledged by one broker alone`, `set min.insync.replicas of ${topic} to 2`);
  }
  if (copies > 1 && least === copies) return warn(`${found}: one broker that is away stops all writing`, `set it to ${copies - 1}`);
  return ok(found);
};

export const judgeRetention: Judge = ({ topic, role }, config) => {
  const ms = Number(config.get('retention.ms') ?? -1);
  const bytes = Number(config.get('retention.bytes') ?? -1);
  const found = `${topic} is kept for ${ms < 0 ? 'ever' : timeText(ms)}${bytes < 0 ? '' : `, at most ${bytesText(bytes)} a partition`}`;
  if ((config.get('cleanup.policy') ?? '').includes('compact')) {
    return fail(`${topic} is compacted: of each user only the newest record stays`, `set cleanup.policy of ${topic} to delete`);
  }
  if (ms >= 0 && ms < RETENTION_MIN_MS) {
    const lost =
      role === 'dead-letter' ? 'dead letters are gone before somebody looks' : 'a longer outage of the warehouse loses exposures';
    return warn(`${found}: ${lost}`, `set retention.ms of ${topic} to ${7 * DAY_MS} or more`);
  }
  if (bytes >= 0) return warn(`${found}: a burst shortens it`, `set retention.bytes of ${topic} to -1, or watch the lag against it`);
  return ok(found);
};

export const judgeTimestamps: Judge = ({ topic }, config) => {
  const type = config.get('message.timestamp.type') ?? 'CreateTime';
  const limits = ['before', 'difference'].flatMap((which) => {
    const name = `message.timestamp.${which}.max.ms`;
    const value = config.get(name);
    return value === undefined || value === NO_LIMIT ? [] : [`${name} is ${value}`];
  });
  if (type !== 'CreateTime' || limits.length === 0) return ok(`${topic}: ${type}`);
  return warn(
    `${topic}: ${limits.join(', ')}: records of an older time are refused, copies among them`,
    `take the limit away from ${topic}`,
  );
};

export function judgeMessageSize(topics: readonly JudgedTopic[]): Finding {
  const main = topics.find(({ role }) => role === 'main')?.config?.get('max.message.bytes');
  // The record as gbx itself writes it; other producers may write up to what the topic takes.
  const own = BYTES_MAX.attributes + RECORD_BYTES_EXTRA;
  return judgeConfigs(topics, ({ topic, role }, config) => {
    const max = Number(config.get('max.message.bytes') ?? Number.NaN);
    if (!Number.isFinite(max)) return unknown(`${topic} does not tell its max.message.bytes`);
    const found = `${topic}: ${bytesText(max)} a record`;
    const raise = (bytes: number): string => `set max.message.bytes of ${topic} to ${bytes} or more`;
    if (max < own) return fail(`${found}, and an exposure may have ${bytesText(own)}`, raise(own));
    const copied = Number(main ?? 0) + RECORD_BYTES_EXTRA;
    if (role !== 'main' && max < copied) {
      return warn(`${found}: the largest record of the topic does not fit with its headers`, raise(copied));
    }
    return ok(found);
  });
}
