// The rules behind each verdict, in their order, and the numbers of a report. Parts of one flow: src/core/lag/judge.ts is
// tested through assessLag().
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import { assessLag } from '../../../src/core/lag/assess.ts';
import type { LagSample } from '../../../src/core/lag/sample.ts';
import { createLagWindow } from '../../../src/core/lag/window.ts';
import { history, lagSample, MEMBER, OPTIONS, START_MS } from './samples.ts';

function judgeOf(samples: readonly LagSample[], changes: Partial<typeof OPTIONS> = {}) {
  const { partitions } = assessLag({ samples }, { ...OPTIONS, ...changes });
  const [one] = partitions;
  if (one === undefined) throw new Error('no partition');
  return one;
}

const seconds = (count: number): number[] => Array.from({ length: count }, (_, second) => second);

describe('assessLag() with one sample', () => {
  test.each([
    ['ERROR', { end: undefined, start: undefined, error: 'LEADER_NOT_AVAILABLE' }],
    ['NEW', { position: undefined, end: 7n }],
    ['LOST', { position: 3n, start: 10n }],
    ['OK', { position: 100n }],
    ['UNKNOWN', { position: 90n }],
    ['UNKNOWN', { position: 101n }],
  ])('says %s', (verdict, partition) => {
    expect(judgeOf([lagSample([partition])]).verdict).toBe(verdict);
  });

  test('has no lag of a position beyond the end, and counts what expired as lost, not as lag', () => {
    expect(judgeOf([lagSample([{ position: 101n }])])).toMatchObject({ lag: undefined, groupLag: undefined });
    expect(judgeOf([lagSample([{ position: 3n, start: 10n }])])).toMatchObject({ lag: 90, lost: 7, severity: 'error' });
  });

  test('leaves unknown what it cannot tell: rates, ETA, and the lag of a partition without an answer', () => {
    const report = assessLag({ samples: [lagSample([{ position: 50n }, { end: undefined, start: undefined, error: 'x' }])] }, OPTIONS);
    expect(report.partitions[0]).toMatchObject({ inPerSecond: undefined, outPerSecond: undefined, etaSeconds: undefined });
    expect(report.partitions[1]).toMatchObject({ lag: undefined, verdict: 'ERROR' });
    expect(report.total).toMatchObject({
      lag: undefined,
      lagAtLeast: 50,
      groupLag: undefined,
      groupLagAtLeast: 50,
      behindMs: undefined,
      worst: 1,
    });
  });

  test('counts a partition that nobody has loaded by where it would start', () => {
    expect(judgeOf([lagSample([{ position: undefined }])]).lag).toBe(100);
    expect(judgeOf([lagSample([{ position: undefined }])], { startFrom: 'latest' }).lag).toBe(0);
  });

  const stuck = {
    by: 'ledger',
    loaded: 90n,
    position: 90n,
    timeLag: { minMs: 600_000, maxMs: 620_000 },
    loadedAtMs: START_MS - 700_000,
  } as const;

  test('says STALL or STOP where the ledger and the age of its next record both tell of it', () => {
    expect(judgeOf([lagSample([stuck])])).toMatchObject({ verdict: 'STALL', because: expect.stringContaining('by the ledger’s time') });
    expect(judgeOf([lagSample([{ ...stuck, member: undefined }])]).verdict).toBe('STOP');
    expect(judgeOf([lagSample([stuck], { state: 'Empty', members: [] })]).verdict).toBe('STOP');
  });

  test.each([
    ['the record has only just come', { ...stuck, timeLag: { minMs: 900, maxMs: 1_000 } }],
    ['the ledger has only just moved', { ...stuck, loadedAtMs: START_MS - 2_000 }],
    ['the age is not known', { ...stuck, timeLag: undefined }],
  ])('does not say STALL when %s', (_, partition) => {
    expect(judgeOf([lagSample([partition])]).verdict).toBe('UNKNOWN');
  });
});

describe('assessLag() with a window', () => {
  test('says AHEAD on the second poll in a row', () => {
    expect(judgeOf(history([[101, 100]])).verdict).toBe('UNKNOWN');
    expect(
      judgeOf(
        history([
          [101, 100],
          [101, 100],
        ]),
      ).verdict,
    ).toBe('AHEAD');
    expect(
      judgeOf(
        history([
          [100, 100],
          [101, 100],
        ]),
      ).verdict,
    ).toBe('UNKNOWN');
  });

  test('says OK when it was at zero within the window and has moved since', () => {
    expect(
      judgeOf(
        history([
          [10, 10],
          [20, 30],
          [30, 90],
        ]),
      ).verdict,
    ).toBe('OK');
    expect(
      judgeOf(
        history([
          [10, 10],
          [10, 30],
          [10, 90],
        ]),
      ).verdict,
    ).not.toBe('OK');
  });

  test('says REWIND until the old position is regained', () => {
    expect(
      judgeOf(
        history([
          [50, 100],
          [20, 100],
          [30, 100],
        ]),
      ).verdict,
    ).toBe('REWIND');
    expect(
      judgeOf(
        history([
          [50, 100],
          [20, 100],
          [55, 100],
        ]),
      ).verdict,
    ).not.toBe('REWIND');
  });

  test('says STOP without an owner and STALL with one, once it has stood still for 20 s', () => {
    const still = seconds(21).map((s) => [10, 50 + s] as const);
    expect(judgeOf(history(still)).verdict).toBe('STALL');
    expect(judgeOf(history(still, { partition: { member: undefined } })).verdict).toBe('STOP');
    expect(judgeOf(history(still, { state: 'Empty', members: [] })).verdict).toBe('STOP');
    expect(judgeOf(history(still.slice(0, 20))).verdict).toBe('UNKNOWN');
    expect(judgeOf(history(still), { stallAfterMs: 30_000 }).verdict).toBe('UNKNOWN');
    expect(judgeOf(history(still.slice(0, 6)), { stallAfterMs: 5_000 }).verdict).toBe('STALL');
  });

  test('does not take a topic for stalled where nothing was to be loaded until just now', () => {
    expect(judgeOf(history(seconds(25).map((s) => [10, s < 22 ? 10 : 11]))).verdict).toBe('UNKNOWN');
  });

  test('learns the rhythm of a loader: what moves every 15 s has not stalled after 40 s', () => {
    const slow = seconds(86).map((s) => [Math.min(Math.floor(s / 15), 3) * 150, 10 * s + 500] as const);
    expect(judgeOf(history(slow.slice(0, 85))).verdict).not.toBe('STALL');
    expect(judgeOf(history([...slow, ...seconds(10).map((s) => [450, 2000 + s] as const)])).verdict).toBe('STALL');
  });

  test('takes the batch timeout for the rhythm as long as none is learned', () => {
    const still = seconds(60).map((s) => [10, 50 + s] as const);
    expect(judgeOf(history(still), { expectedGapMs: 30_000 }).verdict).toBe('UNKNOWN');
  });

  test('says REBAL after a minute of it, and only then', () => {
    const rebalancing = seconds(62).map((s) => [10, 50 + s] as const);
    expect(judgeOf(history(rebalancing, { state: 'PreparingRebalance' }))).toMatchObject({ verdict: 'REBAL', severity: 'warn' });
    expect(judgeOf(history(rebalancing.slice(0, 60), { state: 'PreparingRebalance' })).verdict).not.toBe('REBAL');
  });

  test('says WARN when lag grows, DRAIN when it shrinks, OK when it does neither, however steep the teeth of the saw', () => {
    const saw = (inRate: number, outRate: number) => history(seconds(30).map((s) => [Math.floor(s / 2) * 2 * outRate, 5_000 + s * inRate]));
    expect(judgeOf(saw(100, 60))).toMatchObject({ verdict: 'WARN', etaSeconds: Number.POSITIVE_INFINITY });
    expect(judgeOf(saw(60, 100)).verdict).toBe('DRAIN');
    expect(judgeOf(saw(80, 80)).verdict).toBe('OK');
    expect(judgeOf(saw(60, 100)).etaSeconds).toBeCloseTo((5_000 + 29 * 60 - 28 * 100) / 40, 0);
  });

  test('never comes out negative or NaN, whatever is seen', () => {
    const point = fc.record({
      position: fc.option(fc.bigInt(0n, 50n), { nil: undefined }),
      start: fc.bigInt(0n, 50n),
      held: fc.bigInt(0n, 50n),
    });
    void fc.assert(
      fc.property(fc.array(point, { minLength: 1, maxLength: 12 }), (points) => {
        const samples = points.map(({ position, start, held }, second) => lagSample([{ position, start, end: start + held }], { second }));
        const { partitions, total } = assessLag({ samples }, OPTIONS);
        for (const value of [
          total.lag,
          total.lost,
          total.etaSeconds,
          partitions[0]?.inPerSecond,
          partitions[0]?.outPerSecond,
          partitions[0]?.lag,
        ]) {
          expect(value ?? 0).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});

describe('assessLag() of the whole', () => {
  test('takes the worst verdict, and among equals the one with most lag', () => {
    const { total } = assessLag({ samples: [lagSample([{}, { position: 50n }, { position: 20n }])] }, OPTIONS);
    expect(total).toMatchObject({ verdict: 'UNKNOWN', worst: 2, lag: 130, lagAtLeast: 130, groupLag: 130 });
  });

  test('marks a partition far above the others as hot', () => {
    const samples = [0, 1, 2].map((second) =>
      lagSample(
        [10, 12, 90].map((rate) => ({ position: 0n, end: BigInt(rate * second) })),
        { second },
      ),
    );
    const { partitions } = assessLag({ samples }, OPTIONS);
    expect(partitions.map(({ hotness }) => hotness)).toEqual([undefined, undefined, 7.5]);
  });

  test('warns of a group without members, members without partitions, partitions without members, and a warehouse that is away', () => {
    const warnings = (sample: LagSample) => assessLag({ samples: [sample] }, OPTIONS).warnings;
    expect(warnings(lagSample([{}], { members: [], state: 'Empty' }))).toEqual(['the group g is Empty: it has no members']);
    expect(warnings(lagSample([{ member: undefined }], { members: [{ ...MEMBER, partitions: [] }] }))).toEqual([
      '1 of 1 partitions have no member',
      '1 of 1 members have no partition',
    ]);
    expect(warnings(lagSample([{}], { gone: [1, 2] }))).toEqual([
      'p1, p2: in the ledger, but not in the topic t: it was made anew with fewer partitions',
    ]);
    const error = new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'cannot read the ledger: away');
    expect(warnings(lagSample([{}], { warehouse: { kind: 'failed', error } }))[0]).toContain('by the group alone: cannot read the ledger');
  });

  test('tells freshness and the growth of dead letters', () => {
    const letters = (records: number) => ({ topic: 't.dlq', records, newestAgeMs: 5 });
    const freshness = { newestTsMs: START_MS + 25_000, loadDelayMs: undefined };
    const samples = [
      lagSample([{}], { deadLetters: letters(40) }),
      lagSample([{}], { second: 30, deadLetters: letters(42), warehouse: { kind: 'read', freshness } }),
    ];
    expect(assessLag({ samples }, OPTIONS)).toMatchObject({ freshnessMs: 5_000, deadLetters: { records: 42, perMinute: 4 } });
  });

  describe('of dead letters over two minutes', () => {
    const perMinute = (records: (second: number) => number | undefined, lasting: number) => {
      const window = createLagWindow();
      for (let second = 0; second <= lasting; second += 2) {
        window.add(lagSample([{}], { second, deadLetters: { topic: 'd', records: records(second), newestAgeMs: undefined } }));
      }
      return assessLag(window, OPTIONS).deadLetters.perMinute;
    };

    test('forgets a burst that is over', () => {
      const burst = (second: number) => Math.min(second * 10, 600);
      expect(perMinute(burst, 60)).toBeCloseTo(600);
      expect(perMinute(burst, 120)).toBeCloseTo(300);
      expect(perMinute(burst, 184)).toBe(0);
      expect(perMinute(burst, 3_600)).toBe(0);
    });

    test('sees at once what begins late, and what can be counted only then', () => {
      expect(perMinute((second) => Math.max(second - 3_600, 0), 3_720)).toBeCloseTo(60);
      expect(perMinute((second) => (second < 3_600 ? undefined : second), 3_630)).toBeCloseTo(60);
    });
  });

  test('throws without a sample', () => {
    expect(() => assessLag({ samples: [] }, OPTIONS)).toThrow(RangeError);
  });
});
