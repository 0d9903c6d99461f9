import { describe, expect, test } from 'vitest';
import type { SeenRecord, Trail } from '../../../src/core/find/trails.ts';
import { holdMs, isBad, isInconclusive, judge, standingOf, type VerdictFacts } from '../../../src/core/find/verdict.ts';
import { NOW_MS, row } from './world.ts';

const FACTS: VerdictFacts = {
  progress: new Map([['t', { by: 'ledger', nextOffsets: new Map([[0, 10n]]) }]]),
  nowMs: NOW_MS,
  isTableSeen: true,
  areLettersSeen: true,
};

function record(offset: bigint, more: Partial<SeenRecord> = {}): SeenRecord {
  return {
    ...{ role: 'topic', topic: 't', partition: 0, offset, writtenMs: NOW_MS, isCopy: false },
    origin: { topic: 't', partition: 0, offset, timestampMs: NOW_MS },
    ...{ identity: undefined, invalid: undefined, retryCount: 0, notBeforeMs: undefined, failure: undefined },
    ...more,
  };
}

function trail(more: Partial<Trail>): Trail {
  return { exposureId: 'x', spool: [], records: [], letters: [], rows: [], leftOut: 0, ...more };
}

const LETTER = record(0n, { role: 'dead-letters', topic: 'dlq', failure: { code: 'GBX_ROW_REFUSED', message: 'too long', lastMs: 1 } });
const SPOOLED = { file: '/s/1', acceptedMs: NOW_MS - 90_000, identity: undefined, refusedReason: undefined };
const HOUR_MICROS = 3_600_000_000;

describe('judge()', () => {
  test.each<[string, Partial<Trail>, string, string]>([
    ['nothing', {}, 'not_found', 'not found in anything that was looked at'],
    [
      'a record that the ledger has passed, alone',
      { records: [record(9n)] },
      'missing',
      'missing: the ledger has passed it, and it is not in the table, nor among the dead letters',
    ],
    [
      'a partition that nobody knows',
      { records: [record(9n, { partition: 5 })] },
      'in_topic',
      'in the topic; how far that is loaded is not known',
    ],
    ['the next record', { records: [record(10n)] }, 'waiting', 'waiting to be loaded, next in its partition'],
    [
      'one further on, though a dead letter is there',
      { records: [record(1_500n)], letters: [LETTER] },
      'waiting',
      'waiting to be loaded, about 1,490 records before it',
    ],
    [
      'one that is not valid',
      { records: [record(11n, { invalid: { code: 'GBX_NOT_JSON', message: 'm' } })] },
      'waiting',
      'waiting to be loaded, about 1 record before it; it is not valid (GBX_NOT_JSON) and will be a dead letter',
    ],
    [
      'a dead letter and its record',
      { records: [record(9n)], letters: [LETTER] },
      'dead_letter',
      'dead letter: GBX_ROW_REFUSED (too long)',
    ],
    [
      'a row, a copy that waits and a dead letter',
      { rows: [row('x')], records: [record(11n)], letters: [LETTER] },
      'loaded',
      'loaded once',
    ],
    ['the spool', { spool: [SPOOLED] }, 'in_spool', 'in the spool of this machine for 1m30s: serve sends it as soon as Kafka takes it'],
    ['the spool and the topic', { spool: [SPOOLED], records: [record(10n)] }, 'waiting', 'waiting to be loaded, next in its partition'],
    [
      'what Kafka refused',
      { spool: [{ ...SPOOLED, refusedReason: 'too large' }] },
      'refused_by_kafka',
      'refused by Kafka and set aside in the spool: too large',
    ],
  ])('%s', (_, seen, state, sentence) => {
    expect(judge(trail(seen), FACTS)).toEqual({ state, sentence });
  });

  test('several rows are doubled within 24 hours of each other, and sent again beyond', () => {
    const at = (hours: number) => row('x', { tsMicros: NOW_MS * 1000 + hours * HOUR_MICROS });
    expect(judge(trail({ rows: [at(30), at(0)] }), FACTS).state).toBe('loaded_again');
    expect(judge(trail({ rows: [at(0), at(24)] }), FACTS).state).toBe('doubled');
    expect(judge(trail({ rows: [at(60), at(30), at(31)] }), FACTS)).toMatchObject({
      state: 'doubled',
      sentence: 'doubled: 3 rows in the table',
    });
  });

  test('a copy that is not due is held until then, a minute at most; a due one beside it comes first', () => {
    const failure = { code: 'GBX_ROW_REFUSED', message: '', lastMs: undefined };
    const held = record(12n, { retryCount: 2, notBeforeMs: NOW_MS + 5_000, failure });
    expect(judge(trail({ records: [record(3n), held] }), FACTS)).toEqual({
      state: 'held',
      sentence: 'held for retry 2 until 2026-01-31T12:00:05.000Z, for 5s more, after GBX_ROW_REFUSED',
    });
    expect(judge(trail({ records: [held, record(13n)] }), FACTS).state).toBe('waiting');
    expect(holdMs({ notBeforeMs: NOW_MS * 2 }, NOW_MS)).toBe(60_000);
    expect(holdMs({ notBeforeMs: undefined }, NOW_MS)).toBe(0);
  });

  test('without the table what was passed is not called missing', () => {
    const facts = { ...FACTS, isTableSeen: false, progress: new Map([['t', { by: 'group' as const, nextOffsets: new Map([[0, 10n]]) }]]) };
    expect(judge(trail({ records: [record(9n)] }), facts)).toMatchObject({
      state: 'in_topic',
      sentence: expect.stringContaining('the consumer group has passed it'),
    });
    expect(judge(trail({ records: [record(9n)] }), { ...FACTS, areLettersSeen: false }).sentence).toContain('could not be looked at');
  });
});

test('standingOf() counts what lies between the ledger and the record', () => {
  expect(standingOf(record(9n), FACTS)).toEqual({ kind: 'passed', by: 'ledger', before: 0n });
  expect(standingOf(record(14n), FACTS)).toEqual({ kind: 'waiting', by: 'ledger', before: 4n });
  expect(standingOf(record(14n, { topic: 'other' }), FACTS)).toEqual({ kind: 'unknown', by: undefined, before: 0n });
});

test('isBad() and isInconclusive() tell the states that nobody wants, and those that another part might change', () => {
  expect((['loaded', 'held', 'doubled', 'missing', 'not_found'] as const).map(isBad)).toEqual([false, false, true, true, true]);
  expect((['loaded', 'doubled', 'missing', 'not_found'] as const).map(isInconclusive)).toEqual([false, false, true, true]);
});
