import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Exposure } from '../../../src/core/exposure/exposure.ts';
import { coverRows } from '../../../src/core/load/windows.ts';

const DAY = 86_400_000_000;
const BASE = Date.UTC(2026, 0, 1) * 1000;

function rowAt(tsMicros: number): Exposure {
  return { exposureId: 'e', dsUserId: 'u', experimentId: 'x', variationId: '0', tsMicros, attributes: '{}', source: 's' };
}

describe('coverRows()', () => {
  it('has no window for no rows', () => {
    expect(coverRows([])).toEqual([]);
  });

  it('keeps one late exposure from widening the window of all others', () => {
    const rows = [rowAt(BASE), rowAt(BASE + 5), rowAt(BASE - 60 * DAY)];
    expect(coverRows(rows)).toEqual([
      { fromMicros: BASE - 60 * DAY, toMicros: BASE - 60 * DAY },
      { fromMicros: BASE, toMicros: BASE + 5 },
    ]);
  });

  it('reads days that are near each other together', () => {
    expect(coverRows([rowAt(BASE), rowAt(BASE + 2 * DAY)])).toHaveLength(1);
  });

  it('covers each row by exactly one window, in order and at most four', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 * DAY }), { minLength: 1, maxLength: 40 }), (times) => {
        const windows = coverRows(times.map((time) => rowAt(BASE + time)));
        expect(windows.length).toBeLessThanOrEqual(4);
        for (const time of times)
          expect(windows.filter((one) => one.fromMicros <= BASE + time && BASE + time <= one.toMicros)).toHaveLength(1);
        for (const [i, window] of windows.entries()) expect(window.fromMicros).toBeGreaterThan(windows[i - 1]?.toMicros ?? 0);
      }),
    );
  });
});
