import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Decoded, decodeRecord } from '../../../src/core/exposure/decode.ts';
import type { LogRecord } from '../../../src/core/exposure/exposure.ts';
import { addChunk, type Batch, type BatchPolicy, createBatch, dueInMs, isFull, takeOutRefused } from '../../../src/core/load/batch.ts';

const POLICY: BatchPolicy = { rowsDue: 3, ageDueMs: 1000, rowsMax: 5, bytesMax: 1_000_000 };
const AT_MS = Date.UTC(2026, 0, 15);

interface Given {
  readonly id?: string;
  readonly user?: string;
  readonly second?: number;
  readonly raw?: string;
}

function recordAt(offset: number, { id = `e${offset}`, user = 'u', second = 0, raw }: Given = {}, partition = 0): LogRecord {
  const value =
    raw ??
    JSON.stringify({
      exposure_id: id,
      ds_user_id: user,
      experiment_id: 'x',
      variation_id: '1',
      timestamp: new Date(AT_MS - 60_000 + second * 1000).toISOString(),
    });
  return { partition, offset: BigInt(offset), timestampMs: AT_MS, key: null, value: Buffer.from(value), headers: {} };
}

function decode(record: LogRecord): Decoded {
  return decodeRecord(record, { clusterId: 'c', topic: 't' });
}

function add(
  batch: Batch,
  records: readonly LogRecord[],
  options: {
    partition?: number;
    index?: number;
    ledgerOffset?: bigint;
    nextOffset?: bigint;
    policy?: BatchPolicy;
    elapsedMs?: number;
  } = {},
): number {
  const {
    partition = 0,
    index = 0,
    ledgerOffset = records[0]?.offset ?? 0n,
    nextOffset = (records.at(-1)?.offset ?? -1n) + 1n,
    policy = POLICY,
    elapsedMs = 0,
  } = options;
  return addChunk(batch, { partition, epoch: 1, ledgerOffset, records, index, nextOffset }, { policy, decode, elapsedMs });
}

describe('addChunk()', () => {
  it('makes a dead letter of each invalid record and rows of its neighbours', () => {
    const batch = createBatch();
    add(batch, [recordAt(0), recordAt(1, { raw: 'no' }), recordAt(2)]);
    expect(batch.exposures.map((one) => one.exposureId)).toEqual(['e0', 'e2']);
    expect(batch.letters.map((letter) => [letter.record.offset, letter.code])).toEqual([[1n, 'GBX_NOT_JSON']]);
  });

  it('counts the bytes of headers', () => {
    const [batch, plain] = [createBatch(), createBatch()];
    add(plain, [recordAt(0)]);
    add(batch, [{ ...recordAt(0), headers: { big: [Buffer.alloc(400_000), Buffer.alloc(500_000)] } }]);
    expect(batch.bytes - plain.bytes).toBeGreaterThan(900_000);
  });

  it('keeps the earliest of an id and counts the others', () => {
    const batch = createBatch();
    add(batch, [recordAt(0, { id: 'a', second: 2 }), recordAt(1, { id: 'a', second: 1 }), recordAt(2, { id: 'a', second: 3 })]);
    expect(batch.offsets).toEqual([1]);
    expect(batch.duplicates).toBe(2);
    expect(batch.letters).toEqual([]);
  });

  it('keeps the lower offset of an id when the times are the same, whichever comes first', () => {
    const [low, high] = [recordAt(4, { id: 'a' }), recordAt(9, { id: 'a' }, 1)];
    for (const order of [
      [low, high],
      [high, low],
    ] as const) {
      const batch = createBatch();
      for (const record of order) add(batch, [record], { partition: record.partition });
      expect(batch.offsets).toEqual([4]);
    }
  });

  it('makes a dead letter of the one read later when an id comes for another user', () => {
    const batch = createBatch();
    add(batch, [recordAt(0, { id: 'a', user: 'u', second: 5 }), recordAt(1, { id: 'a', user: 'v', second: 1 })]);
    expect(batch.exposures.map((one) => one.dsUserId)).toEqual(['u']);
    expect(batch.letters.map((letter) => [letter.record.offset, letter.code])).toEqual([[1n, 'GBX_ID_REUSED']]);
  });

  it('gives the records of refused rows and of copies like them, and makes a row of a copy with another content', () => {
    const batch = createBatch({ keepsRecords: true });
    add(batch, [
      recordAt(0, { id: 'a', second: 2 }),
      recordAt(1, { id: 'b' }),
      recordAt(2, { id: 'a', second: 2 }),
      recordAt(3, { id: 'a', second: 3 }),
    ]);
    const [exposure] = batch.exposures;
    if (exposure === undefined) throw new Error('no row');
    const taken = takeOutRefused(batch, [{ exposure, message: 'no' }], decode);
    expect(taken.map(({ record, message }) => [record.offset, message])).toEqual([
      [0n, 'no'],
      [2n, 'no'],
    ]);
    expect(batch.exposures.map((one) => one.exposureId)).toEqual(['b', 'a']);
    expect([batch.offsets, batch.duplicates]).toEqual([[1, 3], 0]);
  });

  it('stops where the batch is full, and its step ends at the first record not taken', () => {
    const batch = createBatch();
    const records = Array.from({ length: 8 }, (_, i) => recordAt(10 + i));
    expect(add(batch, records)).toBe(5);
    expect(batch.steps.get(0)).toMatchObject({ from: 10n, to: 15n });
    const next = createBatch();
    expect(add(next, records, { index: 5, ledgerOffset: 15n })).toBe(8);
    expect(next.steps.get(0)).toMatchObject({ from: 15n, to: 18n });
  });

  it('ends the step beyond offsets that hold no records, as after a transaction marker', () => {
    const batch = createBatch();
    add(batch, [recordAt(3)], { ledgerOffset: 2n, nextOffset: 7n });
    expect(batch.steps.get(0)).toMatchObject({ from: 2n, to: 7n });
  });

  it('has no step for a chunk of which nothing was taken', () => {
    const batch = createBatch();
    add(batch, [], { nextOffset: 9n });
    expect(batch.steps.size).toBe(0);
    expect(dueInMs(batch, POLICY, 1e9)).toBe(Number.POSITIVE_INFINITY);
  });

  it('never exceeds the limits, loses nothing and moves each step from where the last one ended', () => {
    const given = fc.record({
      id: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
      user: fc.constantFrom('u', 'v'),
      second: fc.nat(50),
      isBad: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(2), fc.array(given, { maxLength: 6 })), { maxLength: 20 }),
        fc.integer({ min: 1, max: 7 }),
        (chunks, rowsMax) => {
          const policy = { ...POLICY, rowsMax };
          const ledger = [0n, 0n, 0n];
          let batch = createBatch();
          let [put, got] = [0, 0];
          const close = (): void => {
            expect(batch.recordCount).toBeLessThanOrEqual(rowsMax);
            expect(new Set(batch.exposures.map((one) => one.exposureId)).size).toBe(batch.exposures.length);
            got += batch.exposures.length + batch.duplicates + batch.letters.length;
            for (const step of batch.steps.values()) {
              expect(step.from).toBe(ledger[step.partition]);
              ledger[step.partition] = step.to;
            }
            batch = createBatch();
          };
          const ends = [0, 0, 0];
          for (const [partition, items] of chunks) {
            let end = ends[partition] ?? 0;
            const records = items.map(({ id, user, second, isBad }) =>
              recordAt(end++, { user, second, ...(id === undefined ? {} : { id }), ...(isBad ? { raw: '[]' } : {}) }, partition),
            );
            ends[partition] = end;
            put += records.length;
            let index = 0;
            while (index < records.length) {
              if (isFull(batch, policy)) close();
              index = add(batch, records, {
                partition,
                index,
                policy,
                ledgerOffset: batch.steps.get(partition)?.to ?? ledger[partition] ?? 0n,
              });
            }
          }
          close();
          expect(got).toBe(put);
          expect(ledger).toEqual(ends.map(BigInt));
        },
      ),
    );
  });
});

describe('dueInMs()', () => {
  it('counts from the first record in the batch, not from the former flush', () => {
    const batch = createBatch();
    add(batch, [recordAt(0)], { elapsedMs: 5_000 });
    add(batch, [recordAt(1)], { elapsedMs: 5_900 });
    expect(dueInMs(batch, POLICY, 5_900)).toBe(100);
    expect(dueInMs(batch, POLICY, 6_001)).toBe(0);
  });

  it('is 0 at the number of rows that makes a batch due', () => {
    const batch = createBatch();
    add(batch, [recordAt(0), recordAt(1), recordAt(2)]);
    expect(dueInMs(batch, POLICY, 0)).toBe(0);
  });

  it('is 0 when the bytes are used up', () => {
    const batch = createBatch();
    const policy = { ...POLICY, rowsDue: 100, bytesMax: 250 };
    add(batch, [recordAt(0)], { policy });
    expect(isFull(batch, policy)).toBe(true);
    expect(dueInMs(batch, policy, 0)).toBe(0);
  });
});
