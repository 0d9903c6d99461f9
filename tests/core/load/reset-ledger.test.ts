import { describe, expect, it } from 'vitest';
import type { LedgerRow, PartitionOffsets } from '../../../src/core/load/ports.ts';
import { executeReset, parseResetTarget, planReset, type ResetTarget } from '../../../src/core/load/reset-ledger.ts';
import { fakeWarehouse } from './fakes.ts';

const SCOPE = { clusterId: 'c', group: 'g', topic: 't' };
const ROW: LedgerRow = { partition: 0, nextOffset: 900n, epoch: 3, owner: 'x', host: 'h', lastRecord: { timestampMs: 1, hash: 'a' } };

function setUp(known: readonly PartitionOffsets[]) {
  const warehouse = fakeWarehouse();
  warehouse.ledger.set(0, ROW);
  const committed: ReadonlyMap<number, bigint>[] = [];
  const broker = { offsets: async () => known, commit: async (positions: ReadonlyMap<number, bigint>) => void committed.push(positions) };
  return { warehouse, broker, committed };
}

const KNOWN: readonly PartitionOffsets[] = [
  { partition: 0, start: 5n, end: 40n, committed: 12n },
  { partition: 1, start: 0n, end: 40n, committed: undefined },
];

describe('parseResetTarget()', () => {
  it.each(['', 'latest', '-1', '1.5', '0x10', '9'.repeat(30)])('refuses %j', (text) => {
    expect(() => parseResetTarget(text)).toThrow('earliest, committed or an offset');
  });
});

describe('planReset()', () => {
  it('refuses an offset that a partition does not hold', async () => {
    await expect(planReset(setUp(KNOWN), SCOPE, 41n)).rejects.toThrow('partition 0 holds offsets 5 to 40');
  });

  it.each<[ResetTarget, bigint[]]>([
    ['earliest', [5n, 0n]],
    ['committed', [12n, 0n]],
    [7n, [7n, 7n]],
  ])('plans %s', async (target, places) => {
    const steps = await planReset(setUp(KNOWN), SCOPE, target);
    expect(steps.map((step) => step.to)).toEqual(places);
    expect(steps.map((step) => step.from)).toEqual([900n, undefined]);
  });
});

describe('executeReset()', () => {
  it('moves the ledger back, forgets the last record, and moves the group with it', async () => {
    const deps = setUp(KNOWN);
    await executeReset(deps, await planReset(deps, SCOPE, 'earliest'), { scope: SCOPE, owner: 'me', host: 'h', nowMs: 0 });
    expect(deps.warehouse.ledger.get(0)).toMatchObject({ nextOffset: 5n, epoch: 4, owner: 'me', lastRecord: undefined });
    expect(deps.warehouse.ledger.get(1)).toMatchObject({ nextOffset: 0n });
    expect(deps.committed).toEqual([
      new Map([
        [0, 5n],
        [1, 0n],
      ]),
    ]);
  });

  it('says so when another consumer claims meanwhile', async () => {
    const deps = setUp(KNOWN);
    deps.warehouse.answers.push({ kind: 'fenced', holders: [] });
    await expect(
      executeReset(deps, await planReset(deps, SCOPE, 'earliest'), { scope: SCOPE, owner: 'me', host: 'h', nowMs: 0 }),
    ).rejects.toMatchObject({ exitCode: 75 });
  });
});
