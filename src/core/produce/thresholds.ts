// What a run must reach, as it is typed: `p99<50ms,errors<0.1%,achieved>98%`. Parsed before anything is sent, judged at the
// end; one that is not reached makes the exit code 1.
import { readDuration, wrongFlag } from './parse-plan.ts';

/** What thresholds may ask for: latencies in milliseconds, parts as 0 to 1, the rate in events per second. */
export type Measures = Readonly<Record<Metric, number | undefined>>;

const METRICS = {
  p50: 'time',
  p90: 'time',
  p95: 'time',
  p99: 'time',
  'p99.9': 'time',
  max: 'time',
  mean: 'time',
  slip: 'time',
  errors: 'share',
  unknown: 'share',
  achieved: 'share',
  rate: 'rate',
} as const;

export type Metric = keyof typeof METRICS;

export interface Threshold {
  readonly text: string;
  readonly metric: Metric;
  readonly operator: '<' | '<=' | '>' | '>=';
  readonly limit: number;
}

export interface JudgedThreshold {
  readonly text: string;
  readonly value: number | undefined;
  readonly isReached: boolean;
}

const EXPECTED = `conditions as p99<50ms,errors<0.1%,achieved>98% (${Object.keys(METRICS).join(', ')})`;

/** @throws {GbxError} GBX_USAGE */
export function parseThresholds(flag: string, text: string): readonly Threshold[] {
  return text.split(',').map((part) => {
    const threshold = readThreshold(part.trim());
    if (threshold === undefined) throw wrongFlag(flag, text, EXPECTED);
    return threshold;
  });
}

/** What was not measured is not reached. */
export function judgeThresholds(thresholds: readonly Threshold[], measures: Measures): readonly JudgedThreshold[] {
  return thresholds.map(({ text, metric, operator, limit }) => {
    const value = measures[metric];
    return { text, value, isReached: value !== undefined && compare(value, operator, limit) };
  });
}

function readThreshold(text: string): Threshold | undefined {
  const [, metric = '', operator, limitText = ''] = /^([\w.]+)\s*(<=|>=|<|>)\s*(.+)$/u.exec(text) ?? [];
  if (!isMetric(metric) || !isOperator(operator)) return undefined;
  const limit = readLimit(METRICS[metric], limitText);
  return limit === undefined ? undefined : { text, metric, operator, limit };
}

function readLimit(kind: (typeof METRICS)[Metric], text: string): number | undefined {
  // A bare number of a latency could be milliseconds or seconds.
  if (kind === 'time') return /[a-z]$/u.test(text) ? readDuration(text) : undefined;
  const [, digits, unit] = /^(\d{1,9}(?:\.\d{1,6})?)(%|\/s)?$/u.exec(text) ?? [];
  if (digits === undefined || (unit !== undefined && (unit === '%') !== (kind === 'share'))) return undefined;
  return Number(digits) / (unit === '%' ? 100 : 1);
}

function compare(value: number, operator: Threshold['operator'], limit: number): boolean {
  switch (operator) {
    case '<':
      return value < limit;
    case '<=':
      return value <= limit;
    case '>':
      return value > limit;
    case '>=':
      return value >= limit;
  }
}

function isMetric(text: string): text is Metric {
  return Object.hasOwn(METRICS, text);
}

function isOperator(text: string | undefined): text is Threshold['operator'] {
  return text === '<' || text === '<=' || text === '>' || text === '>=';
}
