import { describe, expect, it } from 'vitest';
import { encodeExposure } from '../../../src/core/exposure/encode.ts';
import type { LogRecord, RecordHeaders } from '../../../src/core/exposure/exposure.ts';
import { createExpected, expectRecord, expectSent, isInShare, noteLetter, noteRow } from '../../../src/core/verify/expect.ts';
import { fingerprintText } from '../../../src/core/verify/id-table.ts';
import { exposure, NOON_MS, SCOPE, sentOf } from './world.ts';

const ALL = { pass: 0, passes: 1 };
const A = exposure('a');

function record(value: typeof A | string, offset = 0n, headers: RecordHeaders = {}): LogRecord {
  const bytes = Buffer.from(typeof value === 'string' ? value : encodeExposure(value));
  return { partition: 0, offset, timestampMs: NOON_MS + 1, key: null, value: bytes, headers };
}

/** Numbers of the letters of all entries of an id. */
function lettersOf(expected: ReturnType<typeof createExpected>, id: string): string[] {
  return expected.table.group(fingerprintText(id)).map((slot) => expected.codes.name(expected.table.letter[slot] ?? 0));
}

describe('a dead letter', () => {
  const letter = (value: typeof A | string, offset: bigint, code: string) =>
    record(value, 99n, { 'gbx-origin': `t/0/${offset}/${NOON_MS}`, 'gbx-error-code': code });
  const options = { place: SCOPE, share: ALL, isSent: false };

  it('counts for the exposure it holds, for no other one under its id', () => {
    const expected = createExpected(10);
    const other = { ...A, dsUserId: 'other' };
    for (const [at, one] of [A, other].entries()) expectRecord(expected, record(one, BigInt(at)), { place: SCOPE, share: ALL });
    noteLetter(expected, letter(other, 1n, 'GBX_ID_REUSED'), options);
    expect(lettersOf(expected, 'a')).toEqual(['', 'GBX_ID_REUSED']);
  });

  it('of a record that is none counts for the place it was first written to, and for no other', () => {
    const expected = createExpected(10);
    for (const offset of [0n, 1n]) expectRecord(expected, record('garbage', offset), { place: SCOPE, share: ALL });
    noteLetter(expected, letter('garbage', 1n, 'GBX_NOT_JSON'), options);
    expect([0, 1].map((offset) => lettersOf(expected, `\0t/0/${offset}`))).toEqual([[''], ['GBX_NOT_JSON']]);
    expect(expected.seen).toMatchObject({ records: 2, invalid: 2 });
  });

  it('without a reason, of a manifest, and of what is not expected does no harm', () => {
    const expected = createExpected(10);
    expectSent(expected, sentOf(A), ALL);
    noteLetter(expected, record(A, 5n), { ...options, isSent: true });
    noteLetter(expected, letter(exposure('b'), 1n, 'X'), { ...options, isSent: true });
    expect(lettersOf(expected, 'a')).toEqual(['without a reason']);
  });
});

describe('noteRow()', () => {
  it('tells a known id from an unknown one, and from one of another pass', () => {
    const share = { pass: 0, passes: 2 };
    const ids = Array.from({ length: 20 }, (_, at) => `id-${at}`);
    const mine = ids.filter((id) => isInShare(fingerprintText(id), share));
    expect(mine.length).toBeGreaterThan(0);
    expect(mine.length).toBeLessThan(20);
    const expected = createExpected(20);
    for (const id of ids) expectRecord(expected, record(exposure(id)), { place: SCOPE, share });
    expect(ids.map((id) => noteRow(expected, exposure(id), share))).toEqual(ids.map((id) => (mine.includes(id) ? 'known' : 'not-mine')));
    const strange = Array.from({ length: 20 }, (_, at) => `strange-${at}`).filter((id) => isInShare(fingerprintText(id), share));
    expect(new Set(strange.map((id) => noteRow(expected, exposure(id), share)))).toEqual(new Set(['unknown']));
  });
});
