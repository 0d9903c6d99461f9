import { describe, expect, it } from 'vitest';
import { decodeRecord } from '../../../src/core/exposure/decode.ts';
import type { Exposure, LogRecord } from '../../../src/core/exposure/exposure.ts';
import { createRefusals, giveBack } from '../../../src/core/load/refusals.ts';
import { exposureRecord } from './fakes.ts';
import { copyAt } from './retry-fakes.ts';

function exposureOf(record: LogRecord): Exposure {
  const decoded = decodeRecord(record, { clusterId: 'c', topic: 'exposures' });
  if (decoded.kind !== 'exposure') throw new Error(decoded.message);
  return decoded.exposure;
}

describe('createRefusals()', () => {
  const record = exposureRecord(3);
  const row = { exposure: exposureOf(record), message: 'no' };

  it('finds the same content below the place that was read, nothing else', () => {
    const refusals = createRefusals();
    refusals.remember([row], new Map([[0, 10n]]));
    expect(refusals.find(row.exposure, record)).toBe('no');
    expect(refusals.find(row.exposure, copyAt(9, 3))).toBe('no');
    expect(refusals.find(row.exposure, copyAt(10, 3)), 'a copy that was made since').toBeUndefined();
    expect(refusals.find({ ...row.exposure, attributes: '{"a":1}' }, record)).toBeUndefined();
    expect(refusals.find(row.exposure, { ...record, partition: 1 })).toBeUndefined();
  });

  it('forgets what the ledger has passed and what is held by another member', () => {
    const refusals = createRefusals();
    refusals.remember([row], new Map([[0, 10n]]));
    refusals.forget(new Map([[0, { ledgerOffset: 9n }]]));
    expect(refusals.isEmpty()).toBe(false);
    refusals.forget(new Map([[0, { ledgerOffset: 10n }]]));
    expect(refusals.isEmpty()).toBe(true);
    refusals.remember([row], new Map([[0, 10n]]));
    refusals.forget(new Map([[1, { ledgerOffset: 0n }]]));
    expect(refusals.isEmpty()).toBe(true);
  });

  it('remembers no more than its bound', () => {
    const refusals = createRefusals(2);
    const rows = [1, 2, 3].map((offset) => ({ exposure: exposureOf(exposureRecord(offset)), message: 'no' }));
    refusals.remember(rows, new Map([[0, 10n]]));
    refusals.remember([row], new Map([[0, 10n]]));
    expect([1, 2, 3].map((offset) => refusals.find(exposureOf(exposureRecord(offset)), exposureRecord(offset)))).toEqual([
      'no',
      'no',
      undefined,
    ]);
  });
});

describe('giveBack()', () => {
  const options = { retry: { max: 3, backoffMs: [1_000, 4_000] }, nowMs: 5_000_000, random: () => 0.999_999, atOnce: false };

  it.each([
    [undefined, 1, 1_000],
    ['1', 2, 4_000],
    ['2', 3, 4_000],
  ])('requeues a record of count %j as %j, after %i ms at most, fully jittered', (count, retryCount, longestMs) => {
    const record = count === undefined ? exposureRecord(0) : copyAt(5, 0, { 'gbx-retry-count': count });
    const notBeforeMs = (random: () => number): number => {
      const given = giveBack({ record, message: 'no' }, { ...options, random });
      expect(given).toMatchObject({ kind: 'requeue', requeued: { retryCount, code: 'GBX_ROW_REFUSED', message: 'no', record } });
      return given.kind === 'requeue' && given.requeued.kind === 'refused' ? given.requeued.notBeforeMs - options.nowMs : -1;
    };
    expect(notBeforeMs(() => 0.999_999)).toBe(longestMs);
    expect(notBeforeMs(() => 0)).toBe(longestMs / 10);
  });

  it('gives it up after its last retry, and at once where it is told to', () => {
    const letter = { kind: 'letter', letter: { code: 'GBX_ROW_REFUSED', stage: 'load', message: 'no' } };
    expect(giveBack({ record: copyAt(5, 0, { 'gbx-retry-count': '3' }), message: 'no' }, options)).toMatchObject(letter);
    expect(giveBack({ record: exposureRecord(0), message: 'no' }, { ...options, atOnce: true })).toMatchObject(letter);
    expect(giveBack({ record: exposureRecord(0), message: 'no' }, { ...options, retry: { max: 0, backoffMs: [] } })).toMatchObject(letter);
  });
});
