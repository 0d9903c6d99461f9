// `gbx replay run | resume | status | cancel`: carries a plan out, or says how far it is.
import { kafkaConnection } from '../connections.ts';
import { EXIT, GbxError } from '../core/errors.ts';
import { parseShare } from '../core/replay/canary.ts';
import { findExpired } from '../core/replay/check-plan.ts';
import * as documents from '../core/replay/documents.ts';
import { type Progress, progressOf } from '../core/replay/journal.ts';
import type { Plan } from '../core/replay/plan.ts';
import type { RangeFound } from '../core/replay/range.ts';
import { type RunResult, runPlan } from '../core/replay/run.ts';
import { findStanding, judgeRows } from '../core/replay/select.ts';
import { findRunning, hostName, openReplayLock } from '../files/replay-lock.ts';
import { isCancelled, listPlans, lockOf, markCancelled, openJournal, readStoredPlan, type StoredPlan } from '../files/replay-plans.ts';
import { openProducer } from '../kafka/open-producer.ts';
import { createReplayWriter } from '../kafka/replay-copies.ts';
import type { CommandContext } from '../run-command.ts';
import * as report from '../ui/replay-report.ts';
import { answer, CLIENT, type Stack } from './open-stack.ts';

const WAIT_MS = 60_000;

interface Named {
  /** Id or path of a plan. */
  readonly name: string;
  /** Goes on where an earlier run ended. */
  readonly isResumed: boolean;
  /** What the plan was made of, where it is run at once. */
  readonly range?: RangeFound;
}

/** @returns 0 done, 1 some are not loaded, 124 the first ones were not in time. @throws {GbxError} */
export async function carryOut(context: CommandContext, stack: Stack, { name, isResumed, range }: Named): Promise<number> {
  const { config, options, clock } = context;
  if (!isResumed && options['execute'] !== true) return await rehearse(context, stack, await readStoredPlan(name, config.replayDir));
  const { path: lockedPath, plan: asked } = await readStoredPlan(name, config.replayDir);
  const holder = { planId: asked.id, nowMs: clock.now() };
  await using _folder = await openReplayLock(config.replayDir, holder);
  // Another folder of plans has another lock, and the journal lies beside the plan.
  await using _plan = await openReplayLock(lockOf(lockedPath), holder);
  // Only now nobody else writes the journal.
  const stored = await readStoredPlan(lockedPath, config.replayDir);
  const progress = progressOf(stored.journal, stored.plan);
  assertRunnable(stored, progress, { isResumed });
  const result = await execute(context, stack, { stored, progress });
  const { plan, path } = stored;
  answer(context, stack, {
    document: documents.runDocument(plan, result, range),
    text: () => report.formatRun(plan, path, { result, hasColor: context.stdout.hasColor === true }),
  });
  return EXITS[result.verdict];
}

const EXITS: Readonly<Record<RunResult['verdict'], number>> = {
  done: EXIT.done,
  sent: EXIT.done,
  // cli.ts gives the exit code of the signal instead.
  interrupted: EXIT.done,
  incomplete: EXIT.no,
  pending: EXIT.no,
  stopped: EXIT.no,
  cancelled: EXIT.no,
  'canary-timeout': EXIT.timeout,
};

async function execute(
  context: CommandContext,
  stack: Stack,
  { stored, progress }: { readonly stored: StoredPlan; readonly progress: Progress },
): Promise<RunResult> {
  const { config, options, clock, random, signal } = context;
  const { plan, path } = stored;
  const { logs, clusterId, table, reading } = stack;
  if (plan.targetTopic !== config.kafkaTopic) {
    throw new GbxError('GBX_USAGE', `Cannot run ${plan.id} into ${config.kafkaTopic}: it was made for ${plan.targetTopic}`, {
      hint: `give --topic ${plan.targetTopic}, or make a new plan`,
    });
  }
  const waitMs = typeof options['wait'] === 'number' ? options['wait'] : WAIT_MS;
  const canary = Number(options['canary']);
  if (table === undefined && (canary > 0 || waitMs > 0)) {
    throw new GbxError('GBX_USAGE', 'Cannot see whether what is sent is loaded, as no warehouse is configured', {
      hint: 'set DB_HOST and DB_USER, or send without looking: --canary 0 --wait 0',
    });
  }
  if (waitMs === 0 && canary > 0 && !progress.canaryPassed && progress.next < plan.entries.length) {
    throw new GbxError('GBX_USAGE', `Cannot see whether the first ${canary} are loaded without waiting for them`, {
      hint: 'send without looking: --canary 0 --wait 0, or give a time to wait',
    });
  }
  const refailMax = parseShare(String(options['maxRefail']), '--max-refail');
  await using producer = await openProducer(kafkaConnection(context, CLIENT), { topics: [plan.targetTopic] });
  await using journal = await openJournal(path);
  const order = { plan, progress, ratePerSecond: Number(options['rate']), canary, refailMax, waitMs, by: hostName() };
  return await runPlan(order, {
    ...{ logs, clusterId, table, clock, signal },
    write: createReplayWriter(producer, { topic: plan.targetTopic, clock, random }),
    append: journal.append,
    isCancelled: () => isCancelled(path),
    onProgress: reading.onProgress,
  });
}

function assertRunnable(stored: StoredPlan, progress: Progress, { isResumed }: Pick<Named, 'isResumed'>): void {
  assertNotOver(stored, progress);
  const { plan } = stored;
  if (!isResumed && progress.startedAtMs !== undefined)
    throw refused(plan, 'it was begun already', `go on with it: gbx replay resume ${plan.id}`);
}

function assertNotOver({ plan, path, isCancelled: cancelled }: StoredPlan, progress: Progress): void {
  if (cancelled) throw refused(plan, 'it was cancelled', `make a new plan: what is in the table is left out; or remove ${path}.cancel`);
  if (progress.ended !== undefined) throw refused(plan, 'it is done', 'make a new plan: gbx replay plan');
}

function refused({ id }: Plan, why: string, hint: string): GbxError {
  return new GbxError('GBX_USAGE', `Cannot run ${id} as ${why}`, { hint });
}

/** What run would do, without --execute. */
async function rehearse(context: CommandContext, stack: Stack, stored: StoredPlan): Promise<number> {
  const { plan, path } = stored;
  const progress = progressOf(stored.journal, plan);
  assertNotOver(stored, progress);
  const { next, startedAtMs } = progress;
  const gone = await findExpired(plan, next, stack);
  const lost = new Set(gone);
  const left = plan.entries.filter((_, index) => index >= next && !lost.has(index)).map(({ exposure }) => exposure);
  const rows = await findStanding(stack.table, left);
  const loaded = left.filter(
    (exposure) => !plan.resendsLoaded && judgeRows(exposure, rows.get(exposure.exposureId) ?? []) === 'loaded',
  ).length;
  const found = { left: plan.entries.length - next, gone, loaded, isBegun: startedAtMs !== undefined };
  answer(context, stack, {
    document: documents.rehearsalDocument(plan, found),
    text: () => report.formatRehearsal(plan, path, found),
  });
  return gone.length > 0 ? EXIT.no : EXIT.done;
}

/** @returns 1 where one of the plans cannot be read: the others are shown. @throws {GbxError} for one that was named */
export async function showStatus(context: CommandContext, name: string | undefined): Promise<number> {
  const { replayDir } = context.config;
  const runningId = (await findRunning(replayDir))?.planId;
  const statuses: documents.PlanStatus[] = [];
  const unreadable: documents.UnreadablePlan[] = [];
  for (const one of name === undefined ? await listPlans(replayDir) : [name]) {
    try {
      statuses.push(await statusOf(one, { replayDir, runningId }));
    } catch (error) {
      if (name !== undefined || !(error instanceof GbxError)) throw error;
      unreadable.push({ path: one, why: error.message });
    }
  }
  answer(context, undefined, {
    document: documents.statusDocument(statuses, unreadable),
    text: () => report.formatStatuses(statuses, unreadable, replayDir),
  });
  return unreadable.length > 0 ? EXIT.no : EXIT.done;
}

async function statusOf(
  name: string,
  { replayDir, runningId }: { readonly replayDir: string; readonly runningId: string | undefined },
): Promise<documents.PlanStatus> {
  const { path, plan, journal, isCancelled: cancelled } = await readStoredPlan(name, replayDir);
  const progress = progressOf(journal, plan);
  const isRunning = runningId === plan.id || (await findRunning(lockOf(path))) !== undefined;
  return { path, plan, progress, state: documents.stateOf(plan, progress, { isRunning, isCancelled: cancelled }) };
}

/** What is sent stays sent: a run that is under way ends within about a second, none begins any more. */
export async function cancel(context: CommandContext, name: string): Promise<number> {
  const { path, plan, journal } = await readStoredPlan(name, context.config.replayDir);
  const { ended, next } = progressOf(journal, plan);
  if (ended !== undefined) throw new GbxError('GBX_USAGE', `Cannot cancel ${plan.id} as it is done`, { hint: 'see it: gbx replay status' });
  await markCancelled(path);
  answer(context, undefined, {
    document: { schema: 'gbx.replay-cancel/1', id: plan.id, plan: path, done: next, selected: plan.entries.length },
    text: () => `- cancelled ${plan.id}: ${next} of ${plan.entries.length} were done, and stay done\n`,
  });
  return EXIT.done;
}
