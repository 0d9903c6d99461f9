import { describe, expect, test } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import { assessLag } from '../../../src/core/lag/assess.ts';
import { findBreaches, hasLimits, type LagLimits } from '../../../src/core/lag/limits.ts';
import type { LagSample } from '../../../src/core/lag/sample.ts';
import { lagSample, OPTIONS, START_MS } from './samples.ts';

const NONE: LagLimits = {
  lag: undefined,
  partitionLag: undefined,
  behindMs: undefined,
  deadLetters: undefined,
  freshnessMs: undefined,
  failOn: undefined,
};

function rulesOf(sample: LagSample, limits: Partial<LagLimits>): readonly string[] {
  const breaches = findBreaches(assessLag({ samples: [sample] }, OPTIONS), { ...NONE, ...limits });
  return breaches.map(({ rule, actual, partition }) => `${rule} ${actual}${partition === undefined ? '' : ` p${partition}`}`);
}

const age = (ms: number) => ({ timeLag: { minMs: ms, maxMs: ms } });
const behind = lagSample([
  { position: 90n, ...age(60_000) },
  { position: 70n, ...age(5_000) },
]);
const unknown = lagSample([{ start: undefined, end: undefined, error: 'LEADER_NOT_AVAILABLE' }, {}]);

describe('findBreaches()', () => {
  test('throws where a limit is on what is not known: a check that cannot see must not say yes', () => {
    for (const limits of [{ lag: 5 }, { partitionLag: 5 }, { behindMs: 5 }]) {
      expect(() => rulesOf(unknown, limits)).toThrow(expect.objectContaining({ code: 'GBX_LAG_UNKNOWN', exitCode: 69 }));
    }
    expect(() => rulesOf(lagSample([{ position: 1n }]), { behindMs: 5 })).toThrow(/time lag of p0/u);
    for (const limits of [{ lag: 5 }, { partitionLag: 5 }, { behindMs: 5 }]) {
      expect(() => rulesOf(lagSample([{ position: 101n }, {}]), limits)).toThrow(expect.objectContaining({ code: 'GBX_LAG_UNKNOWN' }));
    }
    const hidden = lagSample([{}], { deadLetters: { topic: 'd', records: undefined, newestAgeMs: undefined } });
    expect(() => rulesOf(hidden, { deadLetters: 0 })).toThrow(/dead letters in d/u);
    const error = new GbxError('GBX_WAREHOUSE_AUTH', 'no');
    expect(() => rulesOf(lagSample([{}], { warehouse: { kind: 'failed', error } }), { freshnessMs: 1 })).toThrow(error);
  });

  test('says no where what is known is too much already', () => {
    const partly = lagSample([{ start: undefined, end: undefined, error: 'x' }, { position: 70n }]);
    expect(rulesOf(partly, { lag: 29 })).toEqual(['max-lag 30']);
    expect(() => rulesOf(partly, { lag: 30 })).toThrow(expect.objectContaining({ code: 'GBX_LAG_UNKNOWN' }));
  });

  test('finds each limit that is broken, and no other', () => {
    expect(rulesOf(behind, { lag: 40, partitionLag: 30, behindMs: 60_000, deadLetters: 0 })).toEqual([]);
    expect(rulesOf(behind, { lag: 39, partitionLag: 29, behindMs: 59_999 })).toEqual([
      'max-lag 40',
      'max-partition-lag 30 p1',
      'max-lag-seconds 60 p0',
    ]);
    const letters = lagSample([{}], { deadLetters: { topic: 'd', records: 3, newestAgeMs: undefined } });
    expect(rulesOf(letters, { deadLetters: 2 })).toEqual(['max-dlq 3']);
  });

  test('takes an empty table for older than any limit', () => {
    const table = (newestTsMs: number | undefined) =>
      lagSample([{}], { warehouse: { kind: 'read', freshness: { newestTsMs, loadDelayMs: undefined } } });
    expect(rulesOf(table(START_MS - 5_000), { freshnessMs: 5_000 })).toEqual([]);
    expect(rulesOf(table(START_MS - 5_001), { freshnessMs: 5_000 })).toEqual(['max-freshness 5.001']);
    expect(rulesOf(table(undefined), { freshnessMs: 5_000 })).toEqual(['max-freshness undefined']);
  });

  test('fails on verdicts as bad as asked, never on what is undecided', () => {
    const lost = lagSample([{ start: 5n, position: 1n }, { position: 1n }]);
    expect(rulesOf(lost, { failOn: 'error' })).toEqual(['fail-on LOST p0']);
    expect(rulesOf(lagSample([{ position: 1n }]), { failOn: 'warn' })).toEqual([]);
  });
});

test('hasLimits() tells whether anything is to be checked', () => {
  expect(hasLimits(NONE)).toBe(false);
  expect(hasLimits({ ...NONE, lag: 0 })).toBe(true);
});
