// Whether the figures of a run are about its target, or about the machine that made the load: each doubt with its reason.
import type { Histogram } from './histogram.ts';
import type { Asked } from './run.ts';

/** Delays of the event loop during the run, milliseconds. */
export interface LoopDelay {
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Achieved {
  /** Acknowledged, per second. */
  readonly perSecond: number | undefined;
  readonly askedPerSecond: number | undefined;
  /** The one as a part of the other. */
  readonly share: number | undefined;
}

export interface TrustFacts {
  readonly response: Histogram;
  readonly slip: Histogram;
  readonly loopDelay: LoopDelay;
  readonly achieved: Achieved;
  /** How long the input let exposures wait that were due, and how long all took. */
  readonly inputWaitMs: number;
  readonly durationMs: number;
}

/** Being late by less is no matter: a batch waits that long for company. */
const SLIP_MS_MAX = 10;
const SLIP_SHARE_MAX = 0.1;
const LOOP_DELAY_MS_MAX = 50;
const ACHIEVED_SHARE_MIN = 0.98;
/** Then the p99 of the latency, which counts from when each was due, is the input's. */
const INPUT_WAIT_SHARE_MAX = 0.01;

/** @returns why the figures are not to be trusted; empty when they are */
export function doubts({ response, slip, loopDelay, achieved, inputWaitMs, durationMs }: TrustFacts): readonly string[] {
  const slipMs = slip.quantile(0.99) ?? 0;
  const responseMs = response.quantile(0.99);
  if (responseMs === undefined) return ['nothing was measured'];
  const found: string[] = [];
  if (slipMs > Math.max(SLIP_MS_MAX, responseMs * SLIP_SHARE_MAX))
    found.push(`this machine was late itself: slip p99 ${slipMs.toFixed(1)} ms`);
  if (inputWaitMs > durationMs * INPUT_WAIT_SHARE_MAX)
    found.push(`the input was late: ${(inputWaitMs / 1000).toFixed(1)} s were spent waiting for it`);
  if (loopDelay.p99Ms > LOOP_DELAY_MS_MAX) found.push(`this machine is too busy: event loop delay p99 ${loopDelay.p99Ms.toFixed(0)} ms`);
  const { share, perSecond, askedPerSecond } = achieved;
  if (share !== undefined && share < ACHIEVED_SHARE_MIN) {
    found.push(`asked for ${askedPerSecond?.toFixed(0)}/s, achieved ${perSecond?.toFixed(0)}/s`);
  }
  return found;
}

interface AchievedFacts {
  /** Acknowledged after the warm-up, and when the last was: milliseconds from the start. */
  readonly measured: { readonly count: number; readonly lastMs: number };
  readonly warmupMs: number;
  /** Undefined where nothing but speed was asked for. */
  readonly asked: Asked | undefined;
}

/** Rates between the first due and the last acknowledged. */
export function achievedRate({ measured, warmupMs, asked }: AchievedFacts): Achieved {
  const fromMs = asked?.firstMs ?? warmupMs;
  const endMs = Math.max(measured.lastMs, asked?.lastMs ?? 0);
  const seconds = (endMs - fromMs) / 1000;
  const perSecond = measured.count > 0 && seconds > 0 ? measured.count / seconds : undefined;
  if (asked === undefined || asked.count < 2 || asked.lastMs <= asked.firstMs)
    return { perSecond, askedPerSecond: undefined, share: undefined };
  const gapMs = (asked.lastMs - asked.firstMs) / (asked.count - 1);
  const askedPerSecond = 1000 / gapMs;
  // The last one's gap lies behind it: it counts for both.
  const ofAsked = ((endMs - fromMs + gapMs) / 1000) * askedPerSecond;
  return { perSecond, askedPerSecond, share: measured.count === 0 ? 0 : Math.min(1, measured.count / ofAsked) };
}
