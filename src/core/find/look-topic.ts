// Looks through a topic: from where the question begins to where it ends now, and when it is asked again, from there on. So
// what is written meanwhile is met by the next look, and nothing is read twice.
import { GbxError } from '../errors.ts';
import type { Place } from '../verify/range.ts';
import type { Matcher } from './match.ts';
import type { FindLogs, LogRange } from './ports.ts';
import { createTrails, noteRecord, type Role, type Trails } from './trails.ts';

/** What was looked at of a topic. */
export interface TopicSeen {
  readonly role: Role;
  readonly topic: string;
  readonly partitions: readonly number[];
  /** Partitions of the topic that were not looked at. */
  readonly otherPartitions: number;
  /** Records of partitions that were looked at and lie before where the look began. */
  readonly skipped: number;
  /** Offsets that are gone from the log: as far as they are in question, nobody can see them. */
  readonly expired: number;
  records: number;
}

export interface TopicLook {
  readonly role: Role;
  readonly topic: string;
  /** The user whose partition is enough; undefined: all. */
  readonly partitionKey: string | undefined;
  readonly since: Place;
}

export interface LookContext {
  readonly logs: FindLogs;
  readonly clusterId: string;
  readonly match: Matcher;
  readonly trails: Trails;
  readonly trailsMax: number;
  /** Where to go on, by topic and partition. */
  readonly cursors: Map<string, bigint>;
  readonly signal: AbortSignal;
  readonly onProgress: (step: string, done: number, of: number | undefined) => void;
}

const STEPS: Readonly<Record<Role, string>> = {
  topic: 'reading the topic',
  retry: 'reading the retry topic',
  'dead-letters': 'reading the dead letters',
};

/** @returns undefined where there is no such topic */
export async function lookAtTopic(look: TopicLook, context: LookContext): Promise<TopicSeen | undefined> {
  const { topic, role, since } = look;
  const { logs, cursors } = context;
  const ranges = await logs.ranges(topic);
  if (ranges === undefined) return undefined;
  const chosen = chooseRanges(look, ranges, logs);
  const times = since.kind === 'time' ? await logs.offsetsAt(topic, since.ms) : undefined;
  const stretches = chosen.map((range) => {
    const from = cursors.get(`${topic}/${range.partition}`) ?? clamp(firstOffset(since, range, times), range);
    return { ...range, from, to: later(from, range.end) };
  });
  const total = stretches.reduce((sum, { from, to }) => sum + Number(to - from), 0);
  let done = 0;
  let records = 0;
  for (const stretch of stretches) {
    records += await readStretch(stretch, { look, context, step: STEPS[role], done, total });
    done += Number(stretch.to - stretch.from);
    cursors.set(`${topic}/${stretch.partition}`, stretch.to);
  }
  return {
    ...{ role, topic, records },
    partitions: chosen.map(({ partition }) => partition),
    otherPartitions: ranges.length - chosen.length,
    skipped: stretches.reduce((sum, { from, start }) => sum + Number(from - start), 0),
    expired: stretches.reduce((sum, { from, start }) => (from === start ? sum + Number(start) : sum), 0),
  };
}

function chooseRanges({ partitionKey, since }: TopicLook, ranges: readonly LogRange[], logs: FindLogs): readonly LogRange[] {
  const inOrder = [...ranges].sort((one, other) => one.partition - other.partition);
  const own = partitionKey === undefined ? undefined : logs.partitionOf(partitionKey, ranges.length);
  const isNamed = (partition: number): boolean => since.kind !== 'offsets' || since.byPartition.has(partition);
  return inOrder.filter(({ partition }) => (own === undefined || partition === own) && isNamed(partition));
}

function firstOffset(since: Place, range: LogRange, times: ReadonlyMap<number, bigint> | undefined): bigint {
  switch (since.kind) {
    case 'earliest':
      return range.start;
    case 'latest':
      return range.end;
    case 'offset':
      return since.offset;
    case 'offsets':
      return since.byPartition.get(range.partition) ?? range.end;
    case 'time':
      return times?.get(range.partition) ?? range.end;
  }
}

function clamp(offset: bigint, { start, end }: LogRange): bigint {
  if (offset < start) return start;
  return offset > end ? end : offset;
}

function later(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

interface Stretch {
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
}

interface Reading {
  readonly look: TopicLook;
  readonly context: LookContext;
  readonly step: string;
  readonly done: number;
  readonly total: number;
}

/** Bounded by itself, so that a partition that is read later does not push out what an earlier one gave. */
async function readStretch({ partition, from, to }: Stretch, { look, context, step, done, total }: Reading): Promise<number> {
  if (from >= to) return 0;
  const { topic, role } = look;
  const { logs, match, clusterId, trails, trailsMax, signal, onProgress } = context;
  const own = createTrails(trailsMax);
  const place = { clusterId, topic };
  let records = 0;
  for await (const chunk of logs.read({ topic, partition, from, to }, signal)) {
    signal.throwIfAborted();
    for (const record of chunk.records) {
      const found = match(record, place);
      if (found !== undefined) noteRecord(own, { record, match: found }, { role, topic });
    }
    records += chunk.records.length;
    onProgress(step, done + Number(chunk.nextOffset - from), total);
  }
  signal.throwIfAborted();
  trails.join(own);
  return records;
}

export function topicMissing(topic: string): GbxError {
  return new GbxError('GBX_TOPIC_MISSING', `Cannot look at ${topic} as there is no such topic`);
}
