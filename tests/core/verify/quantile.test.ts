import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quantile } from '../../../src/core/verify/quantile.ts';

test('quantile() of nothing is undefined', () => {
  expect(quantile([], 0.5)).toBeUndefined();
});

test.each([
  [0, 1],
  [0.5, 50],
  [0.99, 99],
  [1, 100],
])('quantile() at %d of 1 to 100, in any order, is %d', (q, expected) => {
  const values = Array.from({ length: 100 }, (_, i) => ((i * 37) % 100) + 1);
  expect(quantile(values, q)).toBe(expected);
});

test('quantile() is a value that was measured, and grows with q', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true }), { minLength: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
      const found = quantile(values, q) ?? Number.NaN;
      expect(values).toContain(found);
      expect(found).toBeLessThanOrEqual(quantile(values, 1) ?? Number.NaN);
    }),
  );
});
