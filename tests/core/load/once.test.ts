import { describe, expect, it } from 'vitest';
import { exposureRecord, joined, recordsEvent, start } from './fakes.ts';
import { bad, copyAt, POLICY, quickBench, serveAgain, span } from './retry-fakes.ts';

describe('runLoad() with once', () => {
  it('ends when everything up to the end is loaded, without waiting for the age of its batch', async () => {
    const one = quickBench({ once: true, policy: { ...POLICY, rowsDue: 100, ageDueMs: 30_000 } });
    const running = start(one);
    joined(one, 3n);
    one.source.give(recordsEvent(span(0, 3)));
    await running.pass(2_000);
    expect(running.ended()).toEqual({ recordsRead: 3, rowsInserted: 3, flushes: 1 });
    expect(one.source.committed).toEqual([new Map([[0, 3n]])]);
  });

  it('waits for what is held back below the end', async () => {
    const one = quickBench({ once: true });
    const running = start(one);
    joined(one, 3n);
    const held = copyAt(1, 90, { 'gbx-not-before': String(one.clock.now() + 6_000) });
    one.source.give(recordsEvent([exposureRecord(0), held, exposureRecord(2)]));
    await running.pass(5_000);
    expect([running.ended(), one.warehouse.table.length]).toEqual([undefined, 2]);
    await running.pass(2_000);
    expect(running.ended()).toMatchObject({ rowsInserted: 3 });
    expect(one.warehouse.ledger.get(0)?.nextOffset).toBe(3n);
  });

  it('does not wait for copies that it made itself, nor for what came since', async () => {
    const one = quickBench({ once: true });
    one.warehouse.refuses = bad('e0-1');
    serveAgain(one, span(0, 4));
    const running = start(one);
    joined(one, 4n);
    await running.pass(3_000);
    expect(running.ended()).toMatchObject({ rowsInserted: 3 });
    expect(one.requeued).toHaveLength(1);
  });

  it.each([
    ['there is nothing to load', [0]],
    ['it gets no partition', []],
  ])('ends at once when %s', async (_, partitions) => {
    const one = quickBench({ once: true });
    const running = start(one);
    one.source.known = [{ partition: 0, start: 0n, end: 0n, committed: undefined }];
    one.source.give({ kind: 'joined', partitions });
    await running.pass(1_000);
    expect(running.ended()).toMatchObject({ flushes: 0 });
  });

  it('ends where everything expired before it was loaded, and the next record moves the ledger over the gap', async () => {
    for (const records of [[], [exposureRecord(7)]]) {
      const one = quickBench({ once: true });
      const running = start(one);
      one.warehouse.ledger.set(0, { partition: 0, nextOffset: 2n, epoch: 1, owner: 'x', host: 'h', lastRecord: undefined });
      one.source.known = [{ partition: 0, start: 7n, end: 7n + BigInt(records.length), committed: undefined }];
      one.source.give({ kind: 'joined', partitions: [0] });
      if (records.length > 0) one.source.give(recordsEvent(records));
      await running.pass(2_000);
      expect(running.ended()).toMatchObject({ rowsInserted: records.length });
      expect(one.warehouse.ledger.get(0)?.nextOffset).toBe(records.length > 0 ? 8n : 2n);
    }
  });

  it('ends beyond marks that hold no record', async () => {
    const one = quickBench({ once: true });
    const running = start(one);
    joined(one, 5n);
    one.source.give(recordsEvent(span(0, 2)));
    one.source.give(recordsEvent([], { fetchOffset: 2n, nextOffset: 5n, endOffset: 5n }));
    await running.pass(2_000);
    expect(running.ended()).toMatchObject({ rowsInserted: 2 });
  });
});
