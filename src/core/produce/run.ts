// The run of `gbx produce`: an open loop. Events fall due by their index; whatever is due is handed to the target in batches,
// a bounded number at a time, and each latency counts from when its event was due. Sources and targets are passed in.
import type { SendOutcome } from '../accept/ports.ts';
import type { Clock, Random } from '../clock.ts';
import { asGbxError, type ErrorCode, GbxError } from '../errors.ts';
import { type Delivery, deliver } from './deliver.ts';
import type { Attempt, Take } from './outgoing.ts';
import type { Schedule } from './schedule.ts';
import { createTally, type SettledBatch, type Tally } from './tally.ts';

export interface RunPlan {
  /** Undefined: as fast as the target takes them. */
  readonly schedule: Schedule | undefined;
  /** The first of the two ends the run; infinite where there is none. */
  readonly count: number;
  readonly durationMs: number;
  readonly warmupMs: number;
  readonly batchRecordsMax: number;
  readonly batchBytesMax: number;
  /** Batches on their way at one time. */
  readonly inFlightMax: number;
  /** How long a batch that fails is tried again; when nothing comes through for so long, the run ends. */
  readonly retryForMs: number;
}

export interface RunDeps {
  readonly take: Take;
  readonly attempt: Attempt;
  /** Told of every batch; the batch keeps its place until it resolves. */
  readonly onSettled: (batch: SettledBatch) => Promise<void>;
  /** What to call it when the target is gone. */
  readonly lostCode: ErrorCode;
  readonly clock: Clock;
  readonly random: Random;
  /** Nothing more is handed over once it aborts; what is on its way is waited for. */
  readonly signal: AbortSignal;
}

export interface RunResult {
  /** The target or the input failed: what was sent until then is in the books. */
  readonly problem: GbxError | undefined;
  readonly durationMs: number;
  /** What fell due after the warm-up, handed over or not; undefined without a schedule. */
  readonly asked: Asked | undefined;
}

export interface Asked {
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface ProduceRun {
  readonly tally: Tally;
  inFlight(): number;
  elapsedMs(): number;
  /** Never rejects for what target or input do. To be called once. */
  finish(): Promise<RunResult>;
}

/** Shorter waits would make batches of one and spend the time on timers. */
const TICK_MS = 4;

export function createRun(plan: RunPlan, deps: RunDeps): ProduceRun {
  const { clock, signal, take } = deps;
  const tally = createTally(plan.warmupMs);
  const window = createWindow(plan.inFlightMax);
  let startedMs = clock.elapsed();
  const elapsedMs = (): number => clock.elapsed() - startedMs;
  const pace = createPace(plan, { clock, signal, elapsedMs });
  const sender = createSender(plan, { ...deps, tally, elapsedMs });

  async function loop(): Promise<void> {
    /** When the target last had room again, after it had none, or the input was there again. */
    let readyMs = 0;
    let taken = 0;
    while (!signal.aborted && sender.problem() === undefined) {
      if (window.isFull()) {
        await window.untilFree();
        readyMs = elapsedMs();
        continue;
      }
      const due = await pace.untilDue(Math.min(plan.batchRecordsMax, plan.count - taken));
      const askedMs = elapsedMs();
      const taking = due === 0 ? [] : take({ recordsMax: due, bytesMax: plan.batchBytesMax });
      const items = await taking;
      if (items.length === 0) return;
      taken += items.length;
      const handedMs = elapsedMs();
      const duesMs = pace.takeDues(items.length);
      tally.handed(items);
      // What an input lets wait for is not this machine's delay, and what is made here is.
      const isMade = Array.isArray(taking);
      if (duesMs !== undefined) tally.slipped(duesMs, isMade ? handedMs : askedMs, readyMs);
      if (duesMs !== undefined && !isMade) tally.waitedForInput(askedMs, handedMs);
      if (!isMade) readyMs = handedMs;
      window.add(sender.send({ items, duesMs, handedMs }));
    }
  }

  return {
    tally,
    inFlight: window.size,
    elapsedMs,
    async finish() {
      startedMs = clock.elapsed();
      try {
        await loop();
      } catch (error) {
        sender.fail(error);
      }
      const stoppedMs = elapsedMs();
      await window.untilEmpty();
      return { problem: sender.problem(), durationMs: elapsedMs(), asked: pace.askedUntil(stoppedMs, plan.count - tally.counts.sent) };
    },
  };
}

interface Pace {
  /** Waits until something is due. @returns how many may go now, at least one; 0 when none will be any more, or the signal aborts */
  untilDue(wanted: number): Promise<number>;
  /** Of the next `count`; undefined without a schedule. */
  takeDues(count: number): readonly number[] | undefined;
  /** What fell due after the warm-up, also what found no room. @param countMax what may still be added */
  askedUntil(untilMs: number, countMax: number): Asked | undefined;
}

interface PaceDeps extends Pick<RunDeps, 'clock' | 'signal'> {
  readonly elapsedMs: () => number;
}

function createPace({ schedule, durationMs, warmupMs }: RunPlan, { clock, signal, elapsedMs }: PaceDeps): Pace {
  const dues: number[] = [];
  let asked: Asked | undefined;

  function pull(wanted: number, untilMs: number): void {
    for (let dueMs = schedule?.peek(); dueMs !== undefined && dueMs <= untilMs && dues.length < wanted; dueMs = schedule?.peek()) {
      if (dueMs >= warmupMs) asked = { count: (asked?.count ?? 0) + 1, firstMs: asked?.firstMs ?? dueMs, lastMs: dueMs };
      dues.push(dueMs);
      schedule?.advance();
    }
  }

  return {
    async untilDue(wanted) {
      if (wanted <= 0) return 0;
      if (schedule === undefined) return elapsedMs() < durationMs ? wanted : 0;
      while (!signal.aborted) {
        pull(wanted, Math.min(elapsedMs(), durationMs));
        const nextMs = schedule.peek();
        if (dues.length > 0 || nextMs === undefined || nextMs >= durationMs) return dues.length;
        await clock.sleep(Math.max(TICK_MS, nextMs - elapsedMs()), signal);
      }
      return 0;
    },
    takeDues: (count) => (schedule === undefined ? undefined : dues.splice(0, count)),
    askedUntil(untilMs, countMax) {
      pull(Math.max(0, countMax), Math.min(untilMs, durationMs));
      return asked;
    },
  };
}

type Handed = Pick<SettledBatch, 'items' | 'duesMs' | 'handedMs'>;

interface Sender {
  /** Never rejects. */
  send(batch: Handed): Promise<void>;
  /** Why the run cannot go on; undefined while it can. */
  problem(): GbxError | undefined;
  fail(error: unknown): void;
}

interface SenderDeps extends RunDeps {
  readonly tally: Tally;
  readonly elapsedMs: () => number;
}

function createSender({ retryForMs }: RunPlan, deps: SenderDeps): Sender {
  const { tally, elapsedMs, onSettled, lostCode, signal } = deps;
  let problem: GbxError | undefined;
  let lastOkMs = 0;

  async function settle(batch: Handed, { outcomes, retries }: Delivery): Promise<void> {
    const settled = { ...batch, settledMs: elapsedMs(), outcomes, retries };
    tally.settled(settled);
    await onSettled(settled);
  }

  /** A batch that failed for as long as it may, while no other came through either. */
  function lookForLoss({ handedMs }: Handed, outcomes: readonly SendOutcome[]): void {
    if (outcomes.some(({ kind }) => kind === 'acked' || kind === 'refused')) lastOkMs = elapsedMs();
    const failure = outcomes.find((outcome) => outcome.kind === 'not-sent' || outcome.kind === 'unknown');
    if (failure === undefined || signal.aborted || lastOkMs > handedMs) return;
    problem ??=
      failure.code === 'GBX_KAFKA_AUTH'
        ? new GbxError('GBX_KAFKA_AUTH', failure.reason)
        : new GbxError(lostCode, `Nothing came through for ${Math.round(retryForMs / 1000)} s: ${failure.reason}`);
  }

  return {
    problem: () => problem,
    fail: (error) => {
      problem ??= asGbxError(error);
    },
    async send(batch) {
      try {
        const delivery = await deliver(batch.items, { ...deps, retryForMs });
        lookForLoss(batch, delivery.outcomes);
        await settle(batch, delivery);
      } catch (error) {
        problem ??= asGbxError(error);
        const { message: reason } = asGbxError(error);
        await settle(batch, { outcomes: batch.items.map(() => ({ kind: 'unknown', reason })), retries: 0 }).catch(() => undefined);
      }
    },
  };
}

interface Window {
  isFull(): boolean;
  size(): number;
  add(work: Promise<void>): void;
  untilFree(): Promise<void>;
  untilEmpty(): Promise<void>;
}

/** @param sizeMax works at one time; none may reject */
function createWindow(sizeMax: number): Window {
  const works = new Set<Promise<void>>();
  return {
    isFull: () => works.size >= sizeMax,
    size: () => works.size,
    add(work) {
      const watched: Promise<void> = work.finally(() => works.delete(watched));
      works.add(watched);
    },
    untilFree: async () => void (await Promise.race(works)),
    untilEmpty: async () => void (await Promise.all(works)),
  };
}
