import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { partitionOfKey } from '../../src/kafka/partitioner.ts';
import { type ProducerRecord, planSends, recordBytes } from '../../src/kafka/plan-sends.ts';

const record = (key: string | null, bytes = 0): ProducerRecord => ({ key, value: 'x'.repeat(bytes), timestampMs: 0 });

describe('planSends()', () => {
  test('sends every record exactly once, to the partition of its key, in order, within the limits', () => {
    const records = fc.array(
      fc.record({ key: fc.string({ maxLength: 3 }), value: fc.string({ maxLength: 200 }), timestampMs: fc.constant(0) }),
      { maxLength: 60 },
    );
    const limits = fc.record({
      partitionCount: fc.integer({ min: 1, max: 5 }),
      recordsMax: fc.integer({ min: 1, max: 7 }),
      bytesMax: fc.integer({ min: 60, max: 900 }),
      sendBytesMax: fc.integer({ min: 60, max: 2_000 }),
    });
    fc.assert(
      fc.property(records, limits, (list, max) => {
        const sends = planSends(list, max);
        const bytesOf = (indexes: readonly number[]): number =>
          indexes.reduce((sum, index) => sum + recordBytes(list[index] ?? record(null)), 0);
        const byPartition = new Map<number, number[]>();
        for (const parts of sends) {
          expect(new Set(parts.map(({ partition }) => partition)).size).toBe(parts.length);
          const all = parts.flatMap(({ indexes }) => indexes);
          if (all.length > 1) expect(bytesOf(all)).toBeLessThanOrEqual(max.sendBytesMax);
          for (const { partition, indexes } of parts) {
            expect(indexes.length).toBeLessThanOrEqual(max.recordsMax);
            if (indexes.length > 1) expect(bytesOf(indexes)).toBeLessThanOrEqual(max.bytesMax);
            byPartition.set(partition, [...(byPartition.get(partition) ?? []), ...indexes]);
          }
        }
        const expected = new Map<number, number[]>();
        for (const [index, { key }] of list.entries()) {
          const partition = partitionOfKey(key, max.partitionCount);
          expected.set(partition, [...(expected.get(partition) ?? []), index]);
        }
        expect(byPartition).toEqual(expected);
      }),
    );
  });

  test('sends a record that is larger than the limit alone', () => {
    const sends = planSends([record('a'), record('a', 500), record('a')], {
      partitionCount: 1,
      recordsMax: 10,
      bytesMax: 100,
      sendBytesMax: 1000,
    });
    expect(sends.map((parts) => parts.map(({ indexes }) => indexes))).toEqual([[[0]], [[1]], [[2]]]);
  });

  test('keeps a record without a key in its partition, as far as there is one', () => {
    const limits = { partitionCount: 3, recordsMax: 10, bytesMax: 1000, sendBytesMax: 1000 };
    expect(
      planSends(
        [
          { ...record(null), partition: 4 },
          { ...record(null), partition: 1 },
        ],
        limits,
      ),
    ).toEqual([[{ partition: 1, indexes: [0, 1] }]]);
  });
});

describe('recordBytes()', () => {
  test('counts UTF-8, headers and each value of a repeated header', () => {
    const plain = recordBytes(record('k', 10));
    expect(recordBytes({ ...record('k', 10), key: 'ü' })).toBe(plain + 1);
    expect(recordBytes({ ...record('k', 10), headers: { ab: ['1', Buffer.from('22')], no: undefined } })).toBeGreaterThanOrEqual(
      plain + 4 + 3,
    );
  });
});
