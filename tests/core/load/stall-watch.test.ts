import { describe, expect, test } from 'vitest';
import { createStallWatch, type StallWatch } from '../../../src/core/load/stall-watch.ts';

const ends = (...list: readonly number[]) =>
  list.map((end, partition) => ({ partition, start: 0n, end: BigInt(end), committed: undefined }));

function watching(...positions: readonly number[]): StallWatch {
  const watch = createStallWatch(2);
  watch.joined();
  watch.sought(new Map(positions.map((position, partition) => [partition, BigInt(position)])));
  return watch;
}

describe('check()', () => {
  test('finds the partition that gave nothing while the others gave all they had', () => {
    const watch = watching(0, 0);
    watch.check(ends(10, 10));
    for (let round = 1; round <= 2; round++) {
      watch.gave(0, BigInt(10 * round));
      expect(watch.check(ends(10 * (round + 1), 10)).stalled).toEqual(round === 2 ? [1] : []);
    }
  });

  test('finds all of them where nothing comes at all', () => {
    const watch = watching(0, 5);
    watch.check(ends(10, 10));
    watch.check(ends(10, 10));
    expect(watch.check(ends(10, 10)).stalled).toEqual([0, 1]);
  });

  test('takes a partition that waits for its turn under a backlog for none', () => {
    const watch = watching(0, 0);
    for (let round = 1; round < 20; round++) {
      watch.gave(0, BigInt(round));
      expect(watch.check(ends(1000, 1000)).stalled).toEqual([]);
    }
  });

  test('begins anew with records, with a seek and with a join', () => {
    const begin: ((watch: StallWatch) => void)[] = [
      (watch) => watch.gave(0, 1n),
      (watch) => watch.sought(new Map([[0, 1n]])),
      (watch) => watch.joined(),
    ];
    for (const anew of begin) {
      const watch = watching(0);
      watch.check(ends(10));
      watch.check(ends(10));
      anew(watch);
      expect(watch.check(ends(10)).stalled).toEqual([]);
      expect(watch.check(ends(10)).stalled).toEqual([]);
    }
  });

  test('tells when all was given, and that an empty log gives nothing is no stall', () => {
    const watch = watching(10, 0);
    for (let round = 0; round < 5; round++) expect(watch.check(ends(10, 0))).toEqual({ stalled: [], isCaughtUp: true });
    expect(watch.check(ends(11, 0)).isCaughtUp).toBe(false);
    expect(createStallWatch(2).check([]).isCaughtUp).toBe(false);
  });
});

describe('doubted()', () => {
  test('names nobody before a seek, nor while all of them give', () => {
    const watch = createStallWatch(2);
    expect(watch.doubted()).toEqual([]);
    watch.sought(
      new Map([
        [0, 0n],
        [1, 0n],
      ]),
    );
    expect(watch.doubted()).toEqual([0, 1]);
    watch.check(ends(5, 5));
    watch.gave(0, 1n);
    expect(watch.doubted()).toEqual([0, 1]);
    watch.gave(1, 1n);
    expect(watch.doubted()).toEqual([]);
  });
});
