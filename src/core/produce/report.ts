// The end of a run as facts: what `--json` prints (schema gbx.produce/1), what the report for people is made of, and what the
// exit code comes from. Pure: books and clocks in, facts out.
import { EXIT, type GbxError } from '../errors.ts';
import type { TrafficExperiment } from '../traffic/traffic.ts';
import type { Histogram } from './histogram.ts';
import type { RunResult } from './run.ts';
import type { Counts, Tally } from './tally.ts';
import { type JudgedThreshold, judgeThresholds, type Threshold } from './thresholds.ts';
import { type Achieved, achievedRate, doubts, type LoopDelay } from './trust.ts';

export interface RunFacts {
  readonly runId: string;
  readonly seed: string;
  readonly target: { readonly kind: 'kafka' | 'http'; readonly where: string };
  /** All that shapes the load, in the words of the flags: with the seed it is the same again. */
  readonly asked: Readonly<Record<string, string | number>>;
  readonly warmupMs: number;
  readonly thresholds: readonly Threshold[];
  /** What is sent, with the weights that were asked for; empty for lines. */
  readonly experiments: readonly TrafficExperiment[];
  readonly skippedLines: number;
  readonly manifest: string | undefined;
}

/** Milliseconds. */
export interface Times {
  readonly count: number;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  /** Of ten thousand values and more: of fewer it would be the luck of a few. */
  readonly p999: number | null;
  readonly max: number | null;
  readonly mean: number | null;
}

export interface Report extends RunFacts {
  readonly verdict: 'done' | 'interrupted' | 'failed';
  readonly problem: GbxError | undefined;
  readonly counts: Readonly<Counts>;
  /** Part of what was sent that is not in, or not surely; malformed ones that were refused are as meant. */
  readonly errorShare: number;
  readonly reasons: ReadonlyMap<string, number>;
  readonly seen: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly durationMs: number;
  readonly achieved: Achieved;
  readonly response: Times;
  readonly service: Times;
  readonly slip: Times;
  readonly loopDelay: LoopDelay;
  readonly judged: readonly JudgedThreshold[];
  /** Why the figures tell little about the target; empty: trusted. */
  readonly doubts: readonly string[];
}

const P999_COUNT_MIN = 10_000;

interface Ended {
  readonly tally: Tally;
  readonly result: RunResult;
  readonly loopDelay: LoopDelay;
  readonly isInterrupted: boolean;
}

export function makeReport(facts: RunFacts, { tally, result, loopDelay, isInterrupted }: Ended): Report {
  const { counts, response, service, slip } = tally;
  const achieved = achievedRate({ measured: tally.measured, warmupMs: facts.warmupMs, asked: result.asked });
  const errors = counts.failed + counts.unknown + counts.refused;
  const errorShare = counts.sent === 0 ? 0 : errors / counts.sent;
  const judged = judgeThresholds(facts.thresholds, {
    p50: response.quantile(0.5),
    p90: response.quantile(0.9),
    p95: response.quantile(0.95),
    p99: response.quantile(0.99),
    'p99.9': response.count() < P999_COUNT_MIN ? undefined : response.quantile(0.999),
    max: response.max(),
    mean: response.mean(),
    slip: slip.quantile(0.99),
    errors: counts.sent === 0 ? undefined : errorShare,
    unknown: counts.sent === 0 ? undefined : counts.unknown / counts.sent,
    achieved: achieved.share,
    rate: achieved.perSecond,
  });
  return {
    ...facts,
    verdict: result.problem !== undefined ? 'failed' : isInterrupted ? 'interrupted' : 'done',
    problem: result.problem,
    counts,
    errorShare,
    reasons: tally.reasons,
    seen: tally.seen,
    durationMs: result.durationMs,
    achieved,
    response: timesOf(response),
    service: timesOf(service),
    slip: timesOf(slip),
    loopDelay,
    judged,
    doubts: doubts({ response, slip, loopDelay, achieved, inputWaitMs: tally.inputWaitMs(), durationMs: result.durationMs }),
  };
}

/** Without thresholds one is meant: that no exposure failed. */
export function exitCodeOf({ problem, judged, errorShare }: Report): number {
  if (problem !== undefined) return problem.exitCode;
  const isReached = judged.length === 0 ? errorShare === 0 : judged.every((one) => one.isReached);
  return isReached ? EXIT.done : EXIT.no;
}

/** Keys are a contract: additions only. */
export function toDocument(report: Report): Record<string, unknown> {
  const { counts, achieved, problem, loopDelay } = report;
  return {
    schema: 'gbx.produce/1',
    verdict: report.verdict,
    ...(problem === undefined
      ? {}
      : { error: { code: problem.code, message: problem.message, hint: problem.hint, exitCode: problem.exitCode } }),
    runId: report.runId,
    seed: report.seed,
    target: report.target,
    asked: report.asked,
    counts,
    errorShare: report.errorShare,
    errors: [...report.reasons].map(([reason, count]) => ({ reason, count })),
    skippedLines: report.skippedLines,
    durationMs: round(report.durationMs),
    warmupMs: report.warmupMs,
    achieved: { perSecond: round(achieved.perSecond), askedPerSecond: round(achieved.askedPerSecond), share: achieved.share ?? null },
    latencyMs: report.response,
    serviceMs: report.service,
    slipMs: report.slip,
    eventLoopDelayMs: { p99: round(loopDelay.p99Ms), max: round(loopDelay.maxMs) },
    trusted: report.doubts.length === 0,
    doubts: report.doubts,
    thresholds: report.judged.map(({ text, value, isReached }) => ({ threshold: text, value: value ?? null, reached: isReached })),
    experiments: experimentsOf(report),
    manifest: report.manifest ?? null,
  };
}

/** Exposures by variation, beside the weights that were asked for. */
function experimentsOf({ seen, experiments }: Report): readonly unknown[] {
  return [...seen].map(([key, variations]) => {
    const weights = new Map(experiments.find((one) => one.key === key)?.variations.map((one) => [one.key, one.weight]));
    return {
      key,
      variations: [...variations].map(([variation, sent]) => ({ key: variation, weight: weights.get(variation) ?? null, sent })),
    };
  });
}

function timesOf(histogram: Histogram): Times {
  return {
    count: histogram.count(),
    p50: round(histogram.quantile(0.5)),
    p90: round(histogram.quantile(0.9)),
    p95: round(histogram.quantile(0.95)),
    p99: round(histogram.quantile(0.99)),
    p999: histogram.count() < P999_COUNT_MIN ? null : round(histogram.quantile(0.999)),
    max: round(histogram.max()),
    mean: round(histogram.mean()),
  };
}

function round(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 1000) / 1000;
}
