// Batches of which the warehouse refuses over half, through the loop: /row-search.ts.
import { describe, expect, it } from 'vitest';
import { joined, recordsEvent, start } from './fakes.ts';
import { copyAt, quickBench, serveAgain, span } from './retry-fakes.ts';

describe('a batch of which the warehouse refuses over half', () => {
  it('is held, loudly, nothing given up, and loaded once the table is mended', async () => {
    const one = quickBench();
    one.warehouse.refuses = (row) => row.exposureId !== 'gbx-control';
    one.source.give({ kind: 'joined', partitions: [] });
    serveAgain(one, span(0, 40));
    const running = start(one);
    joined(one);
    await running.pass(10_000);
    expect(one.deps.circuit.isOpen()).toBe(true);
    const opened = one.log.lines.find(({ event }) => event === 'circuit.opened');
    expect(opened).toMatchObject({ level: 'error', fields: { nextStep: expect.stringContaining('gbx consume --dead-letter-up-to <n>') } });
    const before = one.warehouse.tried.length;
    await running.pass(40_000);
    // One row a probe.
    const probes = one.warehouse.tried.slice(before);
    expect(probes.length).toBeLessThan(80);
    expect(probes.every((rows) => rows.length === 1)).toBe(true);
    expect([one.letters, one.requeued, one.warehouse.ledger.get(0)?.nextOffset]).toEqual([[], [], 0n]);
    one.warehouse.refuses = () => false;
    await running.pass(5_000);
    expect([one.deps.circuit.isOpen(), one.warehouse.table.length]).toEqual([false, 40]);
    await running.stop();
  });

  it('is not blamed on the rows where the table refuses everything, however few rows there are', async () => {
    const one = quickBench({ deadLetterUpTo: 100 });
    one.warehouse.refuses = () => true;
    serveAgain(one, span(0, 2));
    const running = start(one);
    joined(one);
    await running.pass(60_000);
    expect([one.deps.circuit.isOpen(), one.letters, one.requeued]).toEqual([true, [], []]);
    expect(String(one.log.lines.find(({ event }) => event === 'circuit.opened')?.fields['reason'])).toContain('every row');
    expect(running.ended()).toBeUndefined();
    one.warehouse.refuses = () => false;
    await running.pass(5_000);
    expect(one.warehouse.table).toHaveLength(2);
    await running.stop();
  });

  it('goes on once the table is mended, though the rows that were refused are bad for good', async () => {
    const one = quickBench();
    let isBroken = true;
    one.warehouse.refuses = (row) => isBroken || row.exposureId === 'e0-0' || row.exposureId === 'e0-1';
    serveAgain(one, span(0, 2));
    const running = start(one);
    joined(one);
    await running.pass(20_000);
    expect(one.deps.circuit.isOpen()).toBe(true);
    isBroken = false;
    await running.pass(10_000);
    expect([one.deps.circuit.isOpen(), one.requeued.length, one.warehouse.ledger.get(0)?.nextOffset]).toEqual([false, 2, 2n]);
    await running.stop();
  });

  it('goes on within minutes where most of it is taken by then, though those it knows are bad for good', async () => {
    const one = quickBench();
    let isBroken = true;
    one.warehouse.refuses = (row) => row.exposureId !== 'gbx-control' && (isBroken || Number(row.exposureId.slice(3)) < 12);
    serveAgain(one, span(0, 60));
    const running = start(one);
    joined(one);
    await running.pass(20_000);
    expect([one.deps.circuit.isOpen(), one.requeued]).toEqual([true, []]);
    isBroken = false;
    await running.pass(180_000);
    expect([one.deps.circuit.isOpen(), one.requeued.length, one.warehouse.ledger.get(0)?.nextOffset]).toEqual([false, 12, 60n]);
    await running.stop();
  });

  it('is the fault of its rows where one like the last that was loaded passes, though the table refuses what gbx makes up', async () => {
    const one = quickBench();
    one.warehouse.refuses = (row) => row.dsUserId === 'gbx-control' || row.exposureId === 'e0-2' || row.exposureId === 'e0-3';
    serveAgain(one, span(2, 4));
    const running = start(one);
    joined(one);
    one.source.give(recordsEvent(span(0, 2)));
    await running.pass(2_000);
    one.source.give(recordsEvent(span(2, 4)));
    await running.pass(3_000);
    expect([one.requeued.length, one.deps.circuit.isOpen(), one.warehouse.ledger.get(0)?.nextOffset]).toEqual([2, false, 4n]);
    expect(one.warehouse.tried.flat().filter(({ exposureId }) => exposureId === 'gbx-control')).toMatchObject([
      { dsUserId: 'gbx-control', source: 'gbx' },
      { dsUserId: 'u', experimentId: 'x', tsMicros: expect.any(Number) },
    ]);
    await running.stop();
  });

  it('becomes dead letters up to the number that is allowed, then is held again', async () => {
    const one = quickBench({ deadLetterUpTo: 25 });
    one.warehouse.refuses = (row) => row.exposureId !== 'gbx-control';
    serveAgain(one, span(0, 60));
    const running = start(one);
    joined(one);
    await running.pass(30_000);
    expect(one.letters.map(({ record }) => Number(record.offset))).toEqual(Array.from({ length: 25 }, (_, offset) => offset));
    expect(new Set(one.letters.map(({ code }) => code))).toEqual(new Set(['GBX_ROW_REFUSED']));
    expect([one.warehouse.ledger.get(0)?.nextOffset, one.requeued, one.deps.circuit.isOpen()]).toEqual([25n, [], true]);
    await running.stop();
  });

  it('becomes dead letters whole where that many are allowed, and the good rows of it land', async () => {
    const one = quickBench({ deadLetterUpTo: 1_000 });
    one.warehouse.refuses = (row) => !row.exposureId.endsWith('7') && row.exposureId !== 'gbx-control';
    serveAgain(one, span(0, 60));
    const running = start(one);
    joined(one);
    await running.pass(10_000);
    expect([one.letters.length, one.warehouse.table.length, one.warehouse.ledger.get(0)?.nextOffset]).toEqual([54, 6, 60n]);
    await running.stop();
  });

  it('is held though its records are copies that were never tried, as those of a replay', async () => {
    const one = quickBench();
    one.warehouse.refuses = (row) => row.exposureId !== 'gbx-control';
    const records = Array.from({ length: 40 }, (_, index) => copyAt(100 + index, index));
    one.warehouse.ledger.set(0, { partition: 0, nextOffset: 100n, epoch: 1, owner: 'x', host: 'h', lastRecord: undefined });
    serveAgain(one, records);
    const running = start(one);
    joined(one, 140n);
    await running.pass(5_000);
    expect([one.requeued, one.deps.circuit.isOpen(), one.warehouse.ledger.get(0)?.nextOffset]).toEqual([[], true, 100n]);
    await running.stop();
  });

  it('is not one that consists of retries: they come back together', async () => {
    const one = quickBench();
    const records = Array.from({ length: 20 }, (_, index) => copyAt(100 + index, index, { 'gbx-retry-count': '1' }));
    one.warehouse.refuses = (row) => row.exposureId !== 'gbx-control';
    one.warehouse.ledger.set(0, { partition: 0, nextOffset: 100n, epoch: 1, owner: 'x', host: 'h', lastRecord: undefined });
    serveAgain(one, records);
    const running = start(one);
    joined(one, 120n);
    await running.pass(5_000);
    expect(one.requeued.map((requeued) => requeued.kind === 'refused' && requeued.retryCount)).toEqual(records.map(() => 2));
    expect([one.deps.circuit.isOpen(), one.warehouse.ledger.get(0)?.nextOffset]).toEqual([false, 120n]);
    await running.stop();
  });
});
