import { describe, expect, test } from 'vitest';
import { parseExperiments, skewExperiments } from '../../../src/core/traffic/parse-experiments.ts';

const SRM = '--srm';

test.each(['', 'checkout', 'checkout:', 'checkout:50/x', 'checkout:0/0', 'checkout*0:1/1', 'a:1/1,a:1/1', ':1/1', 'a*x:1/1'])(
  'parseExperiments(%j) is a usage error that names the flag',
  (text) => {
    expect(() => parseExperiments('--experiments', text)).toThrow(
      expect.objectContaining({ code: 'GBX_USAGE', message: expect.stringContaining('--experiments') }),
    );
  },
);

test('parseExperiments() reads weights, and names where they are given', () => {
  expect(parseExperiments('--experiments', 'checkout*3:50/50, pricing:control=2/new=0.5')).toEqual([
    {
      key: 'checkout',
      weight: 3,
      variations: [
        { key: '0', weight: 50 },
        { key: '1', weight: 50 },
      ],
    },
    {
      key: 'pricing',
      weight: 1,
      variations: [
        { key: 'control', weight: 2 },
        { key: 'new', weight: 0.5 },
      ],
    },
  ]);
});

describe('skewExperiments()', () => {
  const experiments = parseExperiments('--experiments', 'a:1/1,b:2/1/1');

  test.each(['a', 'a:0', 'a:0=1.5', 'a:0=x', 'c:0=0.6', 'a:7=0.6'])('takes %j for a usage error that names the flag', (text) => {
    expect(() => skewExperiments(experiments, { flag: SRM, text })).toThrow(
      expect.objectContaining({ code: 'GBX_USAGE', message: expect.stringContaining(SRM) }),
    );
  });

  test('gives one variation its part, and the others the rest as before', () => {
    const [a, b] = skewExperiments(experiments, { flag: SRM, text: 'b:1=0.4' });
    expect(a).toBe(experiments[0]);
    expect(b?.variations).toEqual([
      { key: '0', weight: (2 / 3) * 0.6 },
      { key: '1', weight: 0.4 },
      { key: '2', weight: (1 / 3) * 0.6 },
    ]);
  });
});
