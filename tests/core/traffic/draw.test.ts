import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPicker, drawUnit, zipfWeights } from '../../../src/core/traffic/draw.ts';

describe('drawUnit()', () => {
  test('is within [0, 1) and the same for the same place, beyond 2^32 too', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat({ max: 5 }), fc.maxSafeNat(), (seed, stream, index) => {
        const unit = drawUnit(seed, { stream, index });
        expect(unit >= 0 && unit < 1).toBe(true);
        expect(drawUnit(seed, { stream, index })).toBe(unit);
      }),
    );
    expect(drawUnit(1, { stream: 0, index: 2 ** 32 + 7 })).not.toBe(drawUnit(1, { stream: 0, index: 7 }));
  });

  test('is spread evenly, and streams and seeds do not follow each other', () => {
    const count = 50_000;
    const draws = (seed: number, stream: number): number[] =>
      Array.from({ length: count }, (_, index) => drawUnit(seed, { stream, index }));
    const [one, other, foreign] = [draws(1, 0), draws(1, 1), draws(2, 0)];
    for (const units of [one, other, foreign]) {
      const tenths = Array.from({ length: 10 }, (_, tenth) => units.filter((unit) => Math.floor(unit * 10) === tenth).length);
      for (const inTenth of tenths) expect(Math.abs(inTenth - count / 10)).toBeLessThan(300);
    }
    expect(Math.abs(correlation(one, other))).toBeLessThan(0.02);
    expect(Math.abs(correlation(one, foreign))).toBeLessThan(0.02);
    expect(Math.abs(correlation(one.slice(1), one.slice(0, -1)))).toBeLessThan(0.02);
  });
});

describe('createPicker()', () => {
  test('never picks a weight of 0, nor one that is not there', () => {
    const pick = createPicker([0, 2, 0, 1, 0]);
    for (let i = 0; i < 1000; i++) expect([1, 3]).toContain(pick(i / 1000));
    expect(pick(1 - 2 ** -32)).toBe(3);
    expect(pick(0)).toBe(1);
  });

  test('picks what a walk over the weights would', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 9 }), { minLength: 1 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (weights, unit) => {
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          fc.pre(total > 0);
          let end = 0;
          const walked = weights.findIndex((weight) => {
            end += weight;
            return unit * total < end;
          });
          expect(createPicker(weights)(unit)).toBe(walked);
        },
      ),
    );
  });
});

test('zipfWeights() fall by the rank, and are even at 0', () => {
  expect(zipfWeights(4, 1)).toEqual([1, 1 / 2, 1 / 3, 1 / 4]);
  expect(zipfWeights(3, 0)).toEqual([1, 1, 1]);
});

function correlation(one: readonly number[], other: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [ofOne, ofOther] = [mean(one), mean(other)];
  let [product, squareOne, squareOther] = [0, 0, 0];
  for (const [index, value] of one.entries()) {
    const [a, b] = [value - ofOne, (other[index] ?? 0) - ofOther];
    product += a * b;
    squareOne += a * a;
    squareOther += b * b;
  }
  return product / Math.sqrt(squareOne * squareOther);
}
