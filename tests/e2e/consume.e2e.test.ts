// Contract: `gbx consume` brings every exposure of the topic into the table, once and unaltered, in either dialect, with
// and without an enforced key; it says what it does in its log, its metrics and its health; it goes on where it stopped.
import { describe, expect, it } from 'vitest';
import { logged } from '../support/log-lines.ts';
import { openPipeline, otherTraffic, type Pipeline, recordOf } from '../support/pipeline.ts';
import type { TestProcess } from '../support/process.ts';
import { eventually, openDatabase } from '../support/stack.ts';

async function adminUrl(consumer: TestProcess): Promise<string> {
  await consumer.line('consume.started');
  return String(logged(consumer, 'consume.started')[0]?.['admin']);
}

async function status(url: string): Promise<number> {
  return (await fetch(url)).status;
}

describe.concurrent('gbx consume', () => {
  it.each([
    { dialect: 'postgres', primaryKey: true },
    { dialect: 'postgres', primaryKey: false },
    { dialect: 'redshift', primaryKey: true },
    { dialect: 'redshift', primaryKey: false },
  ])('loads each exposure once, dialect $dialect, key $primaryKey', async ({ dialect, primaryKey }) => {
    await using database = await openDatabase({ primaryKey });
    await using pipeline = await openPipeline({ database, env: { GBX_DB_DIALECT: dialect } });
    await pipeline.send(450);
    await using consumer = await pipeline.consumer();
    expect(await pipeline.expectExact()).toMatchObject({ rows: 450, letters: 0 });
    await pipeline.send(150);
    expect(await pipeline.expectExact()).toMatchObject({ rows: 600 });
    expect(logged(consumer, 'batch.loaded').length).toBeGreaterThanOrEqual(6);
    const [times] = await database.query<{ late: boolean; none: boolean }>(
      `SELECT bool_or(created_at NOT BETWEEN (now() AT TIME ZONE 'UTC') - interval '1 minute' AND now() AT TIME ZONE 'UTC') AS late,
        bool_or(created_at IS NULL) AS none FROM growthbook.experiment_exposures`,
    );
    expect(times).toEqual({ late: false, none: false });
  });

  it('goes on where it stopped, in another process, and reads nothing again', async () => {
    await using pipeline = await openPipeline();
    await pipeline.send(200);
    await using first = await pipeline.consumer();
    await pipeline.untilLoaded();
    first.signal('SIGTERM');
    expect(await first.exit()).toEqual({ code: 0, signal: null });
    expect(await pipeline.committed()).toEqual(await pipeline.ledger());
    await pipeline.send(100);
    await using second = await pipeline.consumer();
    expect(await pipeline.expectExact()).toMatchObject({ rows: 300 });
    second.signal('SIGINT');
    expect(await second.exit()).toEqual({ code: 0, signal: null });
    expect(logged(second, 'consume.stopped')).toMatchObject([{ recordsRead: 100, rowsInserted: 100 }]);
  });

  it('tells its batches in the log, and its state on the admin port', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    await pipeline.send(100);
    await using consumer = await pipeline.consumer();
    const admin = await adminUrl(consumer);
    await pipeline.untilLoaded();
    const line = await eventually('the line of the batch', () => logged(consumer, 'batch.loaded')[0]);
    expect(line).toMatchObject({ records: 100, rows: 100, inserted: 100, inTableAlready: 0, deadLetters: 0, attempts: 1 });
    expect(line).toMatchObject({ offsets: { 0: '0..100' }, stageMs: expect.any(Number), commitMs: expect.any(Number) });
    expect(await status(`${admin}/livez`)).toBe(200);
    expect(await status(`${admin}/readyz`)).toBe(200);
    const metrics = await (await fetch(`${admin}/metrics`)).text();
    expect(metrics).toMatch(/^gbx_rows_loaded_total 100$/mu);
    expect(metrics).toMatch(/^gbx_kafka_records_consumed_total 100$/mu);
    expect(metrics).toMatch(/^gbx_circuit_open 0$/mu);
  });

  it('waits for the age of a batch that stays small', async () => {
    await using pipeline = await openPipeline();
    await using consumer = await pipeline.consumer({ BATCH_TIMEOUT_SECONDS: '2' });
    await consumer.line('partitions.claimed');
    const startMs = performance.now();
    await pipeline.send(3);
    await pipeline.untilLoaded();
    expect(performance.now() - startMs).toBeGreaterThan(1_500);
    await pipeline.expectExact();
  });

  it('loads an exposure that stands in the topic several times once, and counts the copies', async () => {
    await using pipeline = await openPipeline({ partitions: 2 });
    await using consumer = await pipeline.consumer();
    await sendTwice(pipeline, 100);
    expect(await pipeline.expectExact()).toMatchObject({ rows: 100, letters: 0 });
    const batches = logged(consumer, 'batch.loaded');
    const copies = batches.reduce((sum, line) => sum + Number(line['inBatchTwice']) + Number(line['inTableAlready']), 0);
    expect(copies).toBe(100);
  });
});

/** The same records in partition 0 and again in partition 1. */
async function sendTwice(pipeline: Pipeline, count: number): Promise<void> {
  const traffic = otherTraffic();
  const records = Array.from({ length: count }, (_, i) => recordOf(traffic.eventAt(i), 0));
  await pipeline.sendRecords(records);
  await pipeline.sendRecords(records.map((record) => ({ ...record, partition: 1, expected: { kind: 'copy' } })));
}
