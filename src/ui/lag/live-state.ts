// What the live view knows: the reports as they come, what has changed between them, and where the person looks. Pure: every
// step makes a new state from the old one. gaze.ts has what keys do to it; view-model.ts draws it.
import type { LagReport } from '../../core/lag/assess.ts';
import type { SortKey } from '../../core/lag/choose.ts';
import { formatDuration } from '../../core/lag/format-duration.ts';
import { counted, formatTotal, formatWhole } from '../../core/lag/format-table.ts';
import type { Verdict } from '../../core/lag/verdict.ts';
import { groupChanges, type LiveEvent, type VerdictChange, verdictChanges } from './live-changes.ts';

/** One look, as charts and sparklines need it. */
export interface HistoryPoint {
  readonly atMs: number;
  readonly lag: number | undefined;
  readonly partitions: ReadonlyMap<number, PartitionPoint>;
}

interface PartitionPoint {
  readonly lag: number | undefined;
  readonly inPerSecond: number | undefined;
  readonly outPerSecond: number | undefined;
}

export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** What a frame shows: the newest look, or that at which it was paused. */
export interface Shown {
  readonly report: LagReport;
  /** The look before, for arrows. */
  readonly before: LagReport | undefined;
  readonly history: readonly HistoryPoint[];
  /** Limits that are broken, one sentence each. */
  readonly breaches: readonly string[];
}

/** Where the person looks; changed by keys only. */
export interface Gaze {
  readonly page: 'table' | 'partition';
  readonly isHelp: boolean;
  /** First line of the help that is in sight, where not all is. @default 0 */
  readonly helpTop?: number;
  readonly selected: number;
  readonly sort: SortKey;
  readonly isReversed: boolean;
  readonly onlyLagging: boolean;
  readonly isDelta: boolean;
  readonly filter: string;
  readonly isTyping: boolean;
  readonly intervalMs: number;
}

export interface LiveState {
  readonly now: Shown;
  readonly first: LagReport;
  readonly frozen: { readonly shown: Shown; readonly sinceMs: number } | undefined;
  readonly gaze: Gaze;
  readonly allowedLag: number;
  /** Newest last. */
  readonly events: readonly LiveEvent[];
  readonly changes: readonly VerdictChange[];
  /** The last verdict of each partition that was one. */
  readonly verdicts: ReadonlyMap<number, Verdict>;
  /** Monotonic, as `sinceMs`: when the last look came back. */
  readonly goodAtMs: number;
  readonly failure: Failure | undefined;
  readonly tally: Tally;
}

/** For the summary at the end. */
interface Tally {
  readonly looks: number;
  readonly failures: number;
  readonly changes: number;
  readonly lagMin: number | undefined;
  readonly lagMax: number | undefined;
  readonly behindMsMax: number | undefined;
}

export interface Look {
  readonly report: LagReport;
  readonly breaches: readonly string[];
  /** Monotonic. */
  readonly elapsedMs: number;
}

/** As many columns as the widest chart can have. */
const HISTORY_MAX = 300;
const EVENTS_MAX = 100;
const CHANGES_MAX = 1_000;

export function startState({ report, breaches, elapsedMs }: Look, gaze: Gaze, allowedLag: number): LiveState {
  const empty: LiveState = {
    now: { report, before: undefined, history: [], breaches },
    first: report,
    frozen: undefined,
    gaze,
    allowedLag,
    events: [],
    changes: [],
    verdicts: new Map(),
    goodAtMs: elapsedMs,
    failure: undefined,
    tally: { looks: 0, failures: 0, changes: 0, lagMin: undefined, lagMax: undefined, behindMsMax: undefined },
  };
  return withReport(
    { ...empty, gaze: { ...gaze, selected: report.partitions[0]?.sample.partition ?? 0 } },
    { report, breaches, elapsedMs },
  );
}

export function withReport(state: LiveState, { report, breaches, elapsedMs }: Look): LiveState {
  const before = state.tally.looks === 0 ? undefined : state.now.report;
  const found = verdictChanges(report, state.verdicts);
  const isBack = state.failure !== undefined;
  const back = `answers again after ${formatDuration(elapsedMs - state.goodAtMs)}`;
  const events: LiveEvent[] = [
    ...state.events,
    ...(isBack ? [{ atMs: report.sample.atMs, text: back, role: 'ok' as const }] : []),
    ...(before === undefined ? [] : groupChanges(before, report)),
    ...found.events,
  ];
  return {
    ...state,
    now: { report, before, history: [...state.now.history, pointOf(report)].slice(-HISTORY_MAX), breaches },
    events: events.slice(-EVENTS_MAX),
    changes: [...state.changes, ...found.changes].slice(-CHANGES_MAX),
    verdicts: found.verdicts,
    goodAtMs: elapsedMs,
    failure: undefined,
    tally: tallied(state.tally, report, found.changes.length),
  };
}

export function withFailure(state: LiveState, failure: Failure, atMs: number): LiveState {
  const isNew = state.failure?.message !== failure.message;
  const events: readonly LiveEvent[] = isNew ? [...state.events, { atMs, text: failure.message, role: 'error' }] : state.events;
  const tally = { ...state.tally, failures: state.tally.failures + 1 };
  return { ...state, failure, events: events.slice(-EVENTS_MAX), tally };
}

/** Of the program itself, as a warning that would else have gone to the log. */
export function withEvent(state: LiveState, event: LiveEvent): LiveState {
  // A broker that is away is complained about with each try.
  if (state.events.some(({ text }) => text === event.text)) return state;
  return { ...state, events: [...state.events, event].slice(-EVENTS_MAX) };
}

/** How old what is shown is, when that is too old; after two looks that should have come by then. */
export function staleMs(state: LiveState, elapsedMs: number): number | undefined {
  const ageMs = elapsedMs - state.goodAtMs;
  const allowedMs = 2 * state.gaze.intervalMs + 2_000;
  return state.failure !== undefined || ageMs > allowedMs ? ageMs : undefined;
}

/** Three lines for the normal screen, which keeps nothing of the other one. */
export function formatSummary(state: LiveState, elapsedMs: number): string {
  const { first, now, tally, failure, goodAtMs, changes } = state;
  const { group, topic } = first.sample.target;
  const watched = formatDuration(elapsedMs - first.sample.elapsedMs);
  const stale = failure === undefined ? '' : `; stale ${formatDuration(elapsedMs - goodAtMs)}: ${failure.message}`;
  const failed = tally.failures === 0 ? '' : `, ${tally.failures} failed`;
  const behind = tally.behindMsMax === undefined ? '' : `, behind ${formatDuration(tally.behindMsMax)} at most`;
  const last = changes.slice(-3).map(({ atMs, partition, from, to }) => `${clock(atMs)} p${partition} ${from ?? '?'} → ${to}`);
  return [
    `gbx lag ${group} ${topic}: watched ${watched}, ${counted(tally.looks, 'look')}${failed}${stale}`,
    `lag ${totalLag(first)} → ${totalLag(now.report)}, min ${formatWhole(tally.lagMin)}, max ${formatWhole(tally.lagMax)}${behind}`,
    `${counted(tally.changes, 'verdict change')}${last.length === 0 ? '' : `, the last: ${last.join(', ')}`}`,
    '',
  ].join('\n');
}

function totalLag({ total }: LagReport): string {
  return formatTotal(total.lag, total.lagAtLeast);
}

/** `HH:MM:SS`, UTC as everywhere else. */
export function clock(atMs: number): string {
  return new Date(atMs).toISOString().slice(11, 19);
}

function pointOf({ sample, total, partitions }: LagReport): HistoryPoint {
  const points = partitions.map(({ sample: { partition }, lag, inPerSecond, outPerSecond }) => {
    return [partition, { lag, inPerSecond, outPerSecond }] as const;
  });
  return { atMs: sample.atMs, lag: total.lag, partitions: new Map(points) };
}

function tallied({ looks, failures, changes, lagMin, lagMax, behindMsMax }: Tally, { total }: LagReport, more: number): Tally {
  const { lag, behindMs } = total;
  return {
    looks: looks + 1,
    failures,
    changes: changes + more,
    lagMin: lag === undefined ? lagMin : Math.min(lagMin ?? lag, lag),
    lagMax: lag === undefined ? lagMax : Math.max(lagMax ?? lag, lag),
    behindMsMax: behindMs === undefined ? behindMsMax : Math.max(behindMsMax ?? 0, behindMs),
  };
}
