// Samples -> what they mean: lag, rates, time to drain, and a verdict for each partition. Pure. Called by the command after
// each poll; formatters and the live view print what comes out, and compute nothing themselves.
import { judge, SEVERITIES } from './judge.ts';
import type { LagSample, PartitionSample, SideTopicSample, TableFreshness } from './sample.ts';
import type { Judgement, Severity, Verdict } from './verdict.ts';
import { type LagWindow, lagOf, median, pointsOf, type Rates, ratesOf } from './window.ts';

export interface PartitionReport extends Judgement {
  readonly sample: PartitionSample;
  readonly severity: Severity;
  /** Records not yet loaded; undefined: not known. Never negative. */
  readonly lag: number | undefined;
  /** The same by the group's committed offset. */
  readonly groupLag: number | undefined;
  /** Records that expired before they were loaded. */
  readonly lost: number;
  /** Records per second over the window; undefined with one sample. */
  readonly inPerSecond: number | undefined;
  readonly outPerSecond: number | undefined;
  /** Until the lag is gone: undefined: not known; Infinity: never at this rate. */
  readonly etaSeconds: number | undefined;
  /** Lag as a share of what the log holds, 0 to 1: near 1 the oldest records expire unread. */
  readonly retentionShare: number | undefined;
  /** How many times the median of all partitions comes in; undefined unless it stands out. */
  readonly hotness: number | undefined;
}

export interface LagTotal {
  /** Of all partitions; undefined where that of one is not known. */
  readonly lag: number | undefined;
  /** Of those that are known; undefined where none is. */
  readonly lagAtLeast: number | undefined;
  readonly groupLag: number | undefined;
  readonly groupLagAtLeast: number | undefined;
  readonly lost: number;
  /** Of the worst partition; undefined where one that lags is not known. */
  readonly behindMs: number | undefined;
  readonly inPerSecond: number | undefined;
  readonly outPerSecond: number | undefined;
  /** Of the slowest partition. */
  readonly etaSeconds: number | undefined;
  readonly verdict: Verdict;
  readonly severity: Severity;
  /** The partition whose verdict it is. */
  readonly worst: number | undefined;
}

export interface DeadLetterReport extends SideTopicSample {
  /** Growth over the window; undefined with one sample. */
  readonly perMinute: number | undefined;
}

export interface LagReport {
  readonly sample: LagSample;
  readonly partitions: readonly PartitionReport[];
  readonly total: LagTotal;
  readonly deadLetters: DeadLetterReport;
  readonly freshness: TableFreshness | undefined;
  /** Now minus the newest loaded `ts`; undefined: not known. */
  readonly freshnessMs: number | undefined;
  /** One sentence each: members without partitions, partitions without members, the warehouse not reached. */
  readonly warnings: readonly string[];
}

export interface AssessOptions {
  /** Lag up to this is none. */
  readonly allowedLag: number;
  /** Overrides the learned rhythm. */
  readonly stallAfterMs: number | undefined;
  /** How often the loader moves, as long as that is not learned: the batch timeout. */
  readonly expectedGapMs: number;
  /** Where a partition starts that neither ledger nor group knows. */
  readonly startFrom: 'earliest' | 'latest';
}

/** Of the last sample, by all of them. @throws {RangeError} without a sample */
export function assessLag(window: Pick<LagWindow, 'samples'>, options: AssessOptions): LagReport {
  const { samples } = window;
  const sample = samples.at(-1);
  if (sample === undefined) throw new RangeError('no sample to assess');
  const partitions = withHotness(sample.partitions.map((one) => assessPartition(one, samples, options)));
  const { freshness = undefined, readAtMs = sample.atMs } = sample.warehouse.kind === 'read' ? sample.warehouse : {};
  const newest = freshness?.newestTsMs;
  return {
    sample,
    partitions,
    total: totalOf(partitions),
    deadLetters: { ...sample.deadLetters, perMinute: growthPerMinute(samples) },
    freshness,
    // As of its reading: a table that is asked every 10 s has not aged by that.
    freshnessMs: newest === undefined ? undefined : Math.max(readAtMs - newest, 0),
    warnings: warningsOf(sample, partitions),
  };
}

function assessPartition(sample: PartitionSample, samples: readonly LagSample[], options: AssessOptions): PartitionReport {
  const points = pointsOf(samples, sample.partition);
  const rates = ratesOf(points);
  const judgement = judge(sample, { points, samples, rates }, options);
  const { start, end, position, committed } = sample;
  const lag = judgement.verdict === 'NEW' ? lagOfNew(sample, options) : lagOf(sample);
  const held = start === undefined || end === undefined ? 0 : Number(end - start);
  return {
    ...judgement,
    sample,
    severity: SEVERITIES[judgement.verdict],
    lag,
    groupLag: lagOf({ start, end, position: committed }),
    lost: start !== undefined && position !== undefined && position < start ? Number(start - position) : 0,
    inPerSecond: rates.inPerSecond,
    outPerSecond: rates.outPerSecond,
    etaSeconds: etaOf(lag, rates, judgement.verdict),
    retentionShare: lag === undefined || held <= 0 ? undefined : Math.min(lag / held, 1),
    hotness: undefined,
  };
}

function lagOfNew({ start, end }: PartitionSample, { startFrom }: AssessOptions): number | undefined {
  if (start === undefined || end === undefined) return undefined;
  return startFrom === 'earliest' ? Number(end - start) : 0;
}

/** Below this lag a time to drain is noise (klag's TIME_LAG_MIN_MESSAGES). */
const ETA_LAG_MIN = 100;
const ETA_BAND = 1;

/** Nothing moves: whatever it did before, at this rate it never drains. */
const STANDING: ReadonlySet<Verdict> = new Set(['STOP', 'STALL']);

function etaOf(lag: number | undefined, { trendPerSecond }: Rates, verdict: Verdict): number | undefined {
  if (lag === undefined || lag <= ETA_LAG_MIN) return undefined;
  if (STANDING.has(verdict)) return Number.POSITIVE_INFINITY;
  // A position that went back has no rate to go on from.
  if (trendPerSecond === undefined || verdict === 'REWIND') return undefined;
  return trendPerSecond < -ETA_BAND ? lag / -trendPerSecond : Number.POSITIVE_INFINITY;
}

const HOT_TIMES = 4;
const HOT_PARTITIONS_MIN = 3;

/** Keys are users, so records spread evenly: one partition far above the median means a bot, or a bad key. */
function withHotness(partitions: readonly PartitionReport[]): readonly PartitionReport[] {
  const rates = partitions.flatMap(({ inPerSecond }) => inPerSecond ?? []);
  const middle = median(rates) ?? 0;
  if (rates.length < HOT_PARTITIONS_MIN || middle <= 0) return partitions;
  return partitions.map((one) => {
    const times = (one.inPerSecond ?? 0) / middle;
    return times > HOT_TIMES ? { ...one, hotness: times } : one;
  });
}

const RANK: readonly Severity[] = ['ok', 'info', 'none', 'warn', 'error'];

function totalOf(partitions: readonly PartitionReport[]): LagTotal {
  let worst = partitions[0];
  for (const one of partitions) {
    const higher = RANK.indexOf(one.severity) - RANK.indexOf(worst?.severity ?? 'ok');
    if (higher > 0 || (higher === 0 && (one.lag ?? 0) > (worst?.lag ?? 0))) worst = one;
  }
  const lags = partitions.map(({ lag }) => lag);
  const groupLags = partitions.map(({ groupLag }) => groupLag);
  return {
    lag: wholeOf(lags),
    lagAtLeast: sumOf(lags),
    groupLag: wholeOf(groupLags),
    groupLagAtLeast: sumOf(groupLags),
    lost: partitions.reduce((sum, { lost }) => sum + lost, 0),
    behindMs: worstBehind(partitions),
    inPerSecond: sumOf(partitions.map(({ inPerSecond }) => inPerSecond)),
    outPerSecond: sumOf(partitions.map(({ outPerSecond }) => outPerSecond)),
    etaSeconds: slowestEta(partitions),
    verdict: worst?.verdict ?? 'UNKNOWN',
    severity: worst?.severity ?? 'none',
    worst: worst?.sample.partition,
  };
}

/** A part of it would pass for the whole. */
function wholeOf(values: readonly (number | undefined)[]): number | undefined {
  return values.includes(undefined) ? undefined : sumOf(values);
}

/** Of what is known; undefined where nothing is. */
function sumOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.flatMap((value) => value ?? []);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0);
}

function worstBehind(partitions: readonly PartitionReport[]): number | undefined {
  const ages = partitions.map(({ sample, lag }) => (lag === 0 ? 0 : sample.timeLag?.maxMs));
  // One that is not known may be the worst.
  if (ages.length === 0 || ages.includes(undefined)) return undefined;
  return Math.max(...ages.flatMap((age) => age ?? []));
}

function slowestEta(partitions: readonly PartitionReport[]): number | undefined {
  const etas = partitions.flatMap(({ etaSeconds }) => etaSeconds ?? []);
  return etas.length === 0 ? undefined : Math.max(...etas);
}

/** Long enough for single ones not to make a rate of their own, short enough to tell now from before. */
const GROWTH_MS = 120_000;

/** Over the last two minutes, or since the last look before them: a burst of an hour ago says nothing of now. */
function growthPerMinute(samples: readonly LagSample[]): number | undefined {
  const known = samples.filter(({ deadLetters }) => deadLetters.records !== undefined);
  const last = known.at(-1);
  if (last === undefined) return undefined;
  const first = known.findLast(({ elapsedMs }) => last.elapsedMs - elapsedMs >= GROWTH_MS) ?? known[0];
  if (first === undefined || last.elapsedMs <= first.elapsedMs) return undefined;
  const grown = (last.deadLetters.records ?? 0) - (first.deadLetters.records ?? 0);
  return (Math.max(grown, 0) * 60_000) / (last.elapsedMs - first.elapsedMs);
}

const RETENTION_SHARE_MAX = 0.75;

function warningsOf({ state, members, target, warehouse, gone }: LagSample, partitions: readonly PartitionReport[]): readonly string[] {
  const warnings: string[] = [];
  if (warehouse.kind === 'failed') warnings.push(`lag is by the group alone: ${warehouse.error.message}`);
  const unowned = partitions.filter(({ sample }) => sample.member === undefined).length;
  const idle = members.filter((member) => member.partitions.length === 0).length;
  if (members.length === 0) warnings.push(`the group ${target.group} is ${state}: it has no members`);
  else if (unowned > 0 && state === 'Stable') warnings.push(`${unowned} of ${partitions.length} partitions have no member`);
  if (gone.length > 0) {
    const names = gone.map((partition) => `p${partition}`).join(', ');
    warnings.push(`${names}: in the ledger, but not in the topic ${target.topic}: it was made anew with fewer partitions`);
  }
  const ahead = partitions.filter(({ sample }) => isCommittedAhead(sample));
  if (ahead.length > 0) warnings.push(`${namesOf(ahead)}: committed is ahead of the ledger, which lag counts from`);
  if (idle > 0 && state === 'Stable') warnings.push(`${idle} of ${members.length} members have no partition`);
  const near = partitions.filter(({ retentionShare, lag }) => (retentionShare ?? 0) >= RETENTION_SHARE_MAX && (lag ?? 0) > ETA_LAG_MIN);
  const expiring = near.filter(({ sample }) => (sample.start ?? 0n) > 0n);
  if (expiring.length > 0) {
    warnings.push(`${namesOf(expiring)}: most of what the log holds is not loaded, and it has begun to expire`);
  }
  return warnings;
}

function namesOf(partitions: readonly PartitionReport[]): string {
  return partitions.map(({ sample }) => `p${sample.partition}`).join(', ');
}

/** Not what has been committed since the ledger was read: that is where lag counts from then. */
function isCommittedAhead({ by, loaded, committed, position }: PartitionSample): boolean {
  return by === 'ledger' && loaded !== undefined && committed !== undefined && position === loaded && committed > loaded;
}
