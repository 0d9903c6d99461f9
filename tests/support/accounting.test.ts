import { describe, expect, it } from 'vitest';
import { type Books, type SentRecord, takeAccount } from './accounting.ts';
import type { PlacedRecord } from './topic-log.ts';

const ROW = { dsUserId: 'u', experimentId: 'e', variationId: 'v', tsMicros: 1_000_001, attributes: '{"a": 1, "b": 2}', source: 's' };

function record(offset: number, expected: SentRecord['expected']): SentRecord {
  return {
    partition: 0,
    offset: BigInt(offset),
    timestampMs: 1000,
    key: Buffer.from('k'),
    value: Buffer.from(`v${offset}`),
    headers: {},
    expected,
  };
}

function letterOf({ key, value, partition, offset, timestampMs }: SentRecord, code: string): PlacedRecord {
  const origin = `t/${partition}/${offset}/${timestampMs}`;
  return { partition: 0, offset: 0n, timestampMs: 2000, key, value, headers: { 'gbx-origin': origin, 'gbx-error-code': code } };
}

const SENT = [
  record(0, { kind: 'row', row: { exposureId: 'x0', ...ROW } }),
  record(1, { kind: 'row', row: { ...ROW, dsUserId: 'without id' } }),
  record(2, { kind: 'letter', code: 'GBX_EMPTY' }),
  record(3, { kind: 'copy' }),
] as const;
const ROWS = [
  { exposureId: 'x0', ...ROW, attributes: '{"b":2,"a":1}' },
  { exposureId: 'derived', ...ROW, dsUserId: 'without id' },
] as const;
const LETTERS = [letterOf(SENT[2], 'GBX_EMPTY')];

function problemsOf(change: Partial<Books>): readonly string[] {
  return takeAccount({ topic: 't', sent: SENT, rows: ROWS, letters: LETTERS, ...change }).problems;
}

describe('takeAccount() finds', () => {
  it('a lost row, by its id and by its user', () => {
    expect(problemsOf({ rows: ROWS.slice(1) })).toEqual(['lost: x0 (0/0)']);
    expect(problemsOf({ rows: ROWS.slice(0, 1) })).toEqual(['lost: the exposure of without id (0/1)']);
  });

  it('a doubled row, by its id and by its user', () => {
    expect(problemsOf({ rows: [...ROWS, ROWS[0]] })).toContain('doubled: x0 (0/0) stands 2 times');
    expect(problemsOf({ rows: [...ROWS, { ...ROWS[1], exposureId: 'derived otherwise' }] })).toEqual([
      'doubled: the exposure of without id (0/1) stands 2 times',
    ]);
  });

  it('a doubled id that no record asked for', () => {
    const strangers = [
      { ...ROWS[0], exposureId: 'y', dsUserId: 'stranger' },
      { ...ROWS[0], exposureId: 'y', dsUserId: 'stranger' },
    ];
    expect(problemsOf({ rows: [...ROWS, ...strangers] })).toContain('doubled id: y stands 2 times');
  });

  it.each([
    ['dsUserId', 'other', 'ds_user_id'],
    ['experimentId', 'other', 'experiment_id'],
    ['variationId', 'other', 'variation_id'],
    ['tsMicros', 1_000_000, 'timestamp'],
    ['attributes', '{"a":1}', 'attributes'],
    ['source', 'other', 'source'],
  ])('an altered %s', (field, value, wireName) => {
    expect(problemsOf({ rows: [{ ...ROWS[0], [field]: value }, ROWS[1]] })).toEqual([`altered: x0 (0/0) in ${wireName}`]);
  });

  it('a row that nobody sent', () => {
    const stranger = { ...ROWS[0], exposureId: 'y', dsUserId: 'stranger' };
    expect(problemsOf({ rows: [...ROWS, stranger] })).toEqual(['from nowhere: a row y of stranger']);
  });

  it('a lost, a doubled, an altered and a strange dead letter', () => {
    const [letter] = LETTERS;
    if (letter === undefined) throw new Error('no letter');
    const origin = 't/0/2/1000';
    expect(problemsOf({ letters: [] })).toEqual([`lost: no dead letter GBX_EMPTY of ${origin}`]);
    expect(problemsOf({ letters: [letter, letter] })).toEqual([`doubled: 2 dead letters of ${origin}`]);
    expect(problemsOf({ letters: [letter, letter], lettersMayRepeat: true })).toEqual([]);
    expect(problemsOf({ letters: [{ ...letter, value: null }] })[0]).toMatch(/^altered: the dead letter/);
    expect(problemsOf({ letters: [{ ...letter, key: Buffer.from('K') }] })[0]).toMatch(/^altered: the dead letter/);
    expect(problemsOf({ letters: [letterOf(SENT[2], 'GBX_NOT_JSON')] })[0]).toMatch(
      /^altered: the dead letter.*GBX_NOT_JSON for GBX_EMPTY/,
    );
    expect(problemsOf({ letters: [letter, letterOf(SENT[0], 'GBX_EMPTY')] })).toEqual([
      'dead letter of a good record: t/0/0/1000 (GBX_EMPTY)',
    ]);
    expect(problemsOf({ letters: [letter, letterOf(record(9, { kind: 'copy' }), 'GBX_EMPTY')] })).toEqual([
      'from nowhere: a dead letter of t/0/9/1000',
    ]);
  });
});

describe('takeAccount()', () => {
  it('counts what is right, when all is', () => {
    expect(takeAccount({ topic: 't', sent: SENT, rows: ROWS, letters: LETTERS })).toEqual({ rows: 2, letters: 1, problems: [] });
  });
});
