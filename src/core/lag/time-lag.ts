// How old is the first record that is not loaded? Found in the broker's own time index, which answers "the first record
// stamped T or later": before a position stands such a record exactly where something up to there is as young as T. So the
// question is bisected, all partitions in the same request, guessing along the line between the nearest two answers.
// Nothing is remembered between runs, nothing extrapolated; what cannot be told stays undefined.
import type { LagSource, TimeAnswer } from './sample.ts';

/** The age lies between the two: the same number where it is exact. */
export interface TimeLag {
  readonly minMs: number;
  readonly maxMs: number;
}

export interface TimeTarget {
  readonly topic: string;
  readonly partition: number;
  /** The record whose age is wanted, or the first behind it where it is gone. */
  readonly offset: bigint;
  readonly end: bigint;
}

/** What was found, by topic, partition and offset: a stamp only changes when the position does. */
export type TimeLagMemory = Map<string, { readonly offset: bigint; readonly stamp: Stamp }>;

/** When the record was stamped: between the two, `from` included. */
interface Stamp {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface TimeLagOptions {
  readonly source: Pick<LagSource, 'findByTime'>;
  readonly nowMs: number;
  readonly memory: TimeLagMemory;
  /** An age that the answer will be held against: it comes out above or below, never both. */
  readonly limitMs: number | undefined;
}

interface Anchor {
  readonly offset: bigint;
  readonly timestampMs: number;
}

interface Search {
  readonly target: TimeTarget;
  /** Stamped at or after this: the answer stood at or before the position. */
  low: Anchor | undefined;
  /** Stamped before this. */
  highMs: number | undefined;
  /** The nearest known record behind the position. */
  high: Anchor | undefined;
  probeMs: number;
  outcome: Stamp | 'unknown' | undefined;
  width: number;
}

/** 20 requests a broker are the limit for everything; offsets, group and connection take eight. */
const ROUNDS_MAX = 10;
const FIRST_PROBE_MS = 60_000;
/** Younger than this is as good as now. */
const FRESH_MS = 1_000;
/** Bounds this close, as a share of the age, are told apart no further. */
const CLOSE = 0.05;
/** Clocks of producers differ; a stamp further ahead than this hides the age of all that follows. */
const FUTURE_MS_MAX = 60_000;

/**
 * By index of the targets. Each is the age of the youngest record up to the position, the position's own included: in a log
 * whose stamps grow, the age of that record.
 */
export async function readTimeLags(
  targets: readonly TimeTarget[],
  { source, nowMs, memory, limitMs }: TimeLagOptions,
): Promise<readonly (TimeLag | undefined)[]> {
  const searches = targets.map((target) => beginSearch(target, { nowMs, memory, limitMs }));
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const open = searches.filter(({ outcome }) => outcome === undefined);
    if (open.length === 0) break;
    const asks = open.map(({ target: { topic, partition }, probeMs }) => ({ topic, partition, sinceMs: probeMs }));
    const answers = await source.findByTime(asks);
    for (const [index, search] of open.entries()) step(search, answers[index], nowMs);
  }
  for (const { target, outcome } of searches) {
    const key = keyOf(target);
    if (outcome === undefined || outcome === 'unknown') memory.delete(key);
    else memory.set(key, { offset: target.offset, stamp: outcome });
  }
  return searches.map((search) => ageOf(search, nowMs));
}

function beginSearch(target: TimeTarget, { nowMs, memory, limitMs }: Omit<TimeLagOptions, 'source'>): Search {
  const known = memory.get(keyOf(target));
  const probeMs = firstProbe(target, { nowMs, known, limitMs });
  const isKnown = known?.offset === target.offset && (limitMs === undefined || !straddles(known.stamp, nowMs - limitMs));
  const outcome = isKnown ? known.stamp : undefined;
  return { target, low: undefined, highMs: undefined, high: undefined, probeMs, outcome, width: Number.POSITIVE_INFINITY };
}

function straddles({ fromMs, toMs }: Stamp, atMs: number): boolean {
  return fromMs < atMs && toMs >= atMs;
}

interface ProbeContext {
  readonly nowMs: number;
  readonly known: { readonly offset: bigint; readonly stamp: Stamp } | undefined;
  readonly limitMs: number | undefined;
}

function firstProbe(target: TimeTarget, { nowMs, known, limitMs }: ProbeContext): number {
  if (limitMs !== undefined) return nowMs - limitMs;
  // Where the position has moved on from what is known, its stamp is a little younger.
  return known === undefined || known.offset > target.offset ? nowMs - FIRST_PROBE_MS : known.stamp.toMs;
}

function keyOf({ topic, partition }: TimeTarget): string {
  return `${partition} ${topic}`;
}

function step(search: Search, answer: TimeAnswer | 'none' | undefined, nowMs: number): void {
  const { target, probeMs } = search;
  if (answer === undefined) {
    search.outcome = 'unknown';
    return;
  }
  if (answer === 'none' || answer.offset > target.offset) {
    search.highMs = probeMs;
    search.high = answer === 'none' ? search.high : answer;
  } else if (answer.timestampMs > nowMs + FUTURE_MS_MAX) {
    search.outcome = 'unknown';
    return;
  } else if (answer.offset === target.offset) {
    search.outcome = { fromMs: answer.timestampMs, toMs: answer.timestampMs };
    return;
  } else {
    search.low = answer;
  }
  search.outcome = closeEnough(search, nowMs);
  if (search.outcome === undefined) search.probeMs = nextProbe(search, nowMs);
}

function closeEnough({ low, highMs }: Search, nowMs: number): Stamp | undefined {
  if (low === undefined) return undefined;
  // As young as now, and the probe at `nowMs` has told of nothing further ahead than clocks may differ.
  if (low.timestampMs >= nowMs) return { fromMs: low.timestampMs, toMs: low.timestampMs };
  if (highMs === undefined) return undefined;
  const isClose = highMs - low.timestampMs <= Math.max(CLOSE * (nowMs - highMs), 1) || low.timestampMs >= nowMs - FRESH_MS;
  return isClose ? { fromMs: low.timestampMs, toMs: Math.max(highMs - 1, low.timestampMs) } : undefined;
}

function nextProbe(search: Search, nowMs: number): number {
  const { low, highMs, target } = search;
  // First the ends: is anything up to the position younger than now; and how old is the log itself.
  if (highMs === undefined) return nowMs;
  if (low === undefined) return 0;
  const width = highMs - low.timestampMs;
  const shrank = width <= search.width / 2;
  search.width = width;
  const high = search.high ?? { offset: target.end, timestampMs: Math.max(highMs, nowMs) };
  const middle = geometricMiddle({ fromMs: low.timestampMs, toMs: highMs }, nowMs);
  if (!shrank || high.offset <= low.offset) return middle;
  const share = (Number(target.offset - low.offset) - 0.5) / Number(high.offset - low.offset);
  const guess = Math.ceil(low.timestampMs + share * (high.timestampMs - low.timestampMs));
  return Math.min(Math.max(guess, low.timestampMs + 1), highMs - 1);
}

/** Half way by the logarithm of the age, for what is to be known is the age to so many per cent. */
function geometricMiddle({ fromMs, toMs }: Stamp, nowMs: number): number {
  const youngest = Math.max(nowMs - toMs, FRESH_MS / 2);
  const oldest = Math.max(nowMs - fromMs, youngest);
  const middle = Math.round(nowMs - Math.sqrt(youngest * oldest));
  return Math.min(Math.max(middle, fromMs + 1), toMs - 1);
}

function ageOf({ outcome, low, highMs }: Search, nowMs: number): TimeLag | undefined {
  if (outcome === 'unknown') return undefined;
  const stamp = outcome ?? (low === undefined || highMs === undefined ? undefined : { fromMs: low.timestampMs, toMs: highMs - 1 });
  if (stamp === undefined) return undefined;
  return { minMs: Math.max(nowMs - stamp.toMs, 0), maxMs: Math.max(nowMs - stamp.fromMs, 0) };
}
