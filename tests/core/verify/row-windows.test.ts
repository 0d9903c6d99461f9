import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rowWindows } from '../../../src/core/verify/row-windows.ts';

const DAY = 86_400_000_000;
const days = fc.dictionary(fc.integer({ min: 1_000, max: 1_050 }).map(String), fc.integer({ min: 1, max: 1_200_000 }));

test('rowWindows() overlap nowhere, and cover each day and the days beside it; all of time where the whole is read', () => {
  fc.assert(
    fc.property(days, fc.boolean(), (counts, isWhole) => {
      const byDay = new Map(Object.entries(counts).map(([day, count]) => [Number(day), count]));
      const windows = rowWindows(byDay, { isWhole }).map(({ fromMicros = -1, toMicros = Number.MAX_SAFE_INTEGER }) => [
        fromMicros,
        toMicros,
      ]);
      for (const [at, [from = 0, to = 0]] of windows.entries()) {
        expect(from).toBeLessThan(to);
        const before = windows[at - 1]?.[1];
        if (before !== undefined) expect(isWhole ? before === from : before <= from).toBe(true);
      }
      const isCovered = (micros: number): boolean => windows.some(([from = 0, to = 0]) => from <= micros && micros < to);
      for (const day of byDay.keys()) expect([day - 1, day, day + 2 - 1 / DAY].every((one) => isCovered(one * DAY))).toBe(true);
      expect(isCovered(0)).toBe(isWhole);
    }),
  );
});

test('rowWindows() cut what one statement could not read in time, and leave out months without exposures', () => {
  const cut = rowWindows(
    new Map([
      [1, 900_000],
      [2, 900_000],
      [90, 5],
    ]),
    { isWhole: false },
  );
  expect(cut.map(({ fromMicros = 0, toMicros = 0 }) => [fromMicros / DAY, toMicros / DAY])).toEqual([
    [0, 3],
    [3, 4],
    [89, 92],
  ]);
  expect(rowWindows(new Map(), { isWhole: false })).toEqual([]);
});
