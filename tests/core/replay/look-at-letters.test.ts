// With '/stats.ts' and '/documents.ts': dead letters looked at.
import { describe, expect, test } from 'vitest';
import { listDocument, stateOf, statsDocument } from '../../../src/core/replay/documents.ts';
import { gatherLetters } from '../../../src/core/replay/gather.ts';
import { NOTHING_DONE } from '../../../src/core/replay/journal.ts';
import { countLetters, exportLetters, inspectLetters, listLetters } from '../../../src/core/replay/look-at-letters.ts';
import { createWorld, exposure, NOON_MS, PLACE, READING } from './world.ts';

function letters() {
  const world = createWorld();
  world.letter(exposure('a'), { of: 1, failedAtMs: NOON_MS });
  world.letter('garbage', { of: 2, code: 'GBX_NOT_JSON', failedAtMs: NOON_MS + 3_600_000 });
  world.letter(exposure('a'), { of: 1, failedAtMs: NOON_MS + 5, headers: { 'gbx-replay-count': '1' } });
  return { world, deps: { ...READING, logs: world.logs } };
}

describe('listLetters()', () => {
  test('shows the newest or the oldest of those that fit, and nothing of a user', async () => {
    const { deps } = letters();
    const newest = await listLetters(PLACE, deps, { filter: {}, limit: 2, order: 'newest' });
    expect(newest.shown.map(({ letter }) => letter.offset)).toEqual([1n, 2n]);
    const oldest = await listLetters(PLACE, deps, { filter: { codes: new Set(['GBX_ROW_REFUSED']) }, limit: 1, order: 'oldest' });
    expect(oldest).toMatchObject({ letters: 3, matching: 2, shown: [{ letter: { offset: 0n } }] });
    expect(JSON.stringify(listDocument('dlq', newest.shown, newest))).not.toContain('user of');
  });
});

describe('countLetters()', () => {
  test('counts each record once', async () => {
    const { deps } = letters();
    expect(statsDocument('dlq', await countLetters(PLACE, deps, {}))).toEqual({
      ...{ schema: 'gbx.replay-stats/1', topic: 'dlq', letters: 3, distinct: 2 },
      ...{ oldest: '2026-01-15T12:00:00.000Z', newest: '2026-01-15T13:00:00.000Z' },
      byCode: { GBX_ROW_REFUSED: 1, GBX_NOT_JSON: 1 },
      byExperiment: { checkout: 1, '(none)': 1 },
      byHour: { '2026-01-15T12:00Z': 1, '2026-01-15T13:00Z': 1 },
      byPartition: { '0': 2 },
      byReplayCount: { '0': 1, '1': 1 },
      byDialect: { gbx: 2 },
    });
  });
});

describe('countLetters() of a record that was given up twice', () => {
  test('goes by its newest letter, wherever that stands, as plan does: also where a filter fits the other one only', async () => {
    const world = createWorld();
    world.letter(exposure('a'), { of: 1, code: 'GBX_ROW_REFUSED', failedAtMs: NOON_MS });
    world.letter(exposure('a'), { of: 1, code: 'GBX_ID_REUSED', failedAtMs: NOON_MS + 9 });
    world.letter(exposure('b'), { of: 2, code: 'GBX_ID_REUSED', failedAtMs: NOON_MS + 9, headers: { 'gbx-replay-count': '1' } });
    world.letter(exposure('b'), { of: 2, code: 'GBX_ROW_REFUSED', failedAtMs: NOON_MS });
    const deps = { ...READING, logs: world.logs };
    const all = await countLetters(PLACE, deps, {});
    expect(all).toMatchObject({ letters: 4, distinct: 2, oldestMs: NOON_MS, newestMs: NOON_MS + 9 });
    expect([...all.byCode]).toEqual([['GBX_ID_REUSED', 2]]);
    expect([...all.byReplayCount]).toEqual([
      ['0', 1],
      ['1', 1],
    ]);
    for (const code of ['GBX_ROW_REFUSED', 'GBX_ID_REUSED']) {
      const filter = { codes: new Set([code]) };
      const { distinct, letters } = await countLetters(PLACE, deps, filter);
      const { byOrigin } = await gatherLetters(world.logs, PLACE, { ...READING, filter });
      expect({ distinct, letters }).toEqual({ distinct: byOrigin.size, letters: code === 'GBX_ID_REUSED' ? 4 : 0 });
    }
  });
});

describe('exportLetters()', () => {
  test('writes each record once, by its newest letter', async () => {
    const { deps } = letters();
    const lines: string[] = [];
    const write = async (text: string): Promise<void> => void lines.push(...text.trimEnd().split('\n'));
    const count = await exportLetters(PLACE, deps, { filter: {}, limit: 10, write });
    expect({ count, places: lines.map((line) => JSON.parse(line).place) }).toEqual({ count: 2, places: ['0/1', '0/2'] });
  });
});

describe('exportLetters() while what it writes to is slow', () => {
  test('reads no further, so that lines do not pile up, and ends with what the write throws', async () => {
    const { world, deps } = letters();
    let [read, isWriting] = [0, false];
    const logs: typeof world.logs = {
      ...world.logs,
      async *read(...asked) {
        for await (const chunk of world.logs.read(...asked)) {
          expect(isWriting).toBe(false);
          read++;
          yield chunk;
        }
      },
    };
    const write = async (): Promise<void> => {
      isWriting = true;
      await new Promise((done) => setTimeout(done, 5));
      isWriting = false;
    };
    expect(await exportLetters(PLACE, { ...deps, logs }, { filter: {}, limit: 10, write })).toBe(2);
    expect(read).toBe(8);
    const full = (): Promise<void> => Promise.reject(new Error('full'));
    await expect(exportLetters(PLACE, { ...deps, logs }, { filter: {}, limit: 10, write: full })).rejects.toThrow('full');
  });
});

describe('inspectLetters()', () => {
  test('refuses what is no place, and finds nothing where nothing is', async () => {
    const { deps } = letters();
    for (const what of ['t', 'x y', 't/0']) await expect(inspectLetters(PLACE, deps, what)).rejects.toThrow('Cannot');
    for (const what of ['0/9', '7/0', 't/0/9']) expect(await inspectLetters(PLACE, deps, what)).toEqual([]);
  });

  test('finds one by its place, and all of an origin', async () => {
    const { deps } = letters();
    expect(await inspectLetters(PLACE, deps, '0/1')).toMatchObject([{ place: '0/1', code: 'GBX_NOT_JSON', value: 'garbage' }]);
    expect(await inspectLetters(PLACE, deps, 't/0/1')).toMatchObject([{ place: '0/0' }, { place: '0/2', replayCount: 1 }]);
  });
});

test('stateOf() names how far a plan is', () => {
  const { world } = letters();
  const at = (over: object, is: object = {}) =>
    stateOf(world.plan(), { ...NOTHING_DONE, ...over }, { isRunning: false, isCancelled: false, ...is });
  expect([
    at({}),
    at({ startedAtMs: 1 }),
    at({ startedAtMs: 1, next: 1 }),
    // All are sent, and the run ended before it saw what became of each.
    at({ startedAtMs: 1, next: 2 }),
    at({ startedAtMs: 1, stopped: 'why' }),
    at({ ended: {} }),
    at({}, { isCancelled: true }),
    at({}, { isRunning: true }),
  ]).toEqual(['planned', 'interrupted', 'interrupted', 'sent', 'stopped', 'done', 'cancelled', 'running']);
});
