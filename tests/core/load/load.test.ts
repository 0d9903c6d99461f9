// The loop's parts are tested through it: /loop.ts, /intake.ts, /flight.ts, /flush.ts and /ownership.ts.
import { describe, expect, it } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import { markRecord } from '../../../src/core/load/last-record.ts';
import type { FlushOutcome } from '../../../src/core/load/ports.ts';
import { exposureRecord, joined, recordsEvent, setUp, start } from './fakes.ts';

const FENCED: FlushOutcome = {
  kind: 'fenced',
  holders: [{ partition: 0, nextOffset: 0n, epoch: 9, owner: 'other', host: 'elsewhere', lastRecord: undefined }],
};

describe('runLoad()', () => {
  it('ends with the error of the client when that crashes', async () => {
    const bench = setUp();
    const running = start(bench);
    joined(bench);
    bench.source.fail(new GbxError('GBX_CONSUMER_CRASHED', 'gone'));
    await running.pass(1_000);
    expect(running.ended()).toMatchObject({ code: 'GBX_CONSUMER_CRASHED', exitCode: 69 });
  });

  it('ends when another record stands where the last one was loaded', async () => {
    const bench = setUp();
    bench.warehouse.ledger.set(0, {
      partition: 0,
      nextOffset: 5n,
      epoch: 1,
      owner: 'x',
      host: 'h',
      lastRecord: markRecord(exposureRecord(99)),
    });
    const running = start(bench);
    joined(bench);
    bench.source.give(recordsEvent([exposureRecord(4), exposureRecord(5)]));
    await running.pass(1_000);
    expect(running.ended()).toMatchObject({ code: 'GBX_TOPIC_CHANGED', exitCode: 78 });
    expect(bench.warehouse.flushed).toEqual([]);
  });

  it('does not load the record again that it read to compare', async () => {
    const bench = setUp();
    bench.warehouse.ledger.set(0, {
      partition: 0,
      nextOffset: 5n,
      epoch: 1,
      owner: 'x',
      host: 'h',
      lastRecord: markRecord(exposureRecord(4)),
    });
    const running = start(bench);
    joined(bench);
    bench.source.give(recordsEvent([exposureRecord(4), exposureRecord(5), exposureRecord(6)]));
    await running.pass(1_000);
    expect(bench.warehouse.flushed.map(({ rows }) => rows.map((row) => row.exposureId))).toEqual([['e0-5', 'e0-6']]);
    expect(await running.stop()).toEqual({ recordsRead: 2, rowsInserted: 2, flushes: 1 });
  });

  it('throws away records of partitions that it does not hold', async () => {
    const bench = setUp();
    const running = start(bench);
    joined(bench);
    await running.pass(100);
    bench.source.give(recordsEvent([exposureRecord(0, 7), exposureRecord(1, 7)]));
    await running.pass(1_000);
    expect(bench.warehouse.flushed).toEqual([]);
    await running.stop();
  });

  it.each([
    ['beyond where it was read to', 8],
    ['before where it was read to', 0],
  ])('claims again when the log goes on %s', async (_, offset) => {
    const bench = setUp();
    const running = start(bench);
    joined(bench);
    await running.pass(100);
    bench.source.give(recordsEvent([exposureRecord(0), exposureRecord(1), exposureRecord(2)]));
    await running.pass(500);
    bench.source.give(recordsEvent([exposureRecord(offset)]));
    await running.pass(1_000);
    expect(bench.log.events()).toContain('log.gap_found');
    expect(bench.source.sought).toHaveLength(2);
    expect(bench.warehouse.ledger.get(0)?.epoch).toBe(2);
    await running.stop();
  });

  it('holds its batch through an outage and loads it as it was', async () => {
    const bench = setUp();
    const running = start(bench);
    joined(bench);
    for (let i = 0; i < 20; i++) bench.warehouse.answers.push(new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'down'));
    bench.source.give(recordsEvent([exposureRecord(0), exposureRecord(1)]));
    await running.pass(5_000);
    expect(bench.deps.circuit.isOpen()).toBe(true);
    await running.pass(60_000);
    expect(bench.deps.circuit.isOpen()).toBe(false);
    expect(new Set(bench.warehouse.flushed.map(({ rows }) => rows.map((row) => row.exposureId).join()))).toEqual(new Set(['e0-0,e0-1']));
    expect(bench.letters).toEqual([]);
    await running.stop();
  });

  it('writes the dead letter of an invalid record before the ledger passes it, and once however often the flush fails', async () => {
    const bench = setUp();
    const running = start(bench);
    joined(bench);
    bench.warehouse.answers.push(new GbxError('GBX_WAREHOUSE_BUSY', 'again'), new GbxError('GBX_WAREHOUSE_UNSURE', 'again'));
    bench.source.give(recordsEvent([exposureRecord(0), { ...exposureRecord(1), value: Buffer.from('{') }]));
    await running.pass(5_000);
    expect(bench.letters.map(({ code }) => code)).toEqual(['GBX_NOT_JSON']);
    expect(bench.warehouse.ledger.get(0)?.nextOffset).toBe(2n);
    await running.stop();
  });

  it('writes the dead letters of the next batch while one is flushed, and does not write them again', async () => {
    const bench = setUp();
    const running = start(bench);
    joined(bench);
    let land = (_: FlushOutcome): void => undefined;
    bench.warehouse.answers.push(new Promise((resolve) => (land = resolve)));
    bench.source.give(recordsEvent([exposureRecord(0), exposureRecord(1)]));
    await running.pass(200);
    bench.source.give(recordsEvent([{ ...exposureRecord(2), value: Buffer.from('{') }, exposureRecord(3)]));
    await running.pass(200);
    bench.source.give(recordsEvent([{ ...exposureRecord(4), value: Buffer.from('[]') }]));
    await running.pass(200);
    expect([bench.letters.map(({ record }) => record.offset), bench.warehouse.flushed.length]).toEqual([[2n, 4n], 1]);
    land({ kind: 'loaded', inserted: 2, durations: { stageMs: 0, lockMs: 0, insertMs: 0, commitMs: 0 } });
    bench.warehouse.ledger.set(0, { partition: 0, nextOffset: 2n, epoch: 1, owner: 'owner-0', host: 'h', lastRecord: undefined });
    await running.pass(1_000);
    expect([bench.letters.length, bench.warehouse.ledger.get(0)?.nextOffset]).toEqual([2, 5n]);
    await running.stop();
  });

  it('dead-letters an id that stands for another user in the table, then loads the rest', async () => {
    const bench = setUp();
    const running = start(bench);
    joined(bench);
    const reused: FlushOutcome = { kind: 'id-reused', exposureIds: ['e0-1'] };
    bench.warehouse.answers.push(reused, reused);
    const records = recordsEvent([exposureRecord(0), exposureRecord(1)]);
    bench.source.give(records);
    await running.pass(1_000);
    // Records are not kept: it reads them again to make the dead letter.
    expect([bench.letters, bench.source.sought.length]).toEqual([[], 2]);
    bench.source.give(records);
    await running.pass(1_000);
    expect(bench.letters.map(({ code, record }) => [code, record.offset])).toEqual([['GBX_ID_REUSED', 1n]]);
    expect(bench.warehouse.flushed.at(-1)?.rows.map((row) => row.exposureId)).toEqual(['e0-0']);
    await running.stop();
  });

  it('drops its batch and waits for the join when it is fenced', async () => {
    const bench = setUp();
    const running = start(bench);
    joined(bench);
    await running.pass(100);
    bench.warehouse.answers.push(FENCED);
    bench.source.give(recordsEvent([exposureRecord(0), exposureRecord(1)]));
    await running.pass(500);
    bench.source.give({ kind: 'joined', partitions: [] });
    await running.pass(500);
    expect(bench.warehouse.ledger.get(0)?.epoch).toBe(1);
    expect(await running.stop()).toMatchObject({ rowsInserted: 0 });
  });

  it('gives up with 75, naming the other one, when it is fenced three times within a minute', async () => {
    const bench = setUp();
    const running = start(bench);
    joined(bench);
    for (let i = 0; i < 3; i++) {
      await running.pass(200);
      bench.warehouse.answers.push(FENCED);
      bench.source.give(recordsEvent([exposureRecord(0), exposureRecord(1)]));
      await running.pass(4_000);
    }
    expect(running.ended()).toMatchObject({ code: 'GBX_FENCED', exitCode: 75, message: expect.stringContaining('other on elsewhere') });
  });

  it('does not count a fence that a join of its own group explains', async () => {
    const bench = setUp();
    const running = start(bench);
    for (let i = 0; i < 4; i++) {
      joined(bench);
      await running.pass(200);
      bench.warehouse.answers.push(FENCED);
      bench.source.give(recordsEvent([exposureRecord(0), exposureRecord(1)]));
      await running.pass(500);
    }
    // One more that nothing explains: the first of three.
    joined(bench);
    await running.pass(200);
    bench.warehouse.answers.push(FENCED);
    bench.source.give(recordsEvent([exposureRecord(0), exposureRecord(1)]));
    await running.pass(4_000);
    expect(running.ended()).toBeUndefined();
    await running.stop();
  });

  it('flushes what it has taken when it is told to stop, commits it, and takes no more', async () => {
    const bench = setUp();
    const running = start(bench);
    joined(bench);
    await running.pass(100);
    bench.source.give(recordsEvent([exposureRecord(0)]));
    await running.pass(200);
    expect(bench.warehouse.flushed).toEqual([]);
    expect(await running.stop()).toEqual({ recordsRead: 1, rowsInserted: 1, flushes: 1 });
    expect(bench.source.committed).toEqual([new Map([[0, 1n]])]);
  });

  it('ends within the drain timeout though a flush of before a rebalance gets no answer', async () => {
    const bench = setUp();
    const running = start(bench);
    joined(bench);
    bench.warehouse.answers.push(new Promise<FlushOutcome>(() => undefined));
    bench.source.give(recordsEvent([exposureRecord(0), exposureRecord(1)]));
    await running.pass(500);
    joined(bench);
    await running.pass(500);
    expect(await running.stop()).toMatchObject({ recordsRead: 2, flushes: 0 });
  });

  it('stops at once while the warehouse is away, and loses nothing by it', async () => {
    const bench = setUp();
    const running = start(bench);
    joined(bench);
    for (let i = 0; i < 200; i++) bench.warehouse.answers.push(new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'down'));
    bench.source.give(recordsEvent([exposureRecord(0), exposureRecord(1)]));
    await running.pass(10_000);
    expect(await running.stop()).toMatchObject({ rowsInserted: 0 });
    expect(bench.warehouse.ledger.get(0)?.nextOffset).toBe(0n);
    expect(bench.log.events()).toContain('drain.cut_short');
  });
});
