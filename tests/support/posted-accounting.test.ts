import { describe, expect, it } from 'vitest';
import { type PostedBooks, type PostedRecord, takePostedAccount } from './posted-accounting.ts';
import type { PlacedRecord } from './topic-log.ts';

const own = (exposureId: string) => ({
  exposureId,
  dsUserId: 'u',
  experimentId: 'e',
  variationId: 'v',
  tsMicros: 1_000_001,
  attributes: '{}',
  source: 's',
});
const post = (id: string, outcome: PostedRecord['outcome'], end?: 'letter'): PostedRecord => ({
  row: own(id),
  outcome,
  ...(end === undefined ? {} : { end }),
});

function letter(value: string, { code = 'GBX_ROW_REFUSED', offset = 0 } = {}): PlacedRecord {
  const headers = { 'gbx-origin': `t/0/${offset}/1000`, 'gbx-error-code': code };
  return { partition: 0, offset: 0n, timestampMs: 1, key: null, value: Buffer.from(value), headers };
}

const letterOf = (id: string, at?: { offset: number }) => letter(JSON.stringify({ exposure_id: id }), at);

const BOOKS: PostedBooks = {
  posted: [post('ok', 'ok'), post('fail', 'fail'), post('unknown', 'unknown'), post('poison', 'ok', 'letter')],
  garbage: [{ value: 'rubbish', code: 'GBX_NOT_JSON', outcome: 'ok' }],
  rows: [own('ok')],
  letters: [letterOf('poison'), letter('rubbish', { code: 'GBX_NOT_JSON', offset: 1 })],
};

function problemsOf(change: Partial<PostedBooks>): readonly string[] {
  return takePostedAccount({ ...BOOKS, ...change }).problems;
}

describe('takePostedAccount() finds', () => {
  it('what was acknowledged and is lost, as a row and as a dead letter', () => {
    expect(problemsOf({ rows: [] })).toEqual(['lost: ok']);
    expect(problemsOf({ letters: BOOKS.letters.slice(1) })).toEqual(['lost: poison']);
    expect(problemsOf({ letters: BOOKS.letters.slice(0, 1) })).toEqual(['lost: no dead letter GBX_NOT_JSON of “rubbish”']);
  });

  it('what was refused and is there', () => {
    expect(problemsOf({ rows: [own('ok'), own('fail')] })).toEqual(['stored although refused: fail']);
  });

  it('doubled, altered and strange rows', () => {
    expect(problemsOf({ rows: [own('ok'), own('unknown'), own('unknown')] })).toEqual(['doubled: unknown stands 2 times']);
    expect(problemsOf({ rows: [{ ...own('ok'), source: 'other' }] })).toEqual(['altered: ok in source']);
    expect(problemsOf({ rows: [own('ok'), own('stranger')] })).toEqual(['from nowhere: a row stranger']);
    expect(problemsOf({ rows: [own('ok'), own('poison')] })).toEqual(['loaded although the warehouse refuses it: poison']);
  });

  it('dead letters of good records, of a wrong reason, and from nowhere', () => {
    expect(problemsOf({ letters: [...BOOKS.letters, letterOf('ok')] })).toEqual(['dead letter of a good record: ok (GBX_ROW_REFUSED)']);
    expect(problemsOf({ letters: [...BOOKS.letters, letterOf('stranger')] })).toEqual(['from nowhere: a dead letter of stranger']);
    expect(problemsOf({ letters: [...BOOKS.letters, letter('other')] })).toEqual(['from nowhere: a dead letter “other”']);
    expect(problemsOf({ letters: [letterOf('poison'), letter('rubbish', { code: 'GBX_EMPTY' })] })).toEqual([
      'wrong reason: GBX_EMPTY of “rubbish”',
    ]);
  });
});

describe('takePostedAccount()', () => {
  it('counts what is right, when all is', () => {
    expect(takePostedAccount(BOOKS)).toEqual({
      ok: 2,
      fail: 1,
      unknown: 1,
      unknownStored: 0,
      deadLetters: 2,
      lettersRepeated: 0,
      problems: [],
    });
  });

  it('takes an unknown outcome for right whether the row is there or not, and letters of one origin for one', () => {
    const change = { rows: [own('ok'), own('unknown')], letters: [...BOOKS.letters, letterOf('poison')] };
    expect(takePostedAccount({ ...BOOKS, ...change })).toMatchObject({
      unknown: 1,
      unknownStored: 1,
      deadLetters: 2,
      lettersRepeated: 1,
      problems: [],
    });
  });

  it('takes several posts of an id for one exposure, known by what any of them was told', () => {
    const posted = [post('ok', 'fail'), post('ok', 'unknown'), post('ok', 'ok'), ...BOOKS.posted.slice(1)];
    expect(takePostedAccount({ ...BOOKS, posted })).toMatchObject({ ok: 2, fail: 1, unknown: 1, problems: [] });
  });
});
