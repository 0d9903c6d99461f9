import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StoredExposure } from '../../../src/core/exposure/stored.ts';
import type { SentExposure, SentOutcome } from '../../../src/core/traffic/manifest.ts';
import { compareSent, isBroken } from '../../../src/core/verify/compare.ts';
import { contentHash } from '../../../src/core/verify/content.ts';

function row(exposureId: string, source = 'http'): StoredExposure {
  return { exposureId, dsUserId: 'u', experimentId: 'e', variationId: '0', tsMicros: 1, attributes: '{}', source, createdAtMicros: 2 };
}

function sent(exposureId: string, outcome: SentOutcome = 'ok'): SentExposure {
  return { exposureId, contentHash: contentHash(row(exposureId)), outcome };
}

const NOTHING = { loaded: [], missing: [], doubled: [], altered: [], unexpected: [], unknownAbsent: [] };

describe('compareSent() names', () => {
  test('what was accepted and has no row', () => {
    expect(compareSent([sent('a'), sent('b')], [row('b')])).toEqual({ ...NOTHING, loaded: ['b'], missing: ['a'] });
  });

  test('what has two rows', () => {
    expect(compareSent([sent('a')], [row('a'), row('a')])).toEqual({ ...NOTHING, doubled: [{ exposureId: 'a', rows: 2 }] });
  });

  test('what has other content, also in one of two rows', () => {
    expect(compareSent([sent('a')], [row('a', 'x')])).toEqual({ ...NOTHING, altered: ['a'] });
    expect(compareSent([sent('a')], [row('a'), row('a', 'x')])).toEqual({
      ...NOTHING,
      doubled: [{ exposureId: 'a', rows: 2 }],
      altered: ['a'],
    });
  });

  test('what was refused and is there all the same', () => {
    expect(compareSent([sent('a', 'refused'), sent('b', 'refused')], [row('a')])).toEqual({ ...NOTHING, unexpected: ['a'] });
  });

  test('what nobody knew of as right either way, once', () => {
    expect(compareSent([sent('a', 'unknown'), sent('b', 'unknown')], [row('a')])).toEqual({
      ...NOTHING,
      loaded: ['a'],
      unknownAbsent: ['b'],
    });
    expect(compareSent([sent('a', 'unknown')], [row('a'), row('a')]).doubled).toEqual([{ exposureId: 'a', rows: 2 }]);
  });

  test('nothing of rows that were not sent', () => {
    expect(compareSent([sent('a')], [row('b'), row('b'), row('a')])).toEqual({ ...NOTHING, loaded: ['a'] });
  });

  test('everything as loaded when each has its row, in any order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string()), fc.func(fc.integer()), (ids, orderOf) => {
        const rows = ids.map((id) => row(id)).sort((one, other) => orderOf(one.exposureId) - orderOf(other.exposureId));
        expect(
          compareSent(
            ids.map((id) => sent(id)),
            rows,
          ),
        ).toEqual({ ...NOTHING, loaded: ids });
      }),
    );
  });
});

test('isBroken() is true for what no waiting mends', () => {
  expect(isBroken({ ...NOTHING, missing: ['a'], unknownAbsent: ['b'], loaded: ['c'] })).toBe(false);
  expect(isBroken({ ...NOTHING, doubled: [{ exposureId: 'a', rows: 2 }] })).toBe(true);
  expect(isBroken({ ...NOTHING, altered: ['a'] })).toBe(true);
  expect(isBroken({ ...NOTHING, unexpected: ['a'] })).toBe(true);
});
