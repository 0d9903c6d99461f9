import { describe, expect, it } from 'vitest';
import { type Copy, examine, examineSent, whoKey } from '../../../src/core/verify/suspects.ts';
import { exposure, sentOf, stored } from './world.ts';

const DAY_MICROS = 86_400_000_000;
const A = exposure('a');
const OTHER = exposure('a', { dsUserId: 'other' });
const NO_LETTERS: ReadonlyMap<string, string> = new Map();

function copy(of: typeof A, place: Copy['place'] = 'range'): Copy {
  return { exposure: of, spot: { partition: 0, offset: 0n }, place };
}

function fateOf(copies: readonly Copy[], rows: Parameters<typeof examine>[1], letters = NO_LETTERS) {
  return examine({ exposureId: 'a', copies, letters }, rows).fate;
}

describe('examine()', () => {
  it('calls missing what has no row, and one of two exposures under an id', () => {
    expect(fateOf([copy(A)], [])).toMatchObject({ kind: 'missing' });
    expect(fateOf([copy(A), copy(OTHER)], [stored(A)])).toMatchObject({ kind: 'missing' });
  });

  it('calls wrong what is doubled within a day, altered, or stands for somebody else', () => {
    const near = stored({ ...A, tsMicros: A.tsMicros + DAY_MICROS });
    const copies = [copy(A), copy({ ...A, tsMicros: near.tsMicros })];
    expect(fateOf(copies, [stored(A), near])).toMatchObject({ kind: 'wrong', isDoubled: true, isAltered: false });
    expect(fateOf([copy(A)], [stored({ ...A, source: 'x' })])).toMatchObject({ kind: 'wrong', isAltered: true, isDoubled: false });
    const stranger = examine({ exposureId: 'a', copies: [copy(A)], letters: NO_LETTERS }, [stored(OTHER)]);
    expect(stranger).toMatchObject({ fate: { kind: 'wrong', isAltered: true }, alteredFields: ['ds_user_id'] });
  });

  it('calls doubled two rows of one id within a day, whoever they stand for', () => {
    const both = [stored(A), stored(OTHER)];
    expect(fateOf([copy(A)], both)).toMatchObject({ kind: 'wrong', isDoubled: true });
    expect(fateOf([copy(A), copy(OTHER)], both)).toMatchObject({ kind: 'wrong', isDoubled: true, isAltered: false, isAgain: false });
    const letters = new Map([[whoKey(OTHER), 'GBX_ID_REUSED']]);
    expect(fateOf([copy(OTHER)], [stored(A), stored(A)], letters)).toMatchObject({ kind: 'wrong', isDoubled: true });
    const third = exposure('a', { variationId: '2' });
    expect(fateOf([copy(A), copy(OTHER), copy(third)], both)).toMatchObject({ kind: 'missing', isDoubled: true });
    const apart = [stored(A), stored({ ...OTHER, tsMicros: A.tsMicros + DAY_MICROS + 1 })];
    expect(fateOf([copy(A), copy({ ...OTHER, tsMicros: A.tsMicros + DAY_MICROS + 1 })], apart)).toMatchObject({
      kind: 'loaded',
      isDoubled: false,
    });
  });

  it('calls no row altered of an id with more copies than are looked at, and still finds what is missing or doubled', () => {
    const ask = (copies: readonly Copy[], rows: Parameters<typeof examine>[1]) =>
      examine({ exposureId: 'a', copies, letters: NO_LETTERS, hasMoreCopies: true }, rows).fate;
    expect(ask([copy(A)], [stored({ ...A, source: 'x' })])).toMatchObject({ kind: 'loaded', isAltered: false });
    expect(ask([copy(A)], [stored(OTHER)])).toMatchObject({ kind: 'missing', isAltered: false });
    expect(ask([copy(A)], [stored(A), stored(A)])).toMatchObject({ kind: 'wrong', isDoubled: true });
  });

  it('names the fields in which a row differs from the copy that is nearest to it', () => {
    const copies = [copy(A), copy({ ...A, source: 'x', attributes: '{}' })];
    const rows = [stored({ ...A, source: 'x', attributes: '{"b":1}' })];
    expect(examine({ exposureId: 'a', copies, letters: NO_LETTERS }, rows).alteredFields).toEqual(['attributes']);
  });

  it('calls right what equals a copy from anywhere, lies days apart, was given up, or waits', () => {
    const apart = stored({ ...A, tsMicros: A.tsMicros + DAY_MICROS + 1 });
    expect(fateOf([copy(A), copy({ ...A, tsMicros: apart.tsMicros })], [stored(A), apart])).toMatchObject({
      kind: 'loaded',
      isAgain: true,
    });
    const early = { ...A, tsMicros: A.tsMicros - 1 };
    expect(fateOf([copy(A), copy(early, 'outside')], [stored(early)])).toMatchObject({ kind: 'loaded' });
    expect(fateOf([copy(A), copy(A, 'waiting')], [])).toMatchObject({ kind: 'waiting' });
    const letters = new Map([[whoKey(OTHER), 'GBX_ID_REUSED']]);
    expect(fateOf([copy(A), copy(OTHER)], [stored(A)], letters)).toMatchObject({ kind: 'loaded', reused: 1 });
    expect(fateOf([copy(OTHER)], [stored(A)], letters)).toMatchObject({ kind: 'dead-lettered', code: 'GBX_ID_REUSED' });
  });
});

describe('examineSent()', () => {
  const ask = (outcome: 'ok' | 'refused' | 'unknown', rows: Parameters<typeof examineSent>[1], over = {}) =>
    examineSent({ entries: [sentOf(A, outcome)], letterCode: undefined, isWaiting: false, ...over }, rows).fate;

  it('goes by what became of the post', () => {
    expect(ask('ok', [])).toEqual({ kind: 'missing' });
    expect(ask('ok', [], { letterCode: 'GBX_ROW_REFUSED' })).toEqual({ kind: 'dead-lettered', code: 'GBX_ROW_REFUSED' });
    expect(ask('ok', [], { isWaiting: true })).toEqual({ kind: 'waiting' });
    expect(ask('unknown', [])).toEqual({ kind: 'absent' });
    expect(ask('refused', [stored(A)])).toMatchObject({ kind: 'unexpected' });
    expect(ask('unknown', [stored(A)])).toMatchObject({ kind: 'loaded' });
    expect(ask('ok', [stored(A), stored(A)])).toMatchObject({ kind: 'wrong', isDoubled: true });
    expect(ask('ok', [stored({ ...A, source: 'x' })])).toMatchObject({ kind: 'wrong', isAltered: true });
  });
});
