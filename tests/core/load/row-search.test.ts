// Rows that the warehouse refuses, through the loop: /row-search.ts, /refusals.ts and /outgoing.ts.
import { describe, expect, it } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import type { FlushOutcome } from '../../../src/core/load/ports.ts';
import { exposureRecord, joined, recordsEvent, start } from './fakes.ts';
import { bad, copyAt, POLICY, quickBench, serveAgain, span } from './retry-fakes.ts';

const FENCED: FlushOutcome = {
  kind: 'fenced',
  holders: [{ partition: 0, nextOffset: 0n, epoch: 9, owner: 'other', host: 'elsewhere', lastRecord: undefined }],
};

describe('a row that the warehouse refuses', () => {
  it('is requeued with the next count and a time, its neighbours land, and the ledger passes it only then', async () => {
    const one = quickBench();
    one.warehouse.refuses = bad('e0-3');
    serveAgain(one, span(0, 8));
    const running = start(one);
    joined(one);
    await running.pass(2_000);
    expect(one.warehouse.table).toEqual(['e0-0', 'e0-1', 'e0-2', 'e0-4', 'e0-5', 'e0-6', 'e0-7']);
    expect(one.requeued).toMatchObject([
      { kind: 'refused', retryCount: 1, code: 'GBX_ROW_REFUSED', message: 'no good', record: { offset: 3n } },
    ]);
    const [requeued] = one.requeued;
    if (requeued?.kind !== 'refused') throw new Error('not requeued');
    expect(requeued.notBeforeMs).toBeGreaterThan(one.clock.now() - 2_000);
    expect(requeued.notBeforeMs).toBeLessThanOrEqual(one.clock.now() + 1_000);
    expect([one.letters, one.warehouse.ledger.get(0)?.nextOffset]).toEqual([[], 8n]);
    // The first flush, halving, and the flush of the rest: the second reading looks for nothing again.
    expect(one.warehouse.flushed).toHaveLength(2);
    expect(one.warehouse.tried.length).toBeLessThanOrEqual(6);
    expect(one.metrics.values.get('gbx_rows_refused_total')).toBe(1);
    expect(one.metrics.values.get('gbx_records_requeued_total{reason=refused}')).toBe(1);
    expect(one.deps.circuit.isOpen()).toBe(false);
    await running.stop();
  });

  it('is searched for in small batches: a large one is read again in parts before anything is tried', async () => {
    const policy = { ...POLICY, rowsMax: 5_000, bytesMax: 50_000_000 };
    const one = quickBench({ policy });
    one.warehouse.refuses = bad('e0-1700');
    serveAgain(one, span(0, 2_500));
    const running = start(one);
    joined(one);
    await running.pass(4_000);
    const [large, ...parts] = one.warehouse.flushed.map(({ rows }) => rows.length);
    expect(large).toBe(2_500);
    // The second part was refused, and went again without its row.
    expect(parts).toEqual([1_000, 999, 999, 500]);
    expect(Math.max(...one.warehouse.tried.map((rows) => rows.length))).toBeLessThanOrEqual(1_000);
    expect([one.requeued.length, one.warehouse.table.length, one.warehouse.ledger.get(0)?.nextOffset]).toEqual([1, 2_499, 2_500n]);
    await running.stop();
  });

  it('needs no second reading when another one follows within a minute', async () => {
    const one = quickBench();
    one.warehouse.refuses = bad('e0-3', 'e0-9');
    serveAgain(one, span(0, 8));
    const running = start(one);
    joined(one);
    await running.pass(1_000);
    one.source.give(recordsEvent(span(8, 12)));
    await running.pass(1_000);
    expect(one.source.sought).toHaveLength(2);
    expect(one.requeued.map(({ record }) => record.offset)).toEqual([3n, 9n]);
    expect(one.warehouse.ledger.get(0)?.nextOffset).toBe(12n);
    await running.stop();
  });

  it('is a dead letter when its last retry is refused, without another copy', async () => {
    const one = quickBench();
    one.warehouse.refuses = bad('e0-0');
    const records = [copyAt(5, 0, { 'gbx-retry-count': '3' }), exposureRecord(6)];
    serveAgain(one, records);
    one.warehouse.ledger.set(0, { partition: 0, nextOffset: 5n, epoch: 1, owner: 'x', host: 'h', lastRecord: undefined });
    const running = start(one);
    joined(one);
    await running.pass(2_000);
    expect(one.requeued).toEqual([]);
    expect(one.letters).toMatchObject([{ code: 'GBX_ROW_REFUSED', stage: 'load', message: 'no good', record: { offset: 5n } }]);
    expect(one.warehouse.ledger.get(0)?.nextOffset).toBe(7n);
    await running.stop();
  });

  it.each(['999999999', '-1', '1e9', ''])('is tried again from the start when its count is forged: %j', async (count) => {
    const one = quickBench();
    one.warehouse.refuses = bad('e0-0');
    serveAgain(one, [copyAt(0, 0, { 'gbx-retry-count': count }), exposureRecord(1)]);
    const running = start(one);
    joined(one);
    await running.pass(2_000);
    expect([one.requeued.map((requeued) => requeued.kind === 'refused' && requeued.retryCount), one.letters]).toEqual([[1], []]);
    await running.stop();
  });

  it('is a dead letter at once where there are to be no retries', async () => {
    const one = quickBench({ retry: { max: 0, backoffMs: [1_000] } });
    one.warehouse.refuses = bad('e0-0');
    serveAgain(one, span(0, 2));
    const running = start(one);
    joined(one);
    await running.pass(2_000);
    expect([one.requeued, one.letters.length]).toEqual([[], 1]);
    await running.stop();
  });

  it('takes copies like it along, and lets a copy with another content stand for the exposure', async () => {
    const one = quickBench();
    one.warehouse.refuses = (row) => row.exposureId === 'e0-0' && row.attributes === '{}';
    const value = Buffer.from(String(exposureRecord(0).value).replace('}', ',"attributes":{"a":1}}'));
    const records = [
      exposureRecord(0),
      { ...exposureRecord(1), value: exposureRecord(0).value },
      { ...exposureRecord(2), value },
      exposureRecord(3),
    ];
    serveAgain(one, records);
    const running = start(one);
    joined(one);
    await running.pass(2_000);
    expect(one.warehouse.table).toEqual(['e0-0', 'e0-3']);
    expect(one.requeued.map(({ record }) => record.offset)).toEqual([0n, 1n]);
    await running.stop();
  });

  it('is not written again when the flush after it fails, is fenced or read again', async () => {
    const one = quickBench();
    one.warehouse.refuses = bad('e0-1');
    serveAgain(one, span(0, 4));
    const running = start(one);
    joined(one);
    one.warehouse.answers.push(new GbxError('GBX_ROW_REFUSED', 'no'), new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'x'), FENCED);
    await running.pass(8_000);
    expect(one.warehouse.ledger.get(0)?.nextOffset).toBe(4n);
    expect(one.requeued).toHaveLength(1);
    await running.stop();
  });

  it('holds the ledger until its copy is acknowledged', async () => {
    const one = quickBench();
    one.warehouse.refuses = bad('e0-1');
    serveAgain(one, span(0, 4));
    let fails = true;
    const { requeue } = one.deps;
    const deps = {
      ...one.deps,
      requeue: async (...given: Parameters<typeof requeue>) => {
        if (fails) throw new GbxError('GBX_KAFKA_UNREACHABLE', 'away');
        return requeue(...given);
      },
    };
    const running = start({ ...one, deps });
    joined(one);
    await running.pass(5_000);
    expect([one.deps.circuit.isOpen(), one.warehouse.ledger.get(0)?.nextOffset, one.warehouse.table]).toEqual([true, 0n, []]);
    fails = false;
    await running.pass(5_000);
    expect([one.deps.circuit.isOpen(), one.warehouse.ledger.get(0)?.nextOffset, one.requeued.length]).toEqual([false, 4n, 1]);
    await running.stop();
  });

  it('may be requeued twice by two processes, when the first ends between its copy and the ledger', async () => {
    const one = quickBench();
    one.warehouse.refuses = bad('e0-1');
    serveAgain(one, span(0, 4));
    const first = start(one);
    joined(one);
    one.warehouse.answers.push(new GbxError('GBX_ROW_REFUSED', 'no'));
    for (let i = 0; i < 50; i++) one.warehouse.answers.push(new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'down'));
    await first.pass(3_000);
    await first.stop();
    expect([one.requeued.length, one.warehouse.ledger.get(0)?.nextOffset, one.warehouse.table]).toEqual([1, 0n, []]);
    one.warehouse.answers.length = 0;
    const second = start(one);
    joined(one);
    await second.pass(6_000);
    const copies = one.requeued.map((requeued) => [requeued.record.offset, requeued.kind === 'refused' && requeued.retryCount]);
    expect(copies).toEqual([
      [1n, 1],
      [1n, 1],
    ]);
    expect([one.warehouse.table, one.warehouse.ledger.get(0)?.nextOffset]).toEqual([['e0-0', 'e0-2', 'e0-3'], 4n]);
    await second.stop();
  });

  it('that the table takes by the time it is tried alone is loaded with the others', async () => {
    const one = quickBench();
    serveAgain(one, span(0, 8));
    const running = start(one);
    joined(one);
    one.warehouse.answers.push(new GbxError('GBX_ROW_REFUSED', 'no'));
    await running.pass(4_000);
    expect([one.requeued, one.letters, one.warehouse.table.length]).toEqual([[], [], 8]);
    await running.stop();
  });

  it('is a dead letter that says why where the topic refuses its copy for another reason', async () => {
    const one = quickBench();
    one.warehouse.refuses = bad('e0-1');
    serveAgain(one, span(0, 6));
    const requeue = async (): Promise<void> => Promise.reject(new GbxError('GBX_RECORD_REFUSED', 'no key'));
    const running = start({ ...one, deps: { ...one.deps, requeue } });
    joined(one);
    await running.pass(3_000);
    expect(one.letters).toMatchObject([{ code: 'GBX_ROW_REFUSED', message: 'no good; the topic refuses its copy' }]);
    await running.stop();
  });

  it('only together with others is loaded in smaller batches', async () => {
    const one = quickBench();
    const flush = one.warehouse.flush.bind(one.warehouse);
    one.warehouse.flush = async (request) => {
      if (request.rows.length > 2) throw new GbxError('GBX_ROW_REFUSED', 'too many');
      return flush(request);
    };
    serveAgain(one, span(0, 8));
    const running = start(one);
    joined(one);
    await running.pass(60_000);
    expect([one.warehouse.table.length, one.requeued, one.letters]).toEqual([8, [], []]);
    await running.stop();
  });

  it('is a dead letter where its copy is too large to be written', async () => {
    const one = quickBench();
    one.warehouse.refuses = bad('e0-1', 'e0-2');
    serveAgain(one, span(0, 6));
    const { requeue } = one.deps;
    const deps = {
      ...one.deps,
      requeue: async (...[given, onWritten]: Parameters<typeof requeue>) => {
        await requeue(given.slice(1), onWritten);
        if (given.length > 1) throw new GbxError('GBX_RECORD_TOO_LARGE', 'too large');
      },
    };
    const running = start({ ...one, deps });
    joined(one);
    await running.pass(3_000);
    expect([one.letters.map(({ record }) => record.offset), one.requeued.map(({ record }) => record.offset)]).toEqual([[1n], [2n]]);
    expect(one.warehouse.ledger.get(0)?.nextOffset).toBe(6n);
    await running.stop();
  });

  it('is looked for on through an outage that begins meanwhile', async () => {
    const one = quickBench();
    one.warehouse.refuses = bad('e0-5');
    serveAgain(one, span(0, 8));
    const running = start(one);
    joined(one);
    one.warehouse.trialErrors.push(...Array.from({ length: 5 }, () => new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'down')));
    await running.pass(20_000);
    expect(one.log.events()).toContain('circuit.opened');
    expect([one.deps.circuit.isOpen(), one.requeued.length, one.warehouse.table.length]).toEqual([false, 1, 7]);
    // Five that failed, and no more than halving takes.
    expect(one.warehouse.tried.length).toBeLessThanOrEqual(5 + 6);
    await running.stop();
  });

  it('and an id that stands for another exposure leave the same batch, each as it should', async () => {
    const one = quickBench();
    one.warehouse.refuses = bad('e0-1');
    const flush = one.warehouse.flush.bind(one.warehouse);
    one.warehouse.flush = async (request) => {
      const isReused = request.rows.some(bad('e0-2')) && !request.rows.some(bad('e0-1'));
      return isReused ? { kind: 'id-reused', exposureIds: ['e0-2'] } : flush(request);
    };
    serveAgain(one, [...span(0, 4), { ...exposureRecord(4), value: Buffer.from('{') }]);
    const running = start(one);
    joined(one);
    await running.pass(3_000);
    expect(one.letters.map(({ code, record }) => [code, record.offset]).sort()).toEqual([
      ['GBX_ID_REUSED', 2n],
      ['GBX_NOT_JSON', 4n],
    ]);
    expect(one.requeued.map(({ record }) => record.offset)).toEqual([1n]);
    expect([one.warehouse.table, one.warehouse.ledger.get(0)?.nextOffset]).toEqual([['e0-0', 'e0-3'], 5n]);
    await running.stop();
  });
});
