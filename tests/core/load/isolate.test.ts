import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isolate, type Verdict } from '../../../src/core/load/isolate.ts';
import { seededRandom } from '../../support/clock.ts';

interface Table {
  readonly count: number;
  readonly refuses: (index: number) => boolean;
  readonly refusesControl?: boolean;
  readonly isLacking?: (index: number) => boolean;
  readonly isFresh?: (index: number) => boolean;
  readonly toTheEnd?: boolean;
  readonly seed?: number;
}

/** @returns the verdict, and the attempts with the flush that failed before. */
function search({ count, refuses, refusesControl = false, isLacking = all, isFresh = all, toTheEnd = false, seed = 1 }: Table): {
  verdict: Verdict;
  attempts: number;
} {
  const steps = isolate({ count, message: 'whole batch', isFresh, random: seededRandom(seed), toTheEnd });
  let attempts = 1;
  for (let next = steps.next(); ; attempts++) {
    if (next.done === true) return { verdict: next.value, attempts };
    const trial = next.value;
    const isRefused = trial.kind === 'control' ? refusesControl : trial.rows.some(refuses);
    const message = trial.kind === 'control' ? 'control' : `of ${trial.rows.length}`;
    const lacking = trial.kind === 'control' ? 1 : trial.rows.filter(isLacking).length;
    next = steps.next(isRefused ? { kind: 'refused', message } : { kind: 'taken', lacking });
  }
}

function indexes(verdict: Verdict): number[] {
  return (verdict.kind === 'rows' ? verdict.refused : verdict.known).map(({ index }) => index).sort((a, b) => a - b);
}

const all = (): boolean => true;

describe('isolate()', () => {
  it('finds exactly the refused rows in at most 2k log2(n) + 2 attempts, the failed flush and the control row among them', () => {
    const sizes = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 41, max: 3_000 }));
    const cases = sizes.chain((count) =>
      fc.record({
        count: fc.constant(count),
        bad: fc.uniqueArray(fc.nat(count - 1), { minLength: 1, maxLength: Math.max(1, Math.min(60, Math.floor(count / 2))) }),
        before: fc.uniqueArray(fc.nat(count - 1), { maxLength: 60 }),
        seed: fc.nat(1_000),
      }),
    );
    fc.assert(
      fc.property(cases, ({ count, bad, before, seed }) => {
        const refused = new Set(bad);
        const isFresh = (index: number): boolean => !before.includes(index);
        // Otherwise it is the table, see below.
        fc.pre(bad.filter(isFresh).length * 2 <= count - before.length);
        const { verdict, attempts } = search({ count, refuses: (index) => refused.has(index), isFresh, seed });
        expect(verdict.kind).toBe('rows');
        expect(indexes(verdict)).toEqual([...refused].sort((a, b) => a - b));
        expect(attempts).toBeLessThanOrEqual(2 * bad.length * Math.log2(count) + 2);
      }),
      { numRuns: 1_500 },
    );
  });

  it('keeps to its bound for every single row of batches of every size to 200, and for all rows of the small ones', () => {
    for (let count = 1; count <= 200; count++) {
      for (let bad = 0; bad < count; bad++) {
        const { verdict, attempts } = search({ count, refuses: (index) => index === bad });
        expect(indexes(verdict)).toEqual([bad]);
        expect(attempts, `row ${bad} of ${count}`).toBeLessThanOrEqual(2 * Math.log2(count) + 2);
      }
    }
    for (let count = 1; count < 10; count++) {
      const { verdict, attempts } = search({ count, refuses: all });
      expect(verdict).toMatchObject({ kind: 'rows', isMost: false });
      expect(attempts).toBeLessThanOrEqual(2 * count * Math.log2(count) + 2);
    }
  });

  it.each([20, 100, 16_000])('sees after a few attempts that all of %i rows are refused', (count) => {
    const { verdict, attempts } = search({ count, refuses: all });
    expect(verdict.kind).toBe('most');
    expect(attempts).toBeLessThan(60);
  });

  it('sees that the table takes nothing when it refuses the control row too, however few rows there are', () => {
    for (const count of [1, 2, 9, 10, 16_000]) {
      const { verdict, attempts } = search({ count, refuses: all, refusesControl: true });
      expect(verdict.kind).toBe('everything');
      expect(indexes(verdict).length).toBeGreaterThan(0);
      expect(attempts).toBeLessThan(60);
    }
  });

  it('does not ask for the control row where some row passed', () => {
    expect(search({ count: 4, refuses: (index) => index < 3, refusesControl: true }).verdict).toMatchObject({ kind: 'rows' });
  });

  it.each([
    { refused: 10, count: 19, kind: 'most' },
    { refused: 10, count: 20, kind: 'rows' },
    { refused: 9, count: 10, kind: 'rows' },
    { refused: 600, count: 1_000, kind: 'most' },
    { refused: 480, count: 1_000, kind: 'rows' },
  ])('calls $refused of $count refused rows: $kind', ({ refused, count, kind }) => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seededRandom(seed);
      const order = Array.from({ length: count }, (_, index) => ({ index, at: random() })).sort((a, b) => a.at - b.at);
      const bad = new Set(order.slice(0, refused).map(({ index }) => index));
      expect(search({ count, refuses: (index) => bad.has(index), seed }).verdict.kind).toBe(kind);
    }
  });

  it.each([10, 40, 400])('is not misled by a cluster of %i refused rows at the head of a good batch', (cluster) => {
    const { verdict, attempts } = search({ count: 4_000, refuses: (index) => index < cluster });
    expect(indexes(verdict)).toHaveLength(cluster);
    expect(verdict).toMatchObject({ kind: 'rows', isMost: false });
    expect(attempts).toBeLessThanOrEqual(2 * cluster * Math.log2(4_000) + 2);
  });

  it('asks for the control row where the only rows that passed stand in the table: they would pass whatever it refuses', () => {
    const table = { count: 5, refuses: (index: number) => index > 0, isLacking: (index: number) => index > 0 };
    expect(search({ ...table, refusesControl: true }).verdict.kind).toBe('everything');
    expect(search(table).verdict).toMatchObject({ kind: 'rows' });
    expect(search({ ...table, isLacking: all, refusesControl: true }).verdict).toMatchObject({ kind: 'rows' });
  });

  it('judges the batch by rows that are tried for the first time: retries come back together', () => {
    const isFresh = (index: number): boolean => index >= 30;
    expect(search({ count: 40, refuses: (index) => index < 30, isFresh }).verdict).toMatchObject({ kind: 'rows', isMost: false });
    expect(search({ count: 30, refuses: all, isFresh }).verdict).toMatchObject({ kind: 'rows', isMost: false });
    expect(search({ count: 60, refuses: all, isFresh }).verdict.kind).toBe('most');
  });

  it('takes two attempts a row for rows that were refused before, wherever they stand', () => {
    const before = new Set([3, 100, 400, 401, 777]);
    const isFresh = (index: number): boolean => !before.has(index);
    const refusedAgain = search({ count: 1_000, refuses: (index) => before.has(index), isFresh });
    expect(indexes(refusedAgain.verdict)).toEqual([...before]);
    expect(refusedAgain.attempts).toBeLessThanOrEqual(2 * before.size + 2);
    const oneMore = search({ count: 1_000, refuses: (index) => before.has(index) || index === 500, isFresh });
    expect(indexes(oneMore.verdict)).toEqual([3, 100, 400, 401, 500, 777]);
    expect(oneMore.attempts).toBeLessThanOrEqual(2 * before.size + 2 * Math.log2(1_000) + 2);
  });

  it('goes to the end where it is told to, row by row once most are refused', () => {
    const { verdict, attempts } = search({ count: 1_000, refuses: (index) => index % 10 !== 3, toTheEnd: true });
    expect(verdict).toMatchObject({ kind: 'rows', isMost: true });
    expect(indexes(verdict)).toHaveLength(900);
    expect(attempts).toBeLessThan(2_000);
  });

  it('names only rows that were refused alone: the table may be mended meanwhile', () => {
    let trials = 0;
    const { verdict } = search({ count: 64, refuses: (index) => index >= 40 && ++trials < 4 });
    expect(verdict).toMatchObject({ kind: 'rows', refused: [] });
    const passes = search({ count: 8, refuses: () => false });
    expect(passes.verdict).toMatchObject({ kind: 'rows', refused: [] });
  });

  it('says of each row what the warehouse said of it', () => {
    expect(search({ count: 4, refuses: (index) => index === 3 }).verdict).toMatchObject({ refused: [{ index: 3, message: 'of 1' }] });
    expect(search({ count: 1, refuses: all }).verdict).toMatchObject({ refused: [{ index: 0, message: 'whole batch' }] });
  });
});
