import { describe, expect, test } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import { findInRange, type RangeFound } from '../../../src/core/replay/range.ts';
import { createWorld, exposure, READING, type World } from './world.ts';

const SCOPE = { clusterId: 'c', group: 'g', topic: 't' };

function find(world: World, { ledger = 100n, isAll = false }: { ledger?: bigint | undefined; isAll?: boolean } = {}): Promise<RangeFound> {
  const end = BigInt(world.topics.get('t')?.length ?? 0);
  const row = { partition: 0, nextOffset: ledger < end ? ledger : end, epoch: 1, owner: 'o', host: 'h', lastRecord: undefined };
  const logs = { ...world.logs, offsetsAt: async () => new Map() };
  const question = { scope: SCOPE, deadLetterTopic: 'dlq', from: undefined, to: undefined, isAll };
  return findInRange(question, { ...READING, logs, table: world.table, readLedger: async () => (ledger < 0n ? [] : [row]) });
}

describe('findInRange()', () => {
  test('refuses a topic that the ledger knows nothing of', async () => {
    await expect(find(createWorld(), { ledger: -1n })).rejects.toThrow('the ledger knows nothing');
  });

  test('takes nothing for missing where it may not read the dead letters', async () => {
    const world = createWorld();
    world.put(exposure('dead'), { topic: 't' });
    world.letter(exposure('dead'), { of: 0 });
    const logs = {
      ...world.logs,
      ranges: async (topic: string) => {
        if (topic === 'dlq') throw new GbxError('GBX_KAFKA_AUTH', 'not allowed');
        return world.logs.ranges(topic);
      },
    };
    await expect(find({ ...world, logs })).rejects.toMatchObject({ code: 'GBX_KAFKA_AUTH', exitCode: 77 });
  });

  test('counts what is gone from the range, and of that what the ledger had not passed', async () => {
    const world = createWorld();
    for (const id of ['a', 'b', 'c', 'd']) world.put(exposure(id), { topic: 't' });
    world.load(exposure('d'));
    const ranges: typeof world.logs.ranges = async (topic) =>
      (await world.logs.ranges(topic))?.map((range) => (topic === 't' ? { ...range, start: 3n } : range));
    expect(await find({ ...world, logs: { ...world.logs, ranges } }, { ledger: 1n })).toMatchObject({ expired: 3, expiredUnloaded: 2 });
  });

  test('takes for missing what neither table nor dead letters hold, up to the ledger, each once', async () => {
    const world = createWorld();
    const put = (value: Parameters<World['put']>[0]): void => void world.put(value, { topic: 't' });
    for (const id of ['loaded', 'missing', 'dead', 'taken']) put(exposure(id));
    put(exposure('missing'));
    put('garbage');
    put(exposure('waits'));
    world.load(exposure('loaded'), exposure('taken', { dsUserId: 'another' }));
    world.letter(exposure('dead'), { of: 2 });
    const found = await find(world, { ledger: 6n });
    expect(found).toMatchObject({
      records: 6,
      exposures: 4,
      duplicates: 1,
      invalid: 1,
      loaded: 1,
      missing: 1,
      deadLetters: 1,
      idReused: 1,
      waiting: 1,
    });
    expect(found.candidates).toMatchObject([{ offset: 1n, origin: expect.stringMatching(/^t\/0\/1\//u) }]);
    const all = await find(world, { ledger: 6n, isAll: true });
    expect(all.candidates.map(({ code }) => code)).toEqual(['loaded', 'missing', 'dead-letter', 'id-reused']);
  });
});
