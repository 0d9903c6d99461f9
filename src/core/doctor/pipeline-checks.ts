// The checks of `gbx doctor` that need both sides: does the ledger fit the log, is what waits safe from Kafka's retention, who
// else uses the group, what was given up, and do the clocks agree.
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { ERROR_CODES } from '../errors.ts';
import type { LedgerRow } from '../load/ports.ts';
import { type Check, type Finding, fail, ok, plural, timeText, unknown, warn, worstOf } from './check.ts';
import type { KafkaProbe, LogRange, ServerFacts, WarehouseProbe } from './ports.ts';

export interface PipelineDeps {
  readonly config: Config;
  readonly clock: Clock;
  readonly kafka: () => KafkaProbe;
  readonly warehouse: () => WarehouseProbe;
}

const HOUR_MS = 3_600_000;
const SKEW_WARN_MS = 2_000;
/** Beyond it the accepted time of an exposure is plainly another one. */
const SKEW_FAIL_MS = 60_000;

export function pipelineChecks(deps: PipelineDeps): readonly Check[] {
  const { config, kafka } = deps;
  const { kafkaTopic: topic, deadLetterTopic, consumerGroup: group } = config;
  const check = (name: string, needs: readonly string[], ask: Check['ask']): Check => ({
    id: `pipeline.${name}`,
    area: 'pipeline',
    needs,
    ask,
  });
  return [
    check('ledger', ['warehouse.table', 'kafka.topic', 'kafka.listeners'], async (signal) => {
      const rows = await ledgerOf(deps, signal);
      return judgeLedger(rows, await kafka().logRanges(topic), topic);
    }),
    check('group', ['pipeline.ledger', 'kafka.group'], async (signal) => {
      // Before the ledger: it only moves forward in between, so what is beyond it is somebody else's.
      const committed = await kafka().committedOffsets(group, topic);
      return judgeGroup(await ledgerOf(deps, signal), committed, group);
    }),
    check('retention', ['pipeline.ledger', 'kafka.retention'], (signal) => askRetention(deps, signal)),
    check('dead_letters', ['kafka.dead_letter_topic', 'kafka.listeners'], () => askDeadLetters(deps, deadLetterTopic)),
  ];
}

async function ledgerOf({ config, kafka, warehouse }: PipelineDeps, signal: AbortSignal): Promise<readonly LedgerRow[]> {
  const { clusterId } = await kafka().cluster(signal);
  return warehouse().ledger({ clusterId, group: config.consumerGroup, topic: config.kafkaTopic });
}

export function judgeLedger(rows: readonly LedgerRow[], ranges: readonly LogRange[], topic: string): Finding {
  if (rows.length === 0) return ok(`nothing of ${topic} was loaded yet by this group: gbx consume begins where the group stands`);
  const byPartition = new Map(ranges.map((range) => [range.partition, range]));
  let waiting = 0n;
  const findings = rows.map(({ partition, nextOffset }): Finding => {
    const place = `${topic}/${partition}`;
    const range = byPartition.get(partition);
    if (range === undefined)
      return fail(`${place} stands in the ledger and is no partition of the topic`, ERROR_CODES.GBX_TOPIC_CHANGED.hint);
    if (nextOffset > range.end) {
      return fail(
        `${place} is loaded up to ${nextOffset}, and its log ends at ${range.end}: not the same topic`,
        ERROR_CODES.GBX_TOPIC_CHANGED.hint,
      );
    }
    waiting += range.end - nextOffset;
    if (nextOffset >= range.start) return ok(place);
    const lost = range.start - nextOffset;
    return fail(
      `${place}: Kafka removed ${plural(lost, 'record')} before they were loaded`,
      'lengthen the retention, and find out why loading stood still',
    );
  });
  const idle = ranges.filter(({ partition }) => !rows.some((row) => row.partition === partition));
  const good = `${plural(rows.length, 'partition')} in the ledger, ${plural(waiting, 'record')} to load`;
  return worstOf(findings, ok(idle.length === 0 ? good : `${good}; ${plural(idle.length, 'partition')} not begun`));
}

export function judgeGroup(rows: readonly LedgerRow[], committed: ReadonlyMap<number, bigint>, group: string): Finding {
  const ahead = rows.flatMap(({ partition, nextOffset }) => {
    const offset = committed.get(partition);
    return offset === undefined || offset <= nextOffset ? [] : [`partition ${partition} at ${offset}, the ledger at ${nextOffset}`];
  });
  if (ahead.length > 0) return fail(`group ${group} is ahead of the ledger: ${ahead.join('; ')}`, ERROR_CODES.GBX_COMMITTED_AHEAD.hint);
  const behind = rows.filter(({ partition, nextOffset }) => (committed.get(partition) ?? nextOffset) < nextOffset).length;
  if (behind === 0) return ok(`group ${group} stands where the ledger does`);
  return ok(
    `group ${group} is behind the ledger in ${plural(behind, 'partition')}: a commit under way or lost, or a reset, which is not followed`,
  );
}

/** Asks Kafka's own index of times whether a record waits that is older than half of what the topic is kept for, or nearly all of it. */
async function askRetention(deps: PipelineDeps, signal: AbortSignal): Promise<Finding> {
  const { config, clock, kafka } = deps;
  const topic = config.kafkaTopic;
  const rows = await ledgerOf(deps, signal);
  const settings = await kafka().topicConfig(topic);
  const keptMs = Number(settings?.get('retention.ms') ?? Number.NaN);
  if (Number.isNaN(keptMs)) return unknown(`the login may not see how long ${topic} is kept`);
  if (keptMs < 0) return ok(`${topic} is kept for ever`);
  const ranges = await kafka().logRanges(topic);
  for (const [share, judge] of [
    [0.9, fail],
    [0.5, warn],
  ] as const) {
    const ageMs = keptMs * share;
    const since = await kafka().offsetsAtTimestamp(topic, clock.now() - ageMs);
    const old = olderThan(rows, { ranges, since });
    if (old.length === 0) continue;
    const found = `partition ${old.join(', ')} of ${topic} waits with records older than ${timeText(ageMs)}, and Kafka keeps them for ${timeText(keptMs)}`;
    return judge(found, `lengthen retention.ms of ${topic} now, then see why gbx consume does not load: docs/lag-is-growing.md`);
  }
  return ok(`what waits is younger than half of the ${timeText(keptMs)} that ${topic} is kept`);
}

interface AgeFacts {
  readonly ranges: readonly LogRange[];
  /** By partition the first offset that is younger. */
  readonly since: ReadonlyMap<number, bigint>;
}

/** @returns the partitions whose next record to load lies before what is younger */
export function olderThan(rows: readonly Pick<LedgerRow, 'partition' | 'nextOffset'>[], { ranges, since }: AgeFacts): readonly number[] {
  return ranges.flatMap(({ partition, start, end }) => {
    const next = rows.find((row) => row.partition === partition)?.nextOffset;
    if (next === undefined || next >= end) return [];
    const firstYoung = youngFrom(since.get(partition), end);
    return next < firstYoung && start < firstYoung ? [partition] : [];
  });
}

/** Where nothing is younger, brokers answer with nothing, -1 or the end. */
function youngFrom(offset: bigint | undefined, end: bigint): bigint {
  return offset === undefined || offset < 0n || offset > end ? end : offset;
}

async function askDeadLetters({ clock, kafka }: PipelineDeps, topic: string): Promise<Finding> {
  const ranges = await kafka().logRanges(topic);
  const total = ranges.reduce((sum, { start, end }) => sum + (end - start), 0n);
  if (total === 0n) return ok(`${topic} is empty`);
  const count = `${plural(total, 'dead letter')} in ${topic}`;
  const todo = 'see what they are and why: docs/dead-letters.md';
  for (const ageMs of [HOUR_MS, 24 * HOUR_MS, 168 * HOUR_MS]) {
    const fresh = await partitionsSince(kafka(), { topic, ranges, sinceMs: clock.now() - ageMs });
    if (fresh.length > 0) return warn(`${count}, the newest of them in the last ${timeText(ageMs)}`, todo);
  }
  return warn(`${count}, none in the last 7 days`, todo);
}

interface SinceOptions {
  readonly topic: string;
  readonly ranges: readonly LogRange[];
  readonly sinceMs: number;
}

/** @returns the partitions that hold such a record; how many there are nobody knows, as older ones may stand behind it */
async function partitionsSince(kafka: KafkaProbe, { topic, ranges, sinceMs }: SinceOptions): Promise<readonly number[]> {
  const since = await kafka.offsetsAtTimestamp(topic, sinceMs);
  return ranges.filter(({ partition, end }) => youngFrom(since.get(partition), end) < end).map(({ partition }) => partition);
}

export function clockChecks({ config, clock, kafka, warehouse }: PipelineDeps): readonly Check[] {
  return [
    {
      id: 'clocks.kafka',
      area: 'clocks',
      needs: ['kafka.topic', 'kafka.listeners'],
      ask: async () => {
        const topic = config.kafkaTopic;
        const ranges = await kafka().logRanges(topic);
        if (ranges.every(({ start, end }) => start === end)) return unknown(`${topic} holds no record whose time could be compared`);
        const ahead = await partitionsSince(kafka(), { topic, ranges, sinceMs: clock.now() + SKEW_WARN_MS });
        if (ahead.length === 0) return ok('no record is ahead of this clock');
        const found = `${topic} holds records more than ${timeText(SKEW_WARN_MS)} ahead of this clock, in partition ${ahead.join(', ')}`;
        return warn(found, 'set the clock of this machine and of those that produce by NTP');
      },
    },
    {
      id: 'clocks.warehouse',
      area: 'clocks',
      needs: ['warehouse.login'],
      ask: async () => judgeSkew(await warehouse().server()),
    },
  ];
}

export function judgeSkew({ skewMs, skewErrorMs }: Pick<ServerFacts, 'skewMs' | 'skewErrorMs'>): Finding {
  const sure = Math.max(0, Math.abs(skewMs) - skewErrorMs);
  if (sure < SKEW_WARN_MS) return ok(`the warehouse's clock agrees within ${timeText(Math.max(1, Math.abs(skewMs) + skewErrorMs))}`);
  const found = `the warehouse's clock is ${timeText(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead of' : 'behind'} this one`;
  const todo = 'set the clock of this machine by NTP: times of exposures come from it';
  return sure >= SKEW_FAIL_MS ? fail(found, todo) : warn(found, todo);
}
