// Carries a plan out: reads its records, writes their copies at a rate, journals each batch behind its acknowledgement, watches
// what becomes of them. One loop; stops by itself when they fail again, and goes on by the journal after whatever ended it.
import type { Clock } from '../clock.ts';
import { GbxError } from '../errors.ts';
import { judgeCanary } from './canary.ts';
import { findExpired } from './check-plan.ts';
import { replayCopy } from './copy.ts';
import { formatJournalLine, type JournalEntry, type Progress, step } from './journal.ts';
import { createOutcomes, type Outcomes, type Tally } from './outcomes.ts';
import type { Plan, PlanEntry } from './plan.ts';
import type { AppendJournal, ReplayCopy, ReplayLogs, ReplayTable, WriteReplayCopies } from './ports.ts';
import { readEntries, type Taken } from './read-entries.ts';
import { findStanding, judgeRows } from './select.ts';

export interface RunOrder {
  readonly plan: Plan;
  /** What an earlier run has done. */
  readonly progress: Progress;
  readonly ratePerSecond: number;
  /** So many first, then none until they are in the table; 0: none. */
  readonly canary: number;
  /** Share of those sent that may fail again, 0 to 1. */
  readonly refailMax: number;
  /** How long is waited for the canaries, and at the end for all; 0: not at all. */
  readonly waitMs: number;
  /** Who runs it, for the journal. */
  readonly by: string;
}

export interface RunDeps {
  readonly logs: ReplayLogs;
  readonly clusterId: string;
  readonly table: ReplayTable | undefined;
  readonly write: WriteReplayCopies;
  readonly append: AppendJournal;
  readonly isCancelled: () => Promise<boolean>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (step: string, done: number, of: number) => void;
}

export interface RunResult {
  readonly verdict:
    | 'done'
    /** All were sent; some failed again, were gone, or not taken by the topic. */
    | 'incomplete'
    /** All were sent, and nobody wanted to wait for what becomes of them. */
    | 'sent'
    /** All were sent; some are neither loaded nor dead again yet. */
    | 'pending'
    /** By itself, as too many failed again. */
    | 'stopped'
    /** The canaries were neither loaded nor dead again in time. */
    | 'canary-timeout'
    | 'cancelled'
    | 'interrupted';
  readonly why: string | undefined;
  readonly progress: Progress;
  readonly outcome: Tally;
}

const BATCH_MAX = 500;
const LOOK_EVERY_MS = 1_000;
const LOOK_EVERY_MS_MAX = 5_000;

interface Run {
  readonly order: RunOrder;
  readonly deps: RunDeps;
  /** Of those sent by this run: by them it is judged. */
  readonly outcomes: Outcomes;
  /** Of those that were sent before, or were in the table already: looked at in the end. */
  readonly earlier: Outcomes;
  progress: Progress;
  /** In the table before this run sent anything. */
  readonly isStanding: (entry: PlanEntry) => boolean;
  sentNow: number;
  lookedMs: number;
}

type Ended = Pick<RunResult, 'verdict' | 'why'>;

/** @throws {GbxError} GBX_TOPIC_CHANGED, GBX_TOPIC_MISSING, GBX_SEND_UNKNOWN and what the servers make it throw; it can be resumed */
export async function runPlan(order: RunOrder, deps: RunDeps): Promise<RunResult> {
  const { plan, progress } = order;
  await findExpired(plan, progress.next, deps);
  const rows = await findStanding(
    deps.table,
    plan.entries.slice(progress.next).map(({ exposure }) => exposure),
  );
  const isStanding = ({ exposure }: PlanEntry): boolean =>
    !plan.resendsLoaded && judgeRows(exposure, rows.get(exposure.exposureId) ?? []) === 'loaded';
  const [outcomes, earlier] = [createOutcomes(plan, deps), createOutcomes(plan, deps)];
  const run: Run = { order, deps, outcomes, earlier, progress, isStanding, sentNow: 0, lookedMs: deps.clock.elapsed() };
  const { gone, tooLarge, refused, next } = progress;
  const absent = new Set([...gone, ...tooLarge, ...refused]);
  earlier.add(plan.entries.slice(0, next).filter((_, index) => !absent.has(index)));
  await note(run, { kind: 'started', plan: plan.hash, atMs: deps.clock.now(), by: order.by });
  const ended = (await sendAll(run)) ?? (await settle(run));
  if (ended.verdict === 'stopped' || ended.verdict === 'canary-timeout' || ended.verdict === 'cancelled')
    await note(run, { kind: 'stopped', why: ended.why ?? ended.verdict, atMs: deps.clock.now() });
  return { ...ended, progress: run.progress, outcome: sum(earlier.tally(), outcomes.tally()) };
}

async function note(run: Run, entry: JournalEntry): Promise<void> {
  await run.deps.append(formatJournalLine(entry));
  run.progress = step(run.progress, entry);
}

/** @returns why it ended before its end; undefined when all are sent */
async function sendAll(run: Run): Promise<Ended | undefined> {
  const { order, deps } = run;
  const { plan, ratePerSecond, canary } = order;
  const startedMs = deps.clock.elapsed();
  let batch: Taken[] = [];
  let canaryLeft = run.progress.canaryPassed || canary === 0 ? Number.POSITIVE_INFINITY : canary;
  const sizeMax = (): number => Math.min(BATCH_MAX, Math.max(1, Math.floor(ratePerSecond / 2)), canaryLeft);
  for await (const taken of readEntries(plan, run.progress.next, deps)) {
    batch.push(taken);
    if (batch.length < sizeMax() && taken.index + 1 < plan.entries.length) continue;
    const sent = await sendBatch(run, batch);
    canaryLeft -= sent;
    batch = [];
    const isCanary = canaryLeft === 0;
    if (isCanary) canaryLeft = Number.POSITIVE_INFINITY;
    const ended = isCanary ? await awaitCanary(run) : await look(run);
    if (ended !== undefined) return ended;
    await deps.clock.sleep(startedMs + (run.sentNow / ratePerSecond) * 1000 - deps.clock.elapsed(), deps.signal);
    if (deps.signal.aborted) break;
  }
  return run.progress.next < plan.entries.length ? { verdict: 'interrupted', why: undefined } : undefined;
}

/** @returns how many were sent */
async function sendBatch(run: Run, batch: readonly Taken[]): Promise<number> {
  const { deps, order, outcomes } = run;
  const gone: number[] = [];
  const untaken: number[] = [];
  let areTooLarge = true;
  const standing: PlanEntry[] = [];
  const copies = new Map<ReplayCopy, { readonly index: number; readonly entry: PlanEntry }>();
  for (const { index, entry, record } of batch) {
    if (record === undefined) gone.push(index);
    else if (run.isStanding(entry)) standing.push(entry);
    else copies.set(replayCopy(record, entry, order.plan.id), { index, entry });
  }
  const written: PlanEntry[] = [];
  const missing = new Map(copies);
  try {
    await deps.write(
      [...copies.keys()],
      (copy) => {
        const one = copies.get(copy);
        missing.delete(copy);
        if (one !== undefined) written.push(one.entry);
      },
      // What is under way is finished, so that the journal tells of it.
    );
  } catch (error) {
    if (!(error instanceof GbxError) || !(error.code === 'GBX_RECORD_TOO_LARGE' || error.code === 'GBX_RECORD_REFUSED')) throw error;
    for (const { index } of missing.values()) untaken.push(index);
    areTooLarge = error.code === 'GBX_RECORD_TOO_LARGE';
  }
  const from = run.progress.next;
  const why = areTooLarge ? { tooLarge: untaken } : { tooLarge: [], refused: untaken };
  await note(run, { kind: 'sent', from, to: from + batch.length, gone, ...why, loaded: standing.length });
  outcomes.add(written);
  run.earlier.add(standing);
  run.sentNow += written.length;
  deps.onProgress('replaying', run.progress.next, order.plan.entries.length);
  return written.length;
}

/** Between batches, about once a second. */
async function look(run: Run): Promise<Ended | undefined> {
  const { deps, outcomes, order } = run;
  if (deps.clock.elapsed() - run.lookedMs < LOOK_EVERY_MS) return undefined;
  run.lookedMs = deps.clock.elapsed();
  if (await deps.isCancelled()) return { verdict: 'cancelled', why: undefined };
  const verdict = judgeCanary(await outcomes.look({ lettersOnly: true }), order.refailMax);
  return verdict.kind === 'failed' ? { verdict: 'stopped', why: verdict.why } : undefined;
}

async function awaitCanary(run: Run): Promise<Ended | undefined> {
  const { deps, order, outcomes } = run;
  const startedMs = deps.clock.elapsed();
  for (;;) {
    const verdict = judgeCanary(await outcomes.look(), order.refailMax);
    if (verdict.kind === 'failed') return { verdict: 'stopped', why: verdict.why };
    if (verdict.kind === 'passed') {
      await note(run, { kind: 'canary', upTo: run.progress.next });
      return undefined;
    }
    const { pending, sent, loaded } = outcomes.tally();
    if (await deps.isCancelled()) return { verdict: 'cancelled', why: undefined };
    if (deps.clock.elapsed() - startedMs >= order.waitMs)
      return {
        verdict: 'canary-timeout',
        why: `${pending} of the first ${sent} are not in the table after ${Math.round(order.waitMs / 1000)} s`,
      };
    deps.onProgress('waiting for the first ones', loaded, sent);
    await deps.clock.sleep(LOOK_EVERY_MS, deps.signal);
    if (deps.signal.aborted) return { verdict: 'interrupted', why: undefined };
  }
}

/** All are sent: waits until each is in the table or dead again. */
async function settle(run: Run): Promise<Ended> {
  const { deps, order, outcomes, earlier } = run;
  const startedMs = deps.clock.elapsed();
  let everyMs = LOOK_EVERY_MS;
  for (;;) {
    const { pending, loaded, failedAgain, sent } = sum(await earlier.look(), await outcomes.look());
    const isOver = deps.clock.elapsed() - startedMs >= order.waitMs;
    if (pending === 0 || isOver || deps.signal.aborted) {
      const { gone, tooLarge, refused } = run.progress;
      const isLess = failedAgain + gone.length + tooLarge.length + refused.length > 0;
      if (pending > 0) return { verdict: unsettled(run, isLess), why: undefined };
      await note(run, { kind: 'ended', atMs: deps.clock.now(), loaded, failedAgain });
      return { verdict: isLess ? 'incomplete' : 'done', why: undefined };
    }
    deps.onProgress('waiting until they are loaded', loaded + failedAgain, sent);
    await deps.clock.sleep(everyMs, deps.signal);
    everyMs = Math.min(LOOK_EVERY_MS_MAX, everyMs * 1.5);
  }
}

function unsettled({ deps, order }: Run, isLess: boolean): RunResult['verdict'] {
  if (deps.signal.aborted) return 'interrupted';
  if (order.waitMs > 0) return 'pending';
  return isLess ? 'incomplete' : 'sent';
}

function sum(one: Tally, other: Tally): Tally {
  const codes = { ...one.codes };
  for (const [code, count] of Object.entries(other.codes)) codes[code] = (codes[code] ?? 0) + count;
  return {
    sent: one.sent + other.sent,
    loaded: one.loaded + other.loaded,
    failedAgain: one.failedAgain + other.failedAgain,
    pending: one.pending + other.pending,
    codes,
  };
}
