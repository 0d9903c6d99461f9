// Which records are verified: `--from` and `--to` as a person types them, then as offsets of each partition.
import { GbxError } from '../errors.ts';
import { parseTimestamp } from '../exposure/timestamp.ts';
import type { LogRange, Stretch } from './ports.ts';

export type Place =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  /** Records accepted at or after this: milliseconds since the Unix epoch. */
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'offset'; readonly offset: bigint }
  /** Partitions that are not named are left out. */
  | { readonly kind: 'offsets'; readonly byPartition: ReadonlyMap<number, bigint> };

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** @param nowMs what a duration is counted back from. @throws {GbxError} GBX_USAGE */
export function parsePlace(text: string, { flag, nowMs }: { readonly flag: string; readonly nowMs: number }): Place {
  if (text === 'earliest' || text === 'latest') return { kind: text };
  if (/^\d{1,18}$/u.test(text)) return { kind: 'offset', offset: BigInt(text) };
  if (/^\d{1,5}:\d{1,18}(,\d{1,5}:\d{1,18})*$/u.test(text)) {
    const pairs = text.split(',').map((pair) => pair.split(':'));
    return { kind: 'offsets', byPartition: new Map(pairs.map(([partition, offset]) => [Number(partition), BigInt(offset ?? 0)])) };
  }
  const ago = /^(\d{1,9})([smhd])$/u.exec(text);
  if (ago) return { kind: 'time', ms: nowMs - Number(ago[1]) * (UNIT_MS[ago[2] ?? ''] ?? 0) };
  const micros = parseTimestamp(text);
  if (micros !== undefined) return { kind: 'time', ms: micros / 1000 };
  throw new GbxError('GBX_USAGE', `Cannot take ${flag} ${JSON.stringify(text)} for a place in the topic`, {
    hint: `give a time (2026-01-31T12:00:00Z), a time ago (90m, 6h, 2d), earliest, latest, an offset, or offsets by partition (0:1200,1:980)`,
  });
}

/** What is verified of one partition. */
export interface PartitionRange {
  readonly partition: number;
  /** Records that the ledger has passed: from inclusive, to exclusive. */
  readonly from: bigint;
  readonly to: bigint;
  /** Where the ledger stands; undefined where it has no row. */
  readonly ledger: bigint | undefined;
  readonly start: bigint;
  readonly end: bigint;
  /** Records of the range that the ledger has not passed. */
  readonly waiting: bigint;
  /** Records of the range that are gone from the log; at most, where it begins at a time before the log does. */
  readonly expired: bigint;
  /** Of these, those that the ledger has not passed: lost. */
  readonly expiredUnloaded: bigint;
}

interface RangeQuestion {
  readonly topic: string;
  readonly from: Place | undefined;
  readonly to: Place | undefined;
}

interface RangeFacts {
  readonly logs: readonly LogRange[];
  readonly ledger: ReadonlyMap<number, bigint>;
  readonly offsetsAt: (topic: string, timestampMs: number) => Promise<ReadonlyMap<number, bigint>>;
}

/**
 * @throws {GbxError} GBX_USAGE for a range that ends before it begins or a place that is not in the topic, GBX_TOPIC_CHANGED
 *   where the log ends before the ledger, or the ledger knows a partition that the topic has not
 */
export async function resolveRange(question: RangeQuestion, facts: RangeFacts): Promise<readonly PartitionRange[]> {
  const { topic, from, to } = question;
  if (from?.kind === 'time' && to?.kind === 'time' && from.ms > to.ms) throw endsBeforeItBegins();
  for (const place of [from, to]) assertInTopic(topic, place, facts.logs);
  for (const partition of facts.ledger.keys()) if (!facts.logs.some((log) => log.partition === partition)) throw shrunk(topic, partition);
  const fromTimes = from?.kind === 'time' ? await facts.offsetsAt(topic, from.ms) : undefined;
  const toTimes = to?.kind === 'time' ? await facts.offsetsAt(topic, to.ms) : undefined;
  const isNamed = (partition: number): boolean =>
    [from, to].every((place) => place?.kind !== 'offsets' || place.byPartition.has(partition));
  return facts.logs
    .filter(({ partition }) => isNamed(partition))
    .map((log) => {
      const ledger = facts.ledger.get(log.partition);
      if (ledger !== undefined && ledger > log.end) throw changed(topic, { ...log, ledger });
      const first = offsetOf(from, log, fromTimes) ?? 0n;
      // Without an end, all that the ledger has passed; what waits is counted to the end of the log.
      const last = offsetOf(to, log, toTimes);
      if (last !== undefined && from?.kind !== 'time' && to?.kind !== 'time' && first > last && first <= log.end)
        throw endsBeforeItBegins();
      const begin = clamp(first, log.start, log.end);
      const end = clamp(last ?? log.end, begin, log.end);
      const passed = ledger === undefined ? begin : clamp(ledger, begin, end);
      const gone = clamp(last ?? log.start, 0n, log.start);
      const lostFrom = max(ledger ?? 0n, first);
      return {
        ...{ partition: log.partition, from: begin, to: passed, ledger, start: log.start, end: log.end },
        waiting: end - passed,
        expired: gone > first ? gone - first : 0n,
        expiredUnloaded: ledger !== undefined && gone > lostFrom ? gone - lostFrom : 0n,
      };
    });
}

/** An empty range would be exact: a slip of the pen must not be. One offset for all partitions may lie beyond some of them. */
function assertInTopic(topic: string, place: Place | undefined, logs: readonly LogRange[]): void {
  if (place?.kind === 'offset' && logs.every(({ end }) => place.offset > end)) {
    const end = logs.reduce((last, log) => max(last, log.end), 0n);
    throw notThere(`Cannot verify ${topic} at offset ${place.offset} as its longest partition ends at ${end}`);
  }
  if (place?.kind !== 'offsets') return;
  for (const [partition, offset] of place.byPartition) {
    const log = logs.find((one) => one.partition === partition);
    if (log === undefined) throw notThere(`Cannot verify ${topic}/${partition} as it has no partition ${partition}`);
    if (offset > log.end) throw notThere(`Cannot verify ${topic}/${partition} at offset ${offset} as it ends at ${log.end}`);
  }
}

/** A time before the log's first record may be before records that have expired: then it counts from the beginning. */
function offsetOf(place: Place | undefined, log: LogRange, times: ReadonlyMap<number, bigint> | undefined): bigint | undefined {
  switch (place?.kind) {
    case undefined:
      return undefined;
    case 'earliest':
      return 0n;
    case 'latest':
      return log.end;
    case 'offset':
      return place.offset;
    case 'offsets':
      return place.byPartition.get(log.partition);
    case 'time': {
      const found = times?.get(log.partition) ?? log.end;
      return found <= log.start ? 0n : found;
    }
  }
}

export function stretchesOf(topic: string, ranges: readonly PartitionRange[]): readonly Stretch[] {
  return ranges.map(({ partition, from, to }) => ({ topic, partition, from, to })).filter(({ from, to }) => from < to);
}

export function countOffsets(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, { from, to }) => sum + Number(to - from), 0);
}

function clamp(value: bigint, low: bigint, high: bigint): bigint {
  return value < low ? low : value > high ? high : value;
}

function max(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

function endsBeforeItBegins(): GbxError {
  return new GbxError('GBX_USAGE', 'Cannot verify a range that ends before it begins', { hint: 'exchange --from and --to' });
}

function notThere(message: string): GbxError {
  return new GbxError('GBX_USAGE', message, { hint: 'see where each partition starts and ends: gbx lag --wide' });
}

function shrunk(topic: string, partition: number): GbxError {
  return new GbxError(
    'GBX_TOPIC_CHANGED',
    `Cannot verify ${topic} as the ledger knows ${topic}/${partition}, which the topic does not have: it is not the topic that was loaded`,
  );
}

function changed(topic: string, { partition, end, ledger }: LogRange & { readonly ledger: bigint }): GbxError {
  return new GbxError(
    'GBX_TOPIC_CHANGED',
    `Cannot verify ${topic}/${partition} as its log ends at ${end} and the ledger stands at ${ledger}: it is not the log that was loaded`,
  );
}
