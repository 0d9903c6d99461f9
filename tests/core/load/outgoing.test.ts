// What leaves a batch for another topic is acknowledged before the ledger passes its record.
import { describe, expect, it } from 'vitest';
import { exposureRecord, joined, recordsEvent, start } from './fakes.ts';
import { bad, quickBench, serveAgain, span } from './retry-fakes.ts';

describe('the ledger', () => {
  it('waits for the dead letter of an invalid record, rows and all', async () => {
    const bench = quickBench();
    let acknowledge = (): void => undefined;
    const { writeDeadLetters } = bench.deps;
    const deps = {
      ...bench.deps,
      writeDeadLetters: async (...given: Parameters<typeof writeDeadLetters>) => {
        await new Promise<void>((resolve) => {
          acknowledge = resolve;
        });
        return writeDeadLetters(...given);
      },
    };
    const running = start({ ...bench, deps });
    joined(bench);
    bench.source.give(recordsEvent([exposureRecord(0), { ...exposureRecord(1), value: Buffer.from('{') }]));
    await running.pass(5_000);
    expect([bench.warehouse.flushed.length, bench.warehouse.ledger.get(0)?.nextOffset]).toEqual([0, 0n]);
    acknowledge();
    await running.pass(1_000);
    expect([bench.letters.length, bench.warehouse.ledger.get(0)?.nextOffset]).toEqual([1, 2n]);
    await running.stop();
  });

  it('waits for the copy of a refused record', async () => {
    const bench = quickBench();
    bench.warehouse.refuses = bad('e0-1');
    serveAgain(bench, span(0, 4));
    let acknowledge = (): void => undefined;
    const { requeue } = bench.deps;
    const deps = {
      ...bench.deps,
      requeue: async (...given: Parameters<typeof requeue>) => {
        await new Promise<void>((resolve) => {
          acknowledge = resolve;
        });
        return requeue(...given);
      },
    };
    const running = start({ ...bench, deps });
    joined(bench);
    await running.pass(5_000);
    expect([bench.requeued.length, bench.warehouse.ledger.get(0)?.nextOffset]).toEqual([0, 0n]);
    acknowledge();
    await running.pass(1_000);
    expect([bench.requeued.length, bench.warehouse.ledger.get(0)?.nextOffset]).toEqual([1, 4n]);
    await running.stop();
  });
});
