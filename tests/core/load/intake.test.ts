// Copies that are not due, through the loop: what /intake.ts does with them, and where /flight.ts lets the ledger go.
import { describe, expect, it } from 'vitest';
import { markRecord } from '../../../src/core/load/last-record.ts';
import { type Bench, exposureRecord, joined, recordsEvent, start } from './fakes.ts';
import { copyAt, notBefore, POLICY, quickBench, serveAgain } from './retry-fakes.ts';

describe('a copy that is not due', () => {
  it('is held: later rows land, the ledger stands at it, and it lands when it is due', async () => {
    const one = quickBench();
    const running = start(one);
    joined(one);
    one.source.give(recordsEvent([exposureRecord(0), copyAt(1, 90, { ...notBefore(one, 5_000) }), exposureRecord(2), exposureRecord(3)]));
    await running.pass(2_000);
    expect(one.warehouse.table).toEqual(['e0-0', 'e0-2', 'e0-3']);
    expect(one.warehouse.ledger.get(0)).toMatchObject({ nextOffset: 1n, lastRecord: markRecord(exposureRecord(0)) });
    expect(one.metrics.values.get('gbx_retry_held_records')).toBe(1);
    await running.pass(2_500);
    expect(one.warehouse.table).toHaveLength(3);
    await running.pass(1_500);
    expect(one.warehouse.table.at(-1)).toBe('e0-90');
    expect(one.warehouse.ledger.get(0)).toMatchObject({ nextOffset: 4n, lastRecord: markRecord(exposureRecord(3)) });
    expect([one.metrics.values.get('gbx_retry_held_records'), one.requeued]).toEqual([0, []]);
    await running.stop();
  });

  it('lets the rows of others in while the ledger stands still, step by step', async () => {
    const one = quickBench();
    const running = start(one);
    joined(one);
    one.source.give(recordsEvent([copyAt(0, 90, { ...notBefore(one, 8_000) }), copyAt(1, 91, { ...notBefore(one, 2_000) })]));
    await running.pass(4_000);
    expect(one.warehouse.flushed.at(-1)).toMatchObject({
      rows: [{ exposureId: 'e0-91' }],
      steps: [{ from: 0n, to: 0n, lastRecord: undefined }],
    });
    one.source.give(recordsEvent([exposureRecord(2), exposureRecord(3)]));
    await running.pass(1_000);
    expect([one.warehouse.table, one.warehouse.ledger.get(0)?.nextOffset]).toEqual([['e0-91', 'e0-2', 'e0-3'], 0n]);
    await running.pass(5_000);
    expect([one.warehouse.table.length, one.warehouse.ledger.get(0)?.nextOffset]).toEqual([4, 4n]);
    await running.stop();
  });

  it.each([
    ['has no origin', (one: Bench) => ({ ...exposureRecord(0), headers: notBefore(one, 30_000) })],
    ['has an origin that is none', (one: Bench) => ({ ...exposureRecord(0), headers: { 'gbx-origin': 'me', ...notBefore(one, 30_000) } })],
    ['says no number', () => copyAt(0, 0, { 'gbx-not-before': '1e15' })],
  ])('is loaded at once when it %s', async (_, record) => {
    const one = quickBench();
    const running = start(one);
    joined(one);
    one.source.give(recordsEvent([record(one), exposureRecord(1)]));
    await running.pass(1_000);
    expect(one.warehouse.table).toEqual(['e0-0', 'e0-1']);
    await running.stop();
  });

  it('waits a minute at most, whatever it says, and a step of the clock changes nothing', async () => {
    const one = quickBench();
    const running = start(one);
    joined(one);
    one.source.give(recordsEvent([copyAt(0, 0, { ...notBefore(one, 1e12) })]));
    await running.pass(58_000);
    expect(one.warehouse.table).toEqual([]);
    await running.pass(4_000);
    expect(one.warehouse.table).toEqual(['e0-0']);
    await running.stop();
  });

  it('is dropped at a claim, read again, and still loaded once', async () => {
    const one = quickBench();
    const records = [exposureRecord(0), copyAt(1, 90, { ...notBefore(one, 5_000) }), exposureRecord(2)];
    serveAgain(one, records);
    const running = start(one);
    joined(one);
    await running.pass(2_000);
    expect(one.metrics.values.get('gbx_retry_held_records')).toBe(1);
    joined(one);
    await running.pass(8_000);
    // The record before the ledger is read once more and compared; the one behind it is found in the table.
    expect(one.source.sought).toEqual([new Map([[0, 0n]]), new Map([[0, 0n]])]);
    expect(one.warehouse.table).toEqual(['e0-0', 'e0-2', 'e0-90']);
    expect(one.warehouse.ledger.get(0)?.nextOffset).toBe(3n);
    await running.stop();
  });

  it('is written again unchanged where there is no room for it, a group a second at most, and the rest waits', async () => {
    const one = quickBench({ policy: { ...POLICY, rowsMax: 5_000 } });
    const running = start(one);
    joined(one, 10_000n);
    const copies = Array.from({ length: 3_500 }, (_, offset) => copyAt(offset, offset, { ...notBefore(one, 55_000) }));
    one.source.give(recordsEvent(copies));
    await running.pass(900);
    expect([one.requeued.length, new Set(one.requeued.map(({ kind }) => kind))]).toEqual([1_000, new Set(['not-due'])]);
    expect(one.requeued.map(({ record }) => Number(record.offset))).toEqual(Array.from({ length: 1_000 }, (_, index) => 1_000 + index));
    // The ledger stays at what is held.
    expect(one.warehouse.ledger.get(0)?.nextOffset).toBe(0n);
    await running.pass(5_000);
    expect(one.requeued).toHaveLength(2_500);
    await running.pass(60_000);
    expect([one.warehouse.ledger.get(0)?.nextOffset, one.warehouse.table.length]).toEqual([3_500n, 1_000]);
    expect(one.requeued).toHaveLength(2_500);
    await running.stop();
  });

  it('does not have the dead letters behind it written again when they are read again', async () => {
    const one = quickBench();
    serveAgain(one, [copyAt(0, 90, { ...notBefore(one, 20_000) }), { ...exposureRecord(1), value: Buffer.from('{') }, exposureRecord(2)]);
    const running = start(one);
    joined(one);
    await running.pass(2_000);
    joined(one);
    await running.pass(2_000);
    expect([one.letters.length, one.warehouse.ledger.get(0)?.nextOffset]).toEqual([1, 0n]);
    await running.pass(25_000);
    expect([one.letters.length, one.warehouse.ledger.get(0)?.nextOffset]).toEqual([1, 3n]);
    await running.stop();
  });
});
