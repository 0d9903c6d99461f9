// The loops around one poll: a few samples for rates, `--wait` until limits are kept, `--watch` until a signal. One poll is
// under way at a time, the next begins a pause after the last has ended.
import { type Clock, LATE, withinTime } from '../clock.ts';
import { asGbxError, type ErrorCode, type GbxError } from '../errors.ts';
import { type AssessOptions, assessLag, type LagReport } from './assess.ts';
import type { LagSample } from './sample.ts';
import type { LagWindow } from './window.ts';

export interface PollDeps {
  /** Takes one sample; read-sample.ts. */
  readonly poll: () => Promise<LagSample>;
  readonly window: LagWindow;
  readonly assess: AssessOptions;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const SAMPLE_PAUSE_MS = 500;
const SAMPLES_MAX = 21;
const SECOND_LOOK_MS = 300;

/**
 * One sample, or as many as `sampleMs` has room for, half a second apart; a second one also where a position lies beyond the
 * end of its log, which only a second look can tell from a leader that is behind.
 */
export async function takeReport(
  { poll, window, assess, clock, signal }: PollDeps,
  { sampleMs }: { readonly sampleMs: number },
): Promise<LagReport> {
  window.add(await poll());
  const more = sampleMs <= 0 ? 0 : Math.min(Math.max(Math.ceil(sampleMs / SAMPLE_PAUSE_MS), 2), SAMPLES_MAX - 1);
  const startedMs = clock.elapsed();
  for (let nth = 1; nth <= more && !signal.aborted; nth++) {
    await clock.sleep(startedMs + (sampleMs * nth) / more - clock.elapsed(), signal);
    window.add(await poll());
  }
  const isAhead =
    window.last?.partitions.some(({ position, end }) => position !== undefined && end !== undefined && position > end) === true;
  if (more === 0 && isAhead && !signal.aborted) {
    await clock.sleep(SECOND_LOOK_MS, signal);
    window.add(await poll());
  }
  return assessLag(window, assess);
}

export interface WaitOptions {
  readonly timeoutMs: number;
  /** How long it must hold without a break. */
  readonly stableForMs: number;
  readonly intervalMs: number;
  /** Whether this is what is waited for. @throws {GbxError} where that is not known: counts as not yet */
  readonly isReached: (report: LagReport) => boolean;
}

export interface WaitOutcome {
  readonly kind: 'reached' | 'timeout' | 'interrupted';
  /** The last; undefined where there was none. */
  readonly report: LagReport | undefined;
  /** What the last poll ended with, where it failed. */
  readonly failure: GbxError | undefined;
}

/** What may come right while it is waited for: the consumer, its group or the topic may be on their way. */
const MAY_COME: ReadonlySet<ErrorCode> = new Set(['GBX_GROUP_MISSING', 'GBX_TOPIC_MISSING', 'GBX_LAG_UNKNOWN']);

/** Ends when the time is over, also in the middle of a poll. @throws {GbxError} at once what waiting does not mend */
export async function runLagWait(deps: PollDeps, options: WaitOptions): Promise<WaitOutcome> {
  const { poll, window, assess, clock, signal } = deps;
  const endMs = clock.elapsed() + options.timeoutMs;
  const leftMs = (): number => endMs - clock.elapsed();
  let since: number | undefined;
  let report: LagReport | undefined;
  let failure: GbxError | undefined;
  while (leftMs() > 0 && !signal.aborted) {
    try {
      const sample = await withinTime({ clock, ms: leftMs(), signal }, poll);
      if (sample === LATE) break;
      window.add(sample);
      report = assessLag(window, assess);
      failure = undefined;
      const now = clock.elapsed();
      since = options.isReached(report) ? (since ?? now) : undefined;
      if (since !== undefined && now - since >= options.stableForMs) return { kind: 'reached', report, failure };
    } catch (error) {
      failure = asGbxError(error);
      since = undefined;
      if (failure.failure !== 'transient' && !MAY_COME.has(failure.code)) throw failure;
    }
    await clock.sleep(Math.min(options.intervalMs, leftMs()), signal);
  }
  return { kind: signal.aborted ? 'interrupted' : 'timeout', report, failure };
}

export interface WatchOptions {
  /** Between the end of one poll and the begin of the next; pacer.ts where people steer it. */
  readonly pause: (failuresInARow: number) => Promise<void>;
  readonly onReport: (report: LagReport) => void;
  /** A poll that failed; the next may go well. */
  readonly onFailure: (error: GbxError, failuresInARow: number) => void;
}

/** Until the signal. @throws {GbxError} where the very first poll fails: nothing has been right yet */
export async function runLagWatch({ poll, window, assess, signal }: PollDeps, options: WatchOptions): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      window.add(await poll());
      failures = 0;
      options.onReport(assessLag(window, assess));
    } catch (error) {
      const failure = asGbxError(error);
      if (window.last === undefined || failure.code === 'GBX_BUG') throw failure;
      failures += 1;
      options.onFailure(failure, failures);
    }
    await options.pause(failures);
  }
}
