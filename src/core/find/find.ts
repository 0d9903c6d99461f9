// Where an exposure is now. Called by src/commands/find.ts. Looks along the way that exposures go (spool, topic, ledger, dead
// letters, table), so that one that moves on meanwhile is seen twice rather than not at all. A part that is not configured or
// cannot be asked is left out, and said.
import type { GbxError } from '../errors.ts';
import { attempt, type Look, type PartName } from './look.ts';
import { lookAtSpool, type SpoolSeen } from './look-spool.ts';
import { type LookContext, lookAtTopic, type TopicLook, type TopicSeen, topicMissing } from './look-topic.ts';
import { createMatcher } from './match.ts';
import type { FindDeps, FindPlan } from './ports.ts';
import { readProgress } from './read-progress.ts';
import { readRows } from './read-rows.ts';
import { type Begin, beginOf } from './since.ts';
import { createTrails, keep, type Trail } from './trails.ts';
import { judge, type Verdict, type VerdictFacts } from './verdict.ts';

export interface Found {
  /** Undefined for a record that names none, and can be no exposure. */
  readonly exposureId: string | undefined;
  readonly trail: Trail;
  readonly verdict: Verdict;
}

export interface FindReport {
  readonly kind: 'done';
  /** The one that is wanted, whatever became of it; else the newest ones. */
  readonly exposures: readonly Found[];
  /** More than are listed. */
  readonly isCut: boolean;
  readonly begin: Begin;
  readonly facts: VerdictFacts;
  readonly spool: SpoolSeen | undefined;
  readonly topics: readonly TopicSeen[];
  readonly areLettersMissing: boolean;
  readonly absent: ReadonlyMap<PartName, string>;
  readonly failures: ReadonlyMap<PartName, GbxError>;
}

/** A copy may be written while the topic is read: then what came since tells. */
const ROUNDS_MAX = 3;

/** @throws {GbxError} what is a bug; failures of parts are in the report */
export async function find(plan: FindPlan, deps: FindDeps): Promise<FindReport | { readonly kind: 'interrupted' }> {
  const look = createLook(plan, deps);
  try {
    await lookAlong(look);
  } catch (error) {
    if (deps.signal.aborted) return { kind: 'interrupted' };
    throw error;
  }
  return toReport(look);
}

function createLook(plan: FindPlan, deps: FindDeps): Look {
  const trailsMax = plan.wanted.kind === 'id' ? 1 : Math.max(plan.limit, 1);
  return {
    ...{ plan, deps },
    begin: beginOf(plan, deps.clock.now()),
    match: createMatcher(plan.wanted),
    // Of each partition so many; the newest of all are chosen at the end.
    trails: createTrails(trailsMax * 1_000),
    topics: new Map(),
    failures: new Map(),
    cursors: new Map(),
    ...{ spool: undefined, clusterId: undefined, progress: new Map() },
    ...{ areLettersMissing: false, isTableSeen: false, areLettersSeen: false },
  };
}

async function lookAlong(look: Look): Promise<void> {
  const { spool, kafka, warehouse } = look.deps;
  await attempt(look, { name: 'spool', part: spool }, async (folder) => {
    look.spool = await lookAtSpool(folder, {
      ...look.deps,
      match: (record) => look.match(record, { clusterId: '', topic: look.plan.topic }),
      onSeen: ({ exposureId = '' }, seen) => {
        const trail = look.trails.of(exposureId, exposureId);
        keep(trail, trail.spool, seen);
      },
    });
  });
  for (let round = 0; round < ROUNDS_MAX; round++) {
    let records = 0;
    await attempt(look, { name: 'kafka', part: kafka }, async (logs) => {
      look.clusterId ??= await logs.clusterId();
      records = await lookAtTopics(look, { ...contextOf(look, look.clusterId), logs });
    });
    // All that there is was seen the last time.
    if (round > 0 && records === 0) return;
    await readProgress(look);
    await attempt(look, { name: 'kafka', part: kafka }, (logs) => lookAtLetters(look, { ...contextOf(look, look.clusterId ?? ''), logs }));
    await attempt(look, { name: 'warehouse', part: warehouse }, (it) => readRows(look, it));
    if (!judgeAll(look).some(({ verdict }) => verdict.state === 'missing')) return;
  }
}

function contextOf({ plan, deps, match, trails, cursors }: Look, clusterId: string): Omit<LookContext, 'logs'> {
  const trailsMax = plan.wanted.kind === 'id' ? 1_000 : Math.max(plan.limit, 1);
  return { clusterId, match, trails, trailsMax, cursors, signal: deps.signal, onProgress: deps.onProgress };
}

/** @returns how many records there were */
async function lookAtTopics(look: Look, context: LookContext): Promise<number> {
  const { plan, begin } = look;
  const { topic, retryTopic, partitionKey } = plan;
  let records = await lookAtOne(look, { role: 'topic', topic, partitionKey, since: begin.place }, context);
  if (records === undefined) throw topicMissing(topic);
  if (retryTopic !== undefined) {
    // Places by offset are of the topic; a copy stands in the partition of its number, if there is one.
    const since = begin.place.kind === 'time' ? begin.place : ({ kind: 'earliest' } as const);
    records += (await lookAtOne(look, { role: 'retry', topic: retryTopic, partitionKey: undefined, since }, context)) ?? 0;
  }
  return records;
}

/** All of them: a dead letter is younger than its record, but may well be older than the range. */
async function lookAtLetters(look: Look, context: LookContext): Promise<void> {
  const topic = look.plan.deadLetterTopic;
  const records = await lookAtOne(look, { role: 'dead-letters', topic, partitionKey: undefined, since: { kind: 'earliest' } }, context);
  look.areLettersMissing = records === undefined;
  look.areLettersSeen = true;
}

async function lookAtOne(look: Look, one: TopicLook, context: LookContext): Promise<number | undefined> {
  const seen = await lookAtTopic(one, context);
  if (seen === undefined) return undefined;
  const before = look.topics.get(one.topic);
  look.topics.set(one.topic, before === undefined ? seen : { ...before, records: before.records + seen.records });
  return seen.records;
}

function factsOf({ deps, progress, isTableSeen, areLettersSeen }: Look): VerdictFacts {
  return { progress, nowMs: deps.clock.now(), isTableSeen, areLettersSeen };
}

function judgeAll(look: Look): readonly Found[] {
  const { plan, trails } = look;
  const facts = factsOf(look);
  const found = newestFirst(trails.all()).map((trail) => ({ exposureId: trail.exposureId, trail, verdict: judge(trail, facts) }));
  if (plan.wanted.kind === 'who') return found.slice(0, plan.limit);
  if (found.length > 0) return found;
  const { exposureId } = plan.wanted;
  const trail: Trail = { exposureId, spool: [], records: [], letters: [], rows: [], leftOut: 0 };
  return [{ exposureId, trail, verdict: judge(trail, facts) }];
}

function newestFirst(trails: readonly Trail[]): readonly Trail[] {
  const dated = trails.map((trail) => ({ trail, ms: newestMs(trail) }));
  return dated.sort((one, other) => other.ms - one.ms).map(({ trail }) => trail);
}

function newestMs({ rows, records, letters, spool }: Trail): number {
  const times = [
    ...rows.map(({ tsMicros }) => tsMicros / 1000),
    ...[...records, ...letters].map(({ identity, origin }) => (identity === undefined ? origin.timestampMs : identity.tsMicros / 1000)),
    ...spool.map(({ acceptedMs }) => acceptedMs),
  ];
  return Math.max(...times.filter(Number.isFinite));
}

function toReport(look: Look): FindReport {
  const { plan, deps, begin, trails, topics, spool, areLettersMissing, failures } = look;
  const exposures = judgeAll(look);
  const absent = new Map<PartName, string>();
  for (const name of ['spool', 'kafka', 'warehouse'] as const) {
    const part = deps[name];
    if (part.kind === 'absent') absent.set(name, part.reason);
  }
  const isCut = plan.wanted.kind === 'who' && (trails.dropped() > 0 || trails.all().length > exposures.length);
  return {
    ...{ kind: 'done', exposures, isCut, begin, spool, areLettersMissing, absent, failures },
    facts: factsOf(look),
    topics: [...topics.values()],
  };
}
