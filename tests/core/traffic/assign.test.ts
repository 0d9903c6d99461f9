import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assignVariation, fnv1a32, hashToUnit } from '../../../src/core/traffic/assign.ts';

const EVEN = {
  key: 'e',
  variations: [
    { key: 'a', weight: 1 },
    { key: 'b', weight: 1 },
  ],
};

// The vectors that GrowthBook's SDKs are tested with.
test.each([
  ['a', 220],
  ['b', 77],
  ['ab', 946],
  ['def', 652],
  ['8952klfjas09ujkasdf', 549],
  ['123', 11],
  ['___)((*":&', 563],
])('fnv1a32(%j) is that of GrowthBook', (text, ofThousand) => {
  expect(fnv1a32(text) % 1000).toBe(ofThousand);
});

test.each([
  ['seed', 'a', 0.0505],
  ['seed', 'b', 0.2696],
  ['foo', 'ab', 0.2575],
  ['foo', 'def', 0.2019],
  ['89123klj', '8952klfjas09ujkasdf', 0.124],
  ['90850943850283058242805', '123', 0.7516],
  ['()**(%$##$%#$#', '___)((*":&', 0.0128],
])('hashToUnit(%j, %j) is that of GrowthBook, version 2', (seed, value, unit) => {
  expect(hashToUnit(seed, value)).toBe(unit);
});

describe('assignVariation()', () => {
  test('gives none where no variation has a weight', () => {
    expect(assignVariation('u', { key: 'e', variations: [] })).toBeUndefined();
    expect(assignVariation('u', { key: 'e', variations: [{ key: 'a', weight: 0 }] })).toBeUndefined();
  });

  test('never gives a variation of weight 0', () => {
    const experiment = {
      key: 'e',
      variations: [
        { key: 'none', weight: 0 },
        { key: 'all', weight: 3 },
        { key: 'nor', weight: 0 },
      ],
    };
    for (let i = 0; i < 1000; i++) expect(assignVariation(`u${i}`, experiment)).toBe('all');
  });

  test('gives the same for the same user and experiment, always one of its variations', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (user, key) => {
        const first = assignVariation(user, { ...EVEN, key });
        expect(['a', 'b']).toContain(first);
        expect(assignVariation(user, { ...EVEN, key })).toBe(first);
      }),
    );
  });

  test('follows the weights', () => {
    const experiment = {
      key: 'e',
      variations: [
        { key: 'a', weight: 9 },
        { key: 'b', weight: 1 },
      ],
    };
    const ofB = Array.from({ length: 20_000 }, (_, i) => assignVariation(`u${i}`, experiment)).filter((key) => key === 'b').length;
    expect(ofB / 20_000).toBeGreaterThan(0.09);
    expect(ofB / 20_000).toBeLessThan(0.11);
  });
});
