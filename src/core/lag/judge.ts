// The verdict on one partition: the rules of docs/lag.md in their order, the first that holds. Pure.
import { formatDuration } from './format-duration.ts';
import type { LagSample, PartitionSample } from './sample.ts';
import type { Judgement, Severity, Verdict } from './verdict.ts';
import { gapOf, lagOf, type Point, type Rates } from './window.ts';

export interface JudgeOptions {
  readonly allowedLag: number;
  readonly stallAfterMs: number | undefined;
  readonly expectedGapMs: number;
  readonly startFrom: 'earliest' | 'latest';
}

export interface Evidence {
  /** Oldest first; the last is the one that is judged. */
  readonly points: readonly Point[];
  readonly samples: readonly LagSample[];
  readonly rates: Rates;
}

export const SEVERITIES: Readonly<Record<Verdict, Severity>> = {
  LOST: 'error',
  AHEAD: 'error',
  NEW: 'info',
  OK: 'ok',
  REWIND: 'error',
  STOP: 'error',
  STALL: 'error',
  REBAL: 'warn',
  WARN: 'warn',
  DRAIN: 'ok',
  ERROR: 'error',
  UNKNOWN: 'none',
};

const POLLS = 10;
const WINDOW_MS_MIN = 20_000;
const REBALANCE_MS_MAX = 60_000;
/** Records per second; a slope below it is none. */
const DEAD_BAND = 1;
const REBALANCING = new Set(['PreparingRebalance', 'CompletingRebalance', 'Assigning', 'Reconciling']);
const WITHOUT_MEMBERS = new Set(['Empty', 'Dead']);

/** How long a partition with lag may stand still: three of its own gaps between moves, 20 s at least. */
export function stallAfterMs(points: readonly Point[], { stallAfterMs: given, expectedGapMs }: JudgeOptions): number {
  return given ?? Math.max(WINDOW_MS_MIN, 3 * (gapOf(points) ?? expectedGapMs));
}

export function judge(sample: PartitionSample, evidence: Evidence, options: JudgeOptions): Judgement {
  const { position, start, end, error } = sample;
  if (error !== undefined || start === undefined || end === undefined) {
    return verdict('ERROR', `the broker does not say where its log starts and ends: ${error ?? 'no answer'}`);
  }
  if (position === undefined) return judgeNew({ start, end }, options);
  if (position < start) {
    return verdict('LOST', `${start - position} records expired unread: the log starts at ${start}, loaded is up to ${position}`);
  }
  if (position > end) return judgeAhead(sample, evidence);
  const { points } = evidence;
  const lag = lagOf(sample) ?? 0;
  return (
    judgeCaughtUp(lag, points, options) ??
    judgeRewind(points) ??
    judgeStandstill(sample, evidence, options) ??
    judgeRebalance(evidence.samples) ??
    judgeSlope(lag, evidence, options)
  );
}

function verdict(name: Verdict, because: string): Judgement {
  return { verdict: name, because };
}

function judgeNew({ start, end }: { readonly start: bigint; readonly end: bigint }, { startFrom }: JudgeOptions): Judgement {
  const lag = startFrom === 'earliest' ? end - start : 0n;
  return verdict('NEW', `neither ledger nor group has an offset: it would start at the ${startFrom} record, ${lag} to load`);
}

function judgeAhead(sample: PartitionSample, { samples }: Evidence): Judgement {
  const before = samples.at(-2)?.partitions.find(({ partition }) => partition === sample.partition);
  const wasAhead = before?.position !== undefined && before.end !== undefined && before.position > before.end;
  const what = `${sample.by} stands at ${sample.position}, beyond the log's end at ${sample.end}`;
  if (wasAhead) return verdict('AHEAD', `${what}, on two polls in a row: the topic was made anew, or its log was cut`);
  return verdict('UNKNOWN', `${what}: a second poll decides whether it stays so`);
}

function judgeCaughtUp(lag: number, points: readonly Point[], { allowedLag }: JudgeOptions): Judgement | undefined {
  if (lag <= allowedLag) return verdict('OK', `lag ${lag} is no more than the ${allowedLag} allowed`);
  const window = windowOf(points);
  const caughtUpAt = window.findLastIndex((point) => point.lag <= allowedLag);
  const hasMoved = caughtUpAt >= 0 && window.slice(caughtUpAt + 1).some((point) => point.hasMoved);
  return hasMoved ? verdict('OK', `it was down to ${window[caughtUpAt]?.lag} within the last polls, and has moved since`) : undefined;
}

/** The last 10 polls, or as many as 20 s take. */
function windowOf(points: readonly Point[]): readonly Point[] {
  const now = points.at(-1)?.elapsedMs ?? 0;
  const from = points.findIndex(({ elapsedMs }) => now - elapsedMs <= WINDOW_MS_MIN);
  return points.slice(Math.max(0, Math.min(Math.max(from, 0), points.length - POLLS)));
}

function judgeRewind(points: readonly Point[]): Judgement | undefined {
  const window = windowOf(points);
  const last = window.at(-1);
  if (last === undefined) return undefined;
  for (const [index, point] of window.entries()) {
    const before = window[index - 1];
    if (before === undefined || point.position >= before.position) continue;
    const regained = window.slice(index).some(({ position }) => position >= before.position);
    if (!regained) return verdict('REWIND', `it went back from ${before.position} to ${point.position} and is now at ${last.position}`);
  }
  return undefined;
}

/**
 * STOP and STALL: it has lag and has not moved for `stallAfter`. Seen by polls; or, in a single sample, told by the ledger:
 * its row was written that long ago and the first record behind it has waited that long too.
 */
function judgeStandstill(sample: PartitionSample, { points, samples }: Evidence, options: JudgeOptions): Judgement | undefined {
  const still = standstillOf(sample, points, { samples, options });
  const limitMs = stallAfterMs(points, options);
  if (still === undefined || still.forMs < limitMs) return undefined;
  const state = samples.at(-1)?.state ?? '';
  const since = `it has lag and has not moved for ${formatDuration(still.forMs)}, more than ${formatDuration(limitMs)}${still.told}`;
  if (WITHOUT_MEMBERS.has(state)) return verdict('STOP', `${since}; the group is ${state}: nothing loads it`);
  if (state !== 'Stable') return undefined;
  if (sample.member === undefined) return verdict('STOP', `${since}; no member of the group has it`);
  return verdict('STALL', `${since}; ${sample.member.clientId} at ${sample.member.host} has it`);
}

interface Standstill {
  readonly forMs: number;
  readonly told: string;
}

interface StandstillContext {
  readonly samples: readonly LagSample[];
  readonly options: JudgeOptions;
}

function standstillOf(
  { by, loadedAtMs, timeLag }: PartitionSample,
  points: readonly Point[],
  { samples, options }: StandstillContext,
): Standstill | undefined {
  const last = points.at(-1);
  if (last === undefined) return undefined;
  let since = last;
  for (const point of points.toReversed()) {
    if (point.position !== last.position || point.lag <= options.allowedLag) break;
    since = point;
  }
  const seenMs = last.elapsedMs - since.elapsedMs;
  const nowMs = samples.at(-1)?.atMs ?? last.atMs;
  if (by !== 'ledger' || loadedAtMs === undefined || timeLag === undefined) return { forMs: seenMs, told: '' };
  const toldMs = Math.min(nowMs - loadedAtMs, timeLag.minMs);
  return toldMs > seenMs ? { forMs: toldMs, told: ', by the ledger’s time and the age of the first record' } : { forMs: seenMs, told: '' };
}

function judgeRebalance(samples: readonly LagSample[]): Judgement | undefined {
  const last = samples.at(-1);
  if (last === undefined || !REBALANCING.has(last.state)) return undefined;
  let since = last;
  for (const sample of samples.toReversed()) {
    if (!REBALANCING.has(sample.state)) break;
    since = sample;
  }
  const forMs = last.elapsedMs - since.elapsedMs;
  if (forMs <= REBALANCE_MS_MAX) return undefined;
  return verdict('REBAL', `the group is in ${last.state} for ${formatDuration(forMs)}: nothing is loaded meanwhile`);
}

function judgeSlope(lag: number, { points, rates: { slope, inPerSecond } }: Evidence, options: JudgeOptions): Judgement {
  if (slope === undefined) return judgeUndecided(lag, points, options);
  // The lag is seen at random moments of a saw as high as one gap: so much of a slope is chance.
  const band = Math.max(DEAD_BAND, (3 * (inPerSecond ?? 0)) / slope.points ** 1.5);
  const rate = `${slope.perSecond.toFixed(1)} records/s over ${slope.points} moves`;
  if (slope.perSecond > band) return verdict('WARN', `the lag grows by ${rate}, more than ${band.toFixed(1)}`);
  if (slope.perSecond < -band) return verdict('DRAIN', `the lag shrinks: ${rate}`);
  return verdict('OK', `the lag of ${lag} neither grows nor shrinks: ${rate}, no more than ${band.toFixed(1)}`);
}

function judgeUndecided(lag: number, points: readonly Point[], options: JudgeOptions): Judgement {
  if (points.length < 2) return verdict('UNKNOWN', `lag ${lag} in one sample: take more with --sample 5s, or --watch`);
  const moves = points.filter(({ hasMoved }) => hasMoved).length;
  const seenMs = (points.at(-1)?.elapsedMs ?? 0) - (points[0]?.elapsedMs ?? 0);
  const limit = formatDuration(stallAfterMs(points, options));
  return verdict(
    'UNKNOWN',
    `lag ${lag}, and ${moves} moves in ${formatDuration(seenMs)}: three tell whether it grows, ${limit} without one that it stands still`,
  );
}
