import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createHistogram } from '../../../src/core/produce/histogram.ts';
import { quantile } from '../../../src/core/verify/quantile.ts';

test('createHistogram() knows nothing of nothing', () => {
  const empty = createHistogram();
  expect([empty.count(), empty.quantile(0.5), empty.max(), empty.mean()]).toEqual([0, undefined, undefined, undefined]);
});

test('quantile() is that of all values, at most 0.8 % or a microsecond too high, never too low', () => {
  const ms = fc.oneof(fc.double({ min: 0, max: 2, noNaN: true }), fc.double({ min: 0, max: 100_000, noNaN: true }));
  fc.assert(
    fc.property(fc.array(ms, { minLength: 1, maxLength: 200 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
      const histogram = createHistogram();
      for (const value of values) histogram.record(value);
      const exact = quantile(values, q) ?? Number.NaN;
      const found = histogram.quantile(q) ?? Number.NaN;
      expect(found).toBeGreaterThanOrEqual(exact - 0.0005001);
      expect(found).toBeLessThanOrEqual(exact * (1 + 1 / 128) + 0.0015);
      expect(found).toBeLessThanOrEqual(Math.max(...values));
    }),
  );
});

test('count(), max() and mean() are exact, and a clock that stepped back counts as no time', () => {
  const histogram = createHistogram();
  for (const value of [1, 2.5, -3, 10]) histogram.record(value);
  expect([histogram.count(), histogram.max(), histogram.mean()]).toEqual([4, 10, 13.5 / 4]);
});

test('record() takes days, as the longest it knows', () => {
  const histogram = createHistogram();
  histogram.record(86_400_000 * 3);
  expect(histogram.max()).toBe(86_400_000 * 3);
  expect(histogram.quantile(1)).toBeGreaterThan(68_000_000);
});
