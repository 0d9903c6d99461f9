import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePosted } from '../../../src/core/exposure/posted.ts';
import { createTraffic, type PostedExposure } from '../../../src/core/traffic/traffic.ts';

const START_MS = Date.UTC(2026, 0, 31, 12);

function events(count: number, options: Partial<Parameters<typeof createTraffic>[0]> = {}): PostedExposure[] {
  const traffic = createTraffic({ seed: 'test', startMs: START_MS, ...options });
  return Array.from({ length: count }, (_, i) => traffic.eventAt(i));
}

function countBy(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

describe('createTraffic() throws', () => {
  test('without users, experiments or variations', () => {
    expect(() => createTraffic({ seed: '', startMs: START_MS, users: 0 })).toThrow(RangeError);
    expect(() => createTraffic({ seed: '', startMs: START_MS, experiments: [] })).toThrow(RangeError);
    const experiments = [{ key: 'e', weight: 1, variations: [] }];
    expect(() => createTraffic({ seed: '', startMs: START_MS, experiments }).eventAt(0)).toThrow(RangeError);
  });
});

describe('eventAt()', () => {
  test('is a pure function of the seed and i, in whatever order it is asked', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.nat({ max: 1_000_000 }), { maxLength: 20 }), (seed, places) => {
        const one = createTraffic({ seed, startMs: START_MS, users: 100 });
        const other = createTraffic({ seed, startMs: START_MS, users: 100 });
        const forward = places.map((i) => one.eventAt(i));
        const backward = places.toReversed().map((i) => other.eventAt(i));
        expect(backward.toReversed()).toEqual(forward);
      }),
      { numRuns: 30 },
    );
  });

  test('is the same at another time, but for its time', () => {
    const without = (all: readonly PostedExposure[]): unknown => all.map(({ timestamp: _, ...rest }) => rest);
    expect(without(events(100, { startMs: START_MS + 12_345 }))).toEqual(without(events(100)));
  });

  test('stays what it is: runs with the same seed can be compared for years', () => {
    expect(createTraffic({ seed: 'test', startMs: START_MS }).eventAt(7)).toMatchInlineSnapshot(`
      {
        "attributes": {
          "browser": "chrome",
          "country": "IN",
          "device": "desktop",
        },
        "ds_user_id": "user-1",
        "experiment_id": "pricing-page",
        "exposure_id": "traffic-n4bQgYhMfWWaL-qg-7",
        "source": "traffic",
        "timestamp": "2026-01-31T12:00:00.140000Z",
        "variation_id": "0",
      }
    `);
  });

  test('gives every event an id of its own, in every seed', () => {
    const ids = [...events(20_000), ...events(20_000, { seed: 'other' })].map(({ exposure_id }) => exposure_id);
    expect(new Set(ids).size).toBe(40_000);
  });

  test('is valid by the rules of serve, and stored as it is', () => {
    for (const event of events(1000)) {
      const posted = parsePosted(event, { acceptedAtMs: START_MS + 86_400_000, itemIndex: 0, mintId: () => 'none' });
      expect(posted).toMatchObject({
        kind: 'valid',
        exposure: { exposureId: event.exposure_id, dsUserId: event.ds_user_id },
        wasFuture: false,
      });
    }
  });

  test('keeps a variation for a user in an experiment, across seeds', () => {
    const seen = new Map<string, string>();
    for (const { ds_user_id, experiment_id, variation_id } of [
      ...events(20_000, { users: 50 }),
      ...events(5000, { users: 50, seed: 'other' }),
    ]) {
      const key = `${ds_user_id} ${experiment_id}`;
      expect(seen.get(key) ?? variation_id).toBe(variation_id);
      seen.set(key, variation_id);
    }
    expect(seen.size).toBeGreaterThan(150);
  });

  test('keeps the attributes of a user, and adds what is asked for', () => {
    const seen = new Map<string, string>();
    for (const { ds_user_id, attributes } of events(2000, { users: 20, attributes: { run_id: 'r' } })) {
      expect(Object.keys(attributes)).toEqual(['country', 'browser', 'device', 'run_id']);
      expect(seen.get(ds_user_id) ?? JSON.stringify(attributes)).toBe(JSON.stringify(attributes));
      seen.set(ds_user_id, JSON.stringify(attributes));
    }
    expect(new Set(seen.values()).size).toBeGreaterThan(5);
  });

  test('moves on by the interval, fractions of a millisecond too', () => {
    const times = events(4, { intervalMs: 0.25 }).map(({ timestamp }) => timestamp);
    expect(times).toEqual(['00', '25', '50', '75'].map((hundredths) => `2026-01-31T12:00:00.000${hundredths}0Z`));
  });

  test('sees users by zipf: the first twice as often as the second at exponent 1', () => {
    const counts = countBy(events(50_000, { users: 1000, zipfExponent: 1 }).map(({ ds_user_id }) => ds_user_id));
    const ratio = (counts.get('user-1') ?? 0) / (counts.get('user-2') ?? 1);
    expect(ratio).toBeGreaterThan(1.85);
    expect(ratio).toBeLessThan(2.15);
  });

  test('sees experiments by their weights', () => {
    const counts = countBy(events(50_000).map(({ experiment_id }) => experiment_id));
    for (const [key, part] of [
      ['checkout-button', 0.4],
      ['search-ranking', 0.3],
      ['pricing-page', 0.2],
      ['onboarding-flow', 0.1],
    ] as const) {
      expect(Math.abs((counts.get(key) ?? 0) / 50_000 - part)).toBeLessThan(0.01);
    }
  });
});

test('exposureAt() is eventAt() as serve takes it, without the way through JSON', () => {
  const traffic = createTraffic({ seed: 'test', startMs: START_MS, intervalMs: 0.3, users: 300, attributes: { run_id: 'r"\\' } });
  for (let i = 0; i < 1000; i++) {
    const posted = parsePosted(traffic.eventAt(i), { acceptedAtMs: START_MS + 86_400_000, itemIndex: 0, mintId: () => 'none' });
    expect(posted).toEqual({ kind: 'valid', wasFuture: false, exposure: traffic.exposureAt(i) });
  }
});

test('users of an experiment are shared out by its weights: a chi-square test finds no mismatch, and finds one that is made', () => {
  const weights = [5, 3, 2];
  const variations = weights.map((weight, index) => ({ key: String(index), weight }));
  // 13.8 is exceeded once in a thousand by chance, with two degrees of freedom; GrowthBook warns at the same level.
  expect(chiSquare(usersByVariation(variations), weights)).toBeLessThan(13.8);
  const skewed = [{ key: '0', weight: 5.5 }, ...variations.slice(1)];
  expect(chiSquare(usersByVariation(skewed), weights)).toBeGreaterThan(13.8);
});

/** How many users, not events, saw each. */
function usersByVariation(variations: readonly { readonly key: string; readonly weight: number }[]): number[] {
  const seen = new Map<string, string>();
  for (const { ds_user_id, variation_id } of events(60_000, {
    users: 20_000,
    zipfExponent: 0.5,
    experiments: [{ key: 'exp', weight: 1, variations }],
  })) {
    seen.set(ds_user_id, variation_id);
  }
  expect(seen.size).toBeGreaterThan(10_000);
  return variations.map(({ key }) => [...seen.values()].filter((value) => value === key).length);
}

function chiSquare(counts: readonly number[], weights: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const sum = weights.reduce((all, weight) => all + weight, 0);
  return counts.reduce((chi, count, index) => {
    const expected = (total * (weights[index] ?? 0)) / sum;
    return chi + (count - expected) ** 2 / expected;
  }, 0);
}
