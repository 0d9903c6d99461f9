// Copies that are not due, through the loop: what /intake.ts does with them, and where /flight.ts lets the ledger go.
import { describe, expect, it } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
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

  it('is loaded at once where there is no room for it and the topic does not take it again', async () => {
    const one = quickBench({ hold: { recordsMax: 0, bytesMax: 0 } });
    const requeue = async (...[given, onWritten]: Parameters<typeof one.deps.requeue>): Promise<void> => {
      const small = given.filter(({ record }) => record.offset !== 1n && record.offset !== 2n);
      await one.deps.requeue(small, onWritten);
      if (small.length < given.length) throw new GbxError('GBX_RECORD_TOO_LARGE', 'too large');
    };
    const running = start({ ...one, deps: { ...one.deps, requeue } });
    joined(one);
    const [first, second, broken] = [0, 1, 2].map((offset) => copyAt(offset, 90 + offset, notBefore(one, 50_000)));
    if (first === undefined || second === undefined || broken === undefined) throw new Error('no copies');
    one.source.give(recordsEvent([first, second, { ...broken, value: Buffer.from('{') }, exposureRecord(3)]));
    await running.pass(3_000);
    expect([one.requeued.map(({ record }) => record.offset), one.warehouse.table.sort()]).toEqual([[0n], ['e0-3', 'e0-91']]);
    expect([one.letters.map(({ record }) => record.offset), one.warehouse.ledger.get(0)?.nextOffset]).toEqual([[2n], 4n]);
    await running.stop();
  });

  it('at the start of a log whose records expired keeps the ledger at it, and no mark of what is gone', async () => {
    const one = quickBench();
    const before = markRecord(exposureRecord(1));
    one.warehouse.ledger.set(0, { partition: 0, nextOffset: 2n, epoch: 1, owner: 'x', host: 'h', lastRecord: before });
    const running = start(one);
    one.source.known = [{ partition: 0, start: 7n, end: 9n, committed: undefined }];
    one.source.give({ kind: 'joined', partitions: [0] });
    one.source.give(recordsEvent([copyAt(7, 90, { ...notBefore(one, 5_000) }), exposureRecord(8)]));
    await running.pass(2_000);
    expect(one.warehouse.ledger.get(0)).toMatchObject({ nextOffset: 7n, lastRecord: undefined });
    await running.stop();
  });

  it('does not wait for the age of a batch once a group is full that is written again', async () => {
    const one = quickBench({ policy: { ...POLICY, rowsDue: 5_000, ageDueMs: 30_000, rowsMax: 5_000 } });
    const running = start(one);
    joined(one, 10_000n);
    one.source.give(recordsEvent(Array.from({ length: 3_200 }, (_, offset) => copyAt(offset, offset, { ...notBefore(one, 55_000) }))));
    await running.pass(4_000);
    expect(one.requeued).toHaveLength(2_000);
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
