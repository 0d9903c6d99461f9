import { describe, expect, test } from 'vitest';
import { judgeThresholds, type Measures, parseThresholds } from '../../../src/core/produce/thresholds.ts';

const NOTHING: Measures = {
  p50: undefined,
  p90: undefined,
  p95: undefined,
  p99: undefined,
  'p99.9': undefined,
  max: undefined,
  mean: undefined,
  slip: undefined,
  errors: undefined,
  unknown: undefined,
  achieved: undefined,
  rate: undefined,
};

test.each([
  '',
  'p99',
  'p99<',
  'p98<50ms',
  'p99<50',
  'p99=50ms',
  'p99<50%',
  'errors<5ms',
  'errors<0.1/s',
  'rate>5%',
  'p99<50ms,',
  'toString<1%',
])('parseThresholds(%j) is a usage error that names the flag', (text) => {
  expect(() => parseThresholds('--threshold', text)).toThrow(
    expect.objectContaining({ code: 'GBX_USAGE', message: expect.stringContaining('--threshold') }),
  );
});

describe('judgeThresholds()', () => {
  const judge = (text: string, measures: Partial<Measures>): boolean[] =>
    judgeThresholds(parseThresholds('--threshold', text), { ...NOTHING, ...measures }).map(({ isReached }) => isReached);

  test('takes what was not measured for not reached', () => {
    expect(judge('p99<1h,errors<=100%', {})).toEqual([false, false]);
  });

  test('compares times, parts and rates, limits included or not', () => {
    expect(judge('p99<50ms,p99<=50ms,p99.9<1s', { p99: 50, 'p99.9': 999 })).toEqual([false, true, true]);
    expect(judge('errors<0.1%,achieved>98%,achieved >= 0.98', { errors: 0.0009, achieved: 0.98 })).toEqual([true, false, true]);
    expect(judge('rate>5000/s,rate>=5000', { rate: 5000 })).toEqual([false, true]);
  });
});
