import { describe, expect, test } from 'vitest';
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
    expect((await find(world, { ledger: 6n, isAll: true })).candidates).toHaveLength(4);
  });
});
