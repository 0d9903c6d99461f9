import { describe, expect, test } from 'vitest';
import { isMatch, parseFilter } from '../../../src/core/replay/filter.ts';
import { readLetter } from '../../../src/core/replay/letter.ts';
import { createWorld, exposure, NOON_MS } from './world.ts';

describe('parseFilter()', () => {
  test('refuses what cannot be read', () => {
    for (const texts of [
      { since: 'lately' },
      { until: '12' },
      { since: 'earliest' },
      { offset: '1' },
      { offset: '0:5,' },
      { origin: 'a b' },
      { origin: 't/x' },
    ])
      expect(() => parseFilter(texts, NOON_MS)).toThrow('Cannot take');
  });
});

describe('isMatch()', () => {
  const letter = readLetter(createWorld().letter(exposure('e'), { of: 7 }), 'dlq');
  const matches = (texts: Parameters<typeof parseFilter>[0]): boolean =>
    isMatch(parseFilter(texts, NOON_MS + 3_600_000), letter, { key: Buffer.from('u'), experimentId: 'checkout' });

  test('tells by each criterion', () => {
    for (const texts of [
      { since: '59m' },
      { until: '1h' },
      { code: 'GBX_EMPTY' },
      { offset: '0:1' },
      { offset: '1:0' },
      { key: 'v' },
      { experiment: 'x' },
      { origin: 't/0/8' },
      { origin: 'u' },
    ])
      expect({ texts, matches: matches(texts) }).toEqual({ texts, matches: false });
    for (const texts of [
      {},
      { since: '1h' },
      { until: '59m' },
      { code: 'A,GBX_ROW_REFUSED' },
      { offset: '3:1,0:0-5' },
      { key: 'u' },
      { experiment: 'checkout' },
      { origin: 't' },
      { origin: 't/0' },
      { origin: 't/0/7/123' },
    ])
      expect({ texts, matches: matches(texts) }).toEqual({ texts, matches: true });
  });
});
