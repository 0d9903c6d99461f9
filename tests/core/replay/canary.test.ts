import { describe, expect, test } from 'vitest';
import { judgeCanary, parseShare } from '../../../src/core/replay/canary.ts';

const tally = (sent: number, loaded: number, failedAgain: number) => ({
  sent,
  loaded,
  failedAgain,
  pending: sent - loaded - failedAgain,
  codes: { X: failedAgain },
});

describe('judgeCanary()', () => {
  test('fails as soon as more failed again than may, though others are not known yet', () => {
    expect(judgeCanary(tally(100, 0, 3), 0.02)).toEqual({ kind: 'failed', why: '3 of 100 failed again: X 3' });
    expect(judgeCanary(tally(1, 0, 1), 0.02)).toMatchObject({ kind: 'failed' });
  });

  test('waits while some are not known, and passes when all are', () => {
    expect(judgeCanary(tally(100, 90, 2), 0.02)).toEqual({ kind: 'waiting' });
    expect(judgeCanary(tally(100, 98, 2), 0.02)).toEqual({ kind: 'passed' });
    expect(judgeCanary(tally(0, 0, 0), 0)).toEqual({ kind: 'passed' });
    expect(judgeCanary(tally(2, 0, 2), 1)).toEqual({ kind: 'passed' });
  });
});

test('parseShare() takes a percentage or a part of one', () => {
  expect(['2%', '0.02', '100%', '0', '1'].map((text) => parseShare(text, '--x'))).toEqual([0.02, 0.02, 1, 0, 1]);
  for (const text of ['', '101%', '1.5', '-1', 'x', '1e-3']) expect(() => parseShare(text, '--x')).toThrow('--x');
});
