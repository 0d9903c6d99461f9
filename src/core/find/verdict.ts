// What became of an exposure, from all that was seen of it: one word for programs, one sentence for people. The order of the
// rules is that of docs/delivery.md: a row wins over everything, what is still on its way over a dead letter.
import { formatDuration } from '../lag/format-duration.ts';
import { HOLD_MS_MAX } from '../load/hold.ts';
import type { SeenRecord, SpooledRecord, Trail } from './trails.ts';

export type State =
  | 'loaded'
  | 'loaded_again'
  | 'doubled'
  | 'waiting'
  | 'held'
  | 'dead_letter'
  | 'in_topic'
  | 'in_spool'
  | 'refused_by_kafka'
  | 'missing'
  | 'not_found';

export interface Verdict {
  readonly state: State;
  readonly sentence: string;
}

/** How far a topic is loaded: by the ledger where the warehouse tells, else by what the group has committed. */
export interface Progress {
  readonly by: 'ledger' | 'group';
  readonly nextOffsets: ReadonlyMap<number, bigint>;
}

export interface VerdictFacts {
  /** By topic; none where nobody knows. */
  readonly progress: ReadonlyMap<string, Progress>;
  readonly nowMs: number;
  readonly isTableSeen: boolean;
  readonly areLettersSeen: boolean;
}

/** Where a record stands to what is loaded. */
export interface Standing {
  readonly kind: 'passed' | 'waiting' | 'unknown';
  readonly by: 'ledger' | 'group' | undefined;
  /** Offsets between what is loaded and this one. */
  readonly before: bigint;
}

/** Rows of an id that lie within it are one exposure; beyond it the id was sent again (docs/delivery.md). */
const HORIZON_MICROS = 24 * 3_600_000_000;

/** The states that nobody wants. */
export function isBad(state: State): boolean {
  return state === 'doubled' || state === 'missing' || state === 'not_found';
}

/** What another part that could not be asked might tell better. */
export function isInconclusive(state: State): boolean {
  return state === 'missing' || state === 'not_found';
}

export function standingOf({ topic, partition, offset }: SeenRecord, { progress }: VerdictFacts): Standing {
  const known = progress.get(topic);
  const next = known?.nextOffsets.get(partition);
  if (known === undefined || next === undefined) return { kind: 'unknown', by: known?.by, before: 0n };
  return { kind: offset < next ? 'passed' : 'waiting', by: known.by, before: offset < next ? 0n : offset - next };
}

export function judge(trail: Trail, facts: VerdictFacts): Verdict {
  return (
    judgeRows(trail) ??
    judgeWaiting(trail, facts) ??
    judgeLetters(trail) ??
    judgeRecords(trail, facts) ??
    judgeSpool(trail.spool, facts.nowMs) ?? { state: 'not_found', sentence: 'not found in anything that was looked at' }
  );
}

function judgeRows({ rows }: Trail): Verdict | undefined {
  const times = rows.map(({ tsMicros }) => tsMicros).sort((one, other) => one - other);
  if (times.length === 0) return undefined;
  if (times.length === 1) return { state: 'loaded', sentence: 'loaded once' };
  const isDoubled = times.some((micros, at) => at > 0 && micros - (times[at - 1] ?? 0) <= HORIZON_MICROS);
  if (isDoubled) return { state: 'doubled', sentence: `doubled: ${times.length} rows in the table` };
  return { state: 'loaded_again', sentence: `loaded ${times.length} times, each more than 24 hours from the next: it was sent again` };
}

/** The copy that is loaded first. */
function judgeWaiting({ records }: Trail, facts: VerdictFacts): Verdict | undefined {
  const waiting = records
    .map((record) => ({ record, standing: standingOf(record, facts), waitMs: waitMs(record, facts.nowMs) }))
    .filter(({ standing }) => standing.kind === 'waiting')
    .sort((one, other) => one.waitMs - other.waitMs || Number(one.standing.before - other.standing.before));
  const [first] = waiting;
  if (first === undefined) return undefined;
  const { record, standing } = first;
  const what = record.retryCount > 0 ? ` for retry ${record.retryCount}` : '';
  const why = record.failure === undefined ? '' : `, after ${record.failure.code}`;
  const heldMs = holdMs(record, facts.nowMs);
  if (heldMs > 0) {
    const until = new Date(facts.nowMs + heldMs).toISOString();
    return { state: 'held', sentence: `held${what} until ${until}, for ${formatDuration(heldMs)} more${why}` };
  }
  const end = record.invalid === undefined ? '' : `; it is not valid (${record.invalid.code}) and will be a dead letter`;
  return { state: 'waiting', sentence: `waiting${what} to be loaded, ${queue(standing.before)}${why}${end}` };
}

/** What can be no exposure comes last: nothing is loaded of it. */
function waitMs(record: SeenRecord, nowMs: number): number {
  return record.invalid === undefined ? holdMs(record, nowMs) : HOLD_MS_MAX + 1;
}

function queue(before: bigint): string {
  if (before === 0n) return 'next in its partition';
  return `about ${Number(before).toLocaleString('en')} ${before === 1n ? 'record' : 'records'} before it`;
}

/** However far ahead a record asks to wait, no consumer waits longer than its cap. */
export function holdMs({ notBeforeMs = 0 }: Pick<SeenRecord, 'notBeforeMs'>, nowMs: number): number {
  return Math.max(0, Math.min(notBeforeMs - nowMs, HOLD_MS_MAX));
}

function judgeLetters({ letters }: Trail): Verdict | undefined {
  const last = letters.at(-1);
  if (last === undefined) return undefined;
  const { code, message } = last.failure ?? last.invalid ?? { code: 'without a reason', message: '' };
  return { state: 'dead_letter', sentence: `dead letter: ${code}${message === '' ? '' : ` (${message})`}` };
}

/** Passed or not known, no row and no dead letter. */
function judgeRecords({ records }: Trail, facts: VerdictFacts): Verdict | undefined {
  const [first] = records;
  if (first === undefined) return undefined;
  const isPassed = records.some((record) => standingOf(record, facts).kind === 'passed');
  if (!isPassed) return { state: 'in_topic', sentence: 'in the topic; how far that is loaded is not known' };
  const by = records.map((record) => standingOf(record, facts)).find(({ kind }) => kind === 'passed')?.by;
  const who = by === 'ledger' ? 'the ledger' : 'the consumer group';
  if (!facts.isTableSeen) return { state: 'in_topic', sentence: `in the topic, and ${who} has passed it; the table was not looked at` };
  const letters = facts.areLettersSeen ? ', nor among the dead letters' : '; the dead letters could not be looked at';
  return { state: 'missing', sentence: `missing: ${who} has passed it, and it is not in the table${letters}` };
}

function judgeSpool(spool: readonly SpooledRecord[], nowMs: number): Verdict | undefined {
  const [waiting] = spool.filter(({ refusedReason }) => refusedReason === undefined);
  if (waiting !== undefined) {
    const age = Number.isFinite(waiting.acceptedMs) ? ` for ${formatDuration(Math.max(0, nowMs - waiting.acceptedMs))}` : '';
    return { state: 'in_spool', sentence: `in the spool of this machine${age}: serve sends it as soon as Kafka takes it` };
  }
  const [refused] = spool;
  if (refused === undefined) return undefined;
  return { state: 'refused_by_kafka', sentence: `refused by Kafka and set aside in the spool: ${refused.refusedReason}` };
}
