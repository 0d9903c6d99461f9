// The contract of a claim, on a real PostgreSQL at each isolation level: it takes all partitions or none, each claim gets an
// epoch of its own however many come at once, and a missing row starts where the caller says.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Warehouse } from '../../src/core/load/ports.ts';
import { openWarehouse } from '../../src/warehouse/open-warehouse.ts';
import { onStatement, openPostgresProxy } from '../support/postgres-proxy.ts';
import { openDatabase, type TestDatabase } from '../support/stack.ts';
import { claim, newScope, requestOf } from './flush-fixtures.ts';

describe.each(['read committed', 'repeatable read', 'serializable'] as const)('claim() at %s', (isolation) => {
  let database: TestDatabase;
  let warehouse: Warehouse & AsyncDisposable;

  beforeAll(async () => {
    database = await openDatabase({ isolation });
    warehouse = openWarehouse(database.connection);
  });
  afterAll(async () => {
    await warehouse[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  it('takes none of the partitions when one has no place to start', async () => {
    const scope = newScope();
    const request = { scope, owner: randomUUID(), host: 'host-1', partitions: [0, 1], startAt: new Map([[0, 5n]]) };
    await expect(warehouse.claim(request)).rejects.toThrow('partition 1');
    expect(await warehouse.readLedger(scope)).toEqual([]);
  });

  it('starts missing rows where it is told, and leaves those that stand where they are', async () => {
    const claimed = await claim(warehouse);
    await warehouse.flush(requestOf(claimed, [], { windows: [], to: 7n }));
    const owner = randomUUID();
    const startAt = new Map([
      [0, 99n],
      [1, 42n],
    ]);
    const rows = await warehouse.claim({ scope: claimed.scope, owner, host: 'host-2', partitions: [0, 1], startAt });
    expect(rows).toMatchObject([
      { partition: 0, nextOffset: 7n, epoch: 2, owner, host: 'host-2', lastRecord: { hash: 'abcdef0123456789' } },
      { partition: 1, nextOffset: 42n, epoch: 1, owner, host: 'host-2', lastRecord: undefined },
    ]);
  });

  it('answers only the partitions that were asked for', async () => {
    const { scope } = await claim(warehouse, newScope(), [0, 1, 2]);
    const rows = await warehouse.claim({ scope, owner: randomUUID(), host: 'host-1', partitions: [2], startAt: new Map() });
    expect(rows.map(({ partition, epoch }) => ({ partition, epoch }))).toEqual([{ partition: 2, epoch: 2 }]);
    expect((await warehouse.readLedger(scope)).map(({ epoch }) => epoch)).toEqual([1, 1, 2]);
  });

  it('gives every one of several claims at the same moment an epoch of its own, rows missing or not', async () => {
    const others = Array.from({ length: 4 }, () => openWarehouse(database.connection));
    try {
      for (let round = 0; round < 5; round++) {
        const scope = newScope();
        const claims = await Promise.all(others.map((other) => claimUntilDone(other, scope)));
        expect(claims.map(({ epoch }) => epoch).sort()).toEqual([1, 2, 3, 4]);
        const last = claims.find(({ epoch }) => epoch === 4);
        expect(await warehouse.readLedger(scope)).toMatchObject([{ partition: 0, epoch: 4, owner: last?.owner }]);
      }
    } finally {
      await Promise.all(others.map((other) => other[Symbol.asyncDispose]()));
    }
  });

  it('can be done again when its answer was lost', async () => {
    const { onMessage } = onStatement({ sql: /^COMMIT$/ }, () => 'lose-answer');
    await using proxy = await openPostgresProxy({ target: database.connection, onMessage });
    await using behind = openWarehouse({ ...database.connection, host: proxy.host, port: proxy.port });
    const scope = newScope();
    await expect(claim(behind, scope)).rejects.toMatchObject({ failure: 'transient' });
    expect(await claim(behind, scope)).toMatchObject({ epoch: 2 });
  });

  it('keeps clusters and groups of the same topic apart', async () => {
    const scope = newScope();
    await claim(warehouse, scope);
    expect(await claim(warehouse, { ...scope, group: 'another' })).toMatchObject({ epoch: 1 });
    expect(await claim(warehouse, { ...scope, clusterId: 'another' })).toMatchObject({ epoch: 1 });
  });
});

/** As the loop does it: contention is tried again. */
async function claimUntilDone(warehouse: Warehouse, scope: ReturnType<typeof newScope>) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await claim(warehouse, scope);
    } catch (error) {
      const isContention = error instanceof Error && 'failure' in error && error.failure === 'contention';
      if (!isContention || attempt === 9) throw error;
    }
  }
}
