// What `gbx replay` answers with --json: one document an action, each with its schema (docs/replay.md).

import { formatOrigin } from '../exposure/origin.ts';
import { isoOf } from './edit.ts';
import type { Progress } from './journal.ts';
import type { Letter } from './letter.ts';
import type { Plan } from './plan.ts';
import type { RangeFound } from './range.ts';
import type { RunResult } from './run.ts';
import type { LetterStats } from './stats.ts';

type Document = Readonly<Record<string, unknown>>;

/** A letter in a list: nothing of what a user did. */
export interface ListedLetter {
  readonly letter: Letter;
  readonly experimentId: string | undefined;
}

export function listDocument(
  topic: string,
  shown: readonly ListedLetter[],
  { letters, matching }: { letters: number; matching: number },
): Document {
  return {
    schema: 'gbx.replay-list/1',
    ...{ topic, letters, matching },
    shown: shown.map(({ letter, experimentId = null }) => ({
      place: `${letter.partition}/${letter.offset}`,
      failedAt: isoOf(letter.failedAtMs),
      code: letter.code,
      stage: letter.stage,
      experimentId,
      origin: formatOrigin(letter.origin),
      from: letter.dialect,
      retryCount: letter.retryCount,
      replayCount: letter.replayCount,
    })),
  };
}

export function statsDocument(topic: string, stats: LetterStats): Document {
  return {
    schema: 'gbx.replay-stats/1',
    topic,
    letters: stats.letters,
    distinct: stats.distinct,
    oldest: stats.oldestMs === undefined ? null : isoOf(stats.oldestMs),
    newest: stats.newestMs === undefined ? null : isoOf(stats.newestMs),
    byCode: Object.fromEntries(stats.byCode),
    byExperiment: Object.fromEntries(stats.byExperiment),
    byHour: Object.fromEntries(stats.byHour),
    byPartition: Object.fromEntries(stats.byPartition),
    byReplayCount: Object.fromEntries(stats.byReplayCount),
    byDialect: Object.fromEntries(stats.byDialect),
  };
}

export interface PlanFacts {
  /** Where it was written to; undefined where there was nothing to write. */
  readonly path: string | undefined;
  readonly beyondLimit: number;
  /** Whether the table was asked what is in it already. */
  readonly tableAsked: boolean;
  readonly range: RangeFound | undefined;
}

export function planDocument(plan: Plan, { path, beyondLimit, tableAsked, range }: PlanFacts): Document {
  return {
    schema: 'gbx.replay-plan/1',
    ...planHead(plan),
    plan: path ?? null,
    selected: plan.entries.length,
    records: plan.records,
    duplicates: plan.duplicates,
    skipped: plan.skipped,
    beyondLimit,
    tableAsked,
    codes: plan.codes,
    range: range === undefined ? null : rangeFacts(range),
  };
}

function rangeFacts({
  ranges,
  records,
  exposures,
  duplicates,
  invalid,
  loaded,
  missing,
  deadLetters,
  idReused,
  waiting,
  expired,
  expiredUnloaded,
}: RangeFound): Document {
  return {
    ...{ records, exposures, duplicates, invalid, loaded, missing, deadLetters, idReused, waiting, expired, expiredUnloaded },
    partitions: ranges.map(({ partition, from, to }) => ({ partition, from: Number(from), to: Number(to) })),
  };
}

function planHead({ id, kind, createdAtMs, sourceTopic, targetTopic, filter, hash }: Plan): Document {
  return { id, kind, createdAt: isoOf(createdAtMs), sourceTopic, targetTopic, filter, hash };
}

/** Places of entries, for what is gone or not taken. */
export function placesOf(plan: Plan, indexes: readonly number[]): readonly string[] {
  return indexes.flatMap((index) => {
    const entry = plan.entries[index];
    return entry === undefined ? [] : [`${entry.partition}/${entry.offset}`];
  });
}

/** @param range where the plan was made of one, and run at once */
export function runDocument(plan: Plan, { verdict, why, progress, outcome }: RunResult, range?: RangeFound): Document {
  return {
    schema: 'gbx.replay-run/1',
    ...planHead(plan),
    verdict,
    why: why ?? null,
    selected: plan.entries.length,
    done: progress.next,
    sent: progress.sent,
    loadedBefore: progress.loadedBefore,
    ...{ loaded: outcome.loaded, failedAgain: outcome.failedAgain, pending: outcome.pending, failedAgainCodes: outcome.codes },
    gone: placesOf(plan, progress.gone),
    tooLarge: placesOf(plan, progress.tooLarge),
    refused: placesOf(plan, progress.refused),
    ...(range === undefined ? {} : { skipped: plan.skipped, range: rangeFacts(range) }),
  };
}

/** What `run` without --execute finds. */
export interface Rehearsal {
  readonly left: number;
  readonly gone: readonly number[];
  readonly loaded: number;
  /** By an earlier run: it is to be resumed. */
  readonly isBegun: boolean;
}

export function rehearsalDocument(plan: Plan, { left, gone, loaded }: Rehearsal): Document {
  return {
    schema: 'gbx.replay-run/1',
    ...planHead(plan),
    verdict: 'not_executed',
    selected: plan.entries.length,
    left,
    gone: placesOf(plan, gone),
    loaded,
  };
}

/** sent: all are, and nobody has seen yet what became of each. */
export type PlanState = 'planned' | 'running' | 'interrupted' | 'stopped' | 'sent' | 'done' | 'cancelled';

export function stateOf(
  { entries }: Pick<Plan, 'entries'>,
  progress: Progress,
  { isRunning, isCancelled }: { readonly isRunning: boolean; readonly isCancelled: boolean },
): PlanState {
  if (isRunning) return 'running';
  if (progress.ended !== undefined) return 'done';
  if (isCancelled) return 'cancelled';
  if (progress.stopped !== undefined) return 'stopped';
  if (progress.startedAtMs === undefined) return 'planned';
  return progress.next < entries.length ? 'interrupted' : 'sent';
}

export interface PlanStatus {
  readonly path: string;
  readonly plan: Plan;
  readonly progress: Progress;
  readonly state: PlanState;
}

/** Torn, or beside a journal that is not its own. */
export interface UnreadablePlan {
  readonly path: string;
  readonly why: string;
}

export function statusDocument(statuses: readonly PlanStatus[], unreadable: readonly UnreadablePlan[]): Document {
  return {
    schema: 'gbx.replay-status/1',
    unreadable: unreadable.map(({ path, why }) => ({ plan: path, why })),
    plans: statuses.map(({ path, plan, progress, state }) => ({
      ...planHead(plan),
      plan: path,
      state,
      selected: plan.entries.length,
      done: progress.next,
      sent: progress.sent,
      loadedBefore: progress.loadedBefore,
      gone: progress.gone.length,
      tooLarge: progress.tooLarge.length,
      refused: progress.refused.length,
      startedAt: progress.startedAtMs === undefined ? null : isoOf(progress.startedAtMs),
      by: progress.by ?? null,
      stopped: progress.stopped ?? null,
      loaded: progress.ended?.loaded ?? null,
      failedAgain: progress.ended?.failedAgain ?? null,
    })),
  };
}
