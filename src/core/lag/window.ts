// The samples of the last minutes, oldest first, and what they tell of one partition: how often it moves, how fast records
// come in and go out. One owner, the polling loop.
import type { LagSample, PartitionSample } from './sample.ts';

export interface LagWindow {
  add(sample: LagSample): void;
  /** Oldest first. */
  readonly samples: readonly LagSample[];
  readonly last: LagSample | undefined;
}

const SAMPLES_MAX = 300;
/** So many of the latest stay as they came; of those before, each second one goes when it gets too many. */
const DENSE = 150;

export function createLagWindow(): LagWindow {
  const samples: LagSample[] = [];
  return {
    samples,
    get last() {
      return samples.at(-1);
    },
    add(sample) {
      samples.push(sample);
      if (samples.length <= SAMPLES_MAX) return;
      const sparse = samples.splice(0, samples.length - DENSE).filter((_, index) => index % 2 === 0);
      samples.unshift(...sparse);
    },
  };
}

/** One partition in one sample, with numbers to compute with. */
export interface Point {
  readonly atMs: number;
  /** Monotonic. */
  readonly elapsedMs: number;
  readonly position: number;
  readonly end: number;
  readonly lag: number;
  /** The position differs from the sample before. */
  readonly hasMoved: boolean;
}

/** Oldest first; samples where position or end are not known, or that count from elsewhere than the last, are left out. */
export function pointsOf(samples: readonly LagSample[], partition: number): readonly Point[] {
  const points: Point[] = [];
  const by = find(samples.at(-1), partition)?.by;
  for (const sample of samples) {
    const found = find(sample, partition);
    if (found?.position === undefined || found.end === undefined || found.by !== by) continue;
    const before = points.at(-1);
    const position = Number(found.position);
    const { atMs, elapsedMs } = sample;
    const lag = lagOf(found) ?? 0;
    points.push({ atMs, elapsedMs, position, end: Number(found.end), lag, hasMoved: before !== undefined && before.position !== position });
  }
  return points;
}

function find(sample: LagSample | undefined, partition: number): PartitionSample | undefined {
  const at = sample?.partitions[partition];
  return at?.partition === partition ? at : sample?.partitions.find((one) => one.partition === partition);
}

/** Records from `position` to the end that still stand in the log. Undefined: not known, as of a position beyond the end. */
export function lagOf({ start, end, position }: Pick<PartitionSample, 'start' | 'end' | 'position'>): number | undefined {
  if (end === undefined || start === undefined || position === undefined || position > end) return undefined;
  const from = readableFrom(position, start);
  return end > from ? Number(end - from) : 0;
}

/** What comes next: behind the position, as far as it still stands in the log. */
export function readableFrom(position: bigint, start: bigint): bigint {
  if (position < start) return start;
  return position;
}

/**
 * Median time between two moves; undefined where fewer than two were seen. What was seen of old is thinned, which makes gaps
 * longer than they were: it counts only for who has stood still ever since.
 */
export function gapOf(points: readonly Point[]): number | undefined {
  return medianGap(points.slice(-DENSE)) ?? medianGap(points);
}

function medianGap(points: readonly Point[]): number | undefined {
  const moves = points.filter(({ hasMoved }) => hasMoved);
  return median(moves.slice(1).map(({ elapsedMs }, index) => elapsedMs - (moves[index]?.elapsedMs ?? elapsedMs)));
}

export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

/** Least squares: how `value` grows in a second. Undefined with fewer than two points, or all at one time. */
export function slopePerSecond(points: readonly Point[], value: (point: Point) => number): number | undefined {
  const n = points.length;
  const [first] = points;
  if (first === undefined || n < 2) return undefined;
  // Counted from the first: offsets are large, and their squares too large.
  const xs = points.map(({ elapsedMs }) => (elapsedMs - first.elapsedMs) / 1000);
  const ys = points.map((point) => value(point) - value(first));
  const meanX = xs.reduce((sum, x) => sum + x, 0) / n;
  const meanY = ys.reduce((sum, y) => sum + y, 0) / n;
  const spread = xs.reduce((sum, x) => sum + (x - meanX) ** 2, 0);
  if (spread === 0) return undefined;
  return xs.reduce((sum, x, index) => sum + (x - meanX) * ((ys[index] ?? 0) - meanY), 0) / spread;
}

const POINTS_MAX = 20;
/** So many usual gaps without a move are a standstill, not the time between two flushes. */
const GAPS_STANDING = 2;

export interface Rates {
  readonly inPerSecond: number | undefined;
  readonly outPerSecond: number | undefined;
  /** Of the lag, and how many points it rests on; undefined with fewer than three. */
  readonly slope: { readonly perSecond: number; readonly points: number } | undefined;
  /** The same with a present standstill counted in, which makes a lag that shrank grow: what a time to drain rests on. */
  readonly trendPerSecond: number | undefined;
}

/**
 * A loader moves once a batch, so its lag is a saw: it is compared tooth by tooth, at the samples right behind a move. With
 * fewer than three moves seen, there is no telling whether it grows. Who has stopped moves no more: then the time since counts.
 */
export function ratesOf(points: readonly Point[]): Rates {
  const latest = points.slice(-POINTS_MAX);
  const moves = points.filter(({ hasMoved }) => hasMoved).slice(-POINTS_MAX);
  const isRhythmic = moves.length >= 3;
  const sinceMove = [...moves, ...standstillOf(points, moves)];
  const perSecond = isRhythmic ? slopePerSecond(moves, ({ lag }) => lag) : undefined;
  const out = slopePerSecond(isRhythmic ? sinceMove : latest, ({ position }) => position);
  const came = slopePerSecond(latest, ({ end }) => end);
  return {
    inPerSecond: came === undefined ? undefined : Math.max(came, 0),
    outPerSecond: out === undefined ? undefined : Math.max(out, 0),
    slope: perSecond === undefined ? undefined : { perSecond, points: moves.length },
    trendPerSecond: isRhythmic ? slopePerSecond(sinceMove, ({ lag }) => lag) : undefined,
  };
}

/** The last point, where the last move is longer ago than the rhythm explains. */
function standstillOf(points: readonly Point[], moves: readonly Point[]): readonly Point[] {
  const [last, lastMove, gapMs] = [points.at(-1), moves.at(-1), gapOf(points)];
  if (last === undefined || lastMove === undefined || gapMs === undefined) return [];
  return last.elapsedMs - lastMove.elapsedMs > GAPS_STANDING * gapMs ? [last] : [];
}
