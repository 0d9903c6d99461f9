import { expect, test } from 'vitest';
import { createBeginning } from '../../../src/core/verify/beginning.ts';
import type { PartitionRange } from '../../../src/core/verify/range.ts';

function ranges(...partitions: number[]): PartitionRange[] {
  const rest = { ledger: 9n, start: 0n, end: 9n, waiting: 0n, expired: 0n, expiredUnloaded: 0n };
  return partitions.map((partition) => ({ partition, from: 0n, to: 9n, ...rest }));
}

function placesOf(missing: readonly bigint[], accounted: readonly bigint[]): ReadonlyMap<number, bigint> | undefined {
  const beginning = createBeginning();
  for (const offset of missing) beginning.note({ partition: 0, offset }, false);
  for (const offset of accounted) beginning.note({ partition: 0, offset }, true);
  return beginning.places(ranges(0, 1));
}

test('createBeginning() proposes nothing where nothing is missing, nothing was loaded, or something is missing later', () => {
  expect(placesOf([], [1n])).toBeUndefined();
  expect(placesOf([1n], [])).toBeUndefined();
  expect(placesOf([1n, 5n], [3n, 7n])).toBeUndefined();
});

test('createBeginning() proposes the first record that was loaded, and leaves nothing out of the other partitions', () => {
  expect([...(placesOf([2n, 0n], [8n, 3n, 5n]) ?? [])]).toEqual([
    [0, 3n],
    [1, 0n],
  ]);
});
