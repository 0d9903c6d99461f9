// With gather.ts and letter.ts: which dead letters a plan takes, from '../../../src/core/replay/gather.ts' and '/letter.ts' on.
import { describe, expect, test } from 'vitest';
import { gatherLetters } from '../../../src/core/replay/gather.ts';
import { type Selection, type SelectOptions, selectCandidates } from '../../../src/core/replay/select.ts';
import { createWorld, exposure, NOON_MS, PLACE, READING, type World } from './world.ts';

async function select(world: World, over: Partial<SelectOptions> = {}, filter = {}): Promise<Selection> {
  const { byOrigin } = await gatherLetters(world.logs, PLACE, { ...READING, filter });
  const options = { topics: new Set(['t', 'dlq']), maxReplays: 2, limit: Number.POSITIVE_INFINITY, table: world.table, ...over };
  return await selectCandidates(byOrigin.values(), options);
}

const offsets = ({ chosen }: Selection): bigint[] => chosen.map(({ offset }) => offset);

describe('gatherLetters()', () => {
  test('refuses a topic that is not there', async () => {
    await expect(gatherLetters(createWorld().logs, { ...PLACE, topic: 'none' }, { ...READING, filter: {} })).rejects.toThrow(
      'there is none',
    );
  });

  test('takes letters of one origin for one record, by the newest, with the most replays of any', async () => {
    const world = createWorld();
    world.letter(exposure('a'), { of: 1, failedAtMs: NOON_MS + 5, code: 'GBX_INVALID_FIELD' });
    world.letter(exposure('a'), { of: 1, failedAtMs: NOON_MS, headers: { 'gbx-replay-count': '1' } });
    const { letters, byOrigin } = await gatherLetters(world.logs, PLACE, { ...READING, filter: {} });
    expect({ letters, one: byOrigin.get('t/0/1') }).toMatchObject({
      letters: 2,
      one: { offset: 0n, code: 'GBX_INVALID_FIELD', replayCount: 1, letters: 2 },
    });
    // The newest one decides whether it fits, also where an older one would.
    expect(offsets(await select(world, {}, { codes: new Set(['GBX_ROW_REFUSED']) }))).toEqual([]);
  });
});

describe('selectCandidates()', () => {
  test('leaves out what would fail again, what was replayed often enough, and what came from elsewhere', async () => {
    const world = createWorld();
    world.letter('{}', { of: 0 });
    world.letter(exposure('b'), { of: 1, headers: { 'gbx-replay-count': '2' } });
    world.letter(exposure('c'), { of: 2, headers: { 'gbx-origin': `other/0/2/${NOON_MS}` } });
    world.letter(exposure('d'), { of: 3 });
    world.put(exposure('e'));
    const selection = await select(world);
    expect(offsets(selection)).toEqual([3n, 4n]);
    expect(Object.fromEntries(selection.skipped)).toEqual({ invalid: 1, 'replayed-often': 1, 'other-topic': 1 });
    expect(offsets(await select(world, { maxReplays: 3, topics: undefined }))).toEqual([1n, 2n, 3n, 4n]);
    expect(await select(world, { limit: 1 })).toMatchObject({ beyondLimit: 1 });
  });

  test('leaves out what the table holds: a row wins, and one of somebody else keeps the id for a day', async () => {
    const world = createWorld();
    for (const [of, id] of ['a', 'b', 'c', 'd'].entries())
      world.letter(exposure(id), { of, code: id === 'd' ? 'GBX_ID_REUSED' : 'GBX_ROW_REFUSED' });
    world.load(
      exposure('a'),
      exposure('b', { dsUserId: 'another' }),
      exposure('c', { dsUserId: 'another', tsMicros: (NOON_MS - 25 * 3_600_000) * 1000 }),
    );
    const selection = await select(world);
    expect(offsets(selection)).toEqual([2n, 3n]);
    expect(Object.fromEntries(selection.skipped)).toEqual({ loaded: 1, 'id-reused': 1 });
    // Without the table only the reason tells.
    expect(Object.fromEntries((await select(world, { table: undefined })).skipped)).toEqual({ 'id-reused': 1 });
  });
});
