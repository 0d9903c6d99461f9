// Contract (F4, F27, F28): what happens to the group and the topic while or between loading (members come and go, offsets
// of the group or old records are deleted, partitions are added) skips nothing that is still there and doubles nothing.
import { describe, expect, it } from 'vitest';
import { logged, partitionsHeld } from '../support/log-lines.ts';
import { openPipeline, otherTraffic, type Pipeline, recordOf } from '../support/pipeline.ts';
import { watchProgress } from '../support/progress.ts';
import { addPartitions, deleteGroup, expireRecords } from '../support/topic-log.ts';

const CHANGES = process.env['GBX_FAULTS'] === 'long' ? 12 : 3;

/** Loads all that was sent, then ends the consumer in order. */
async function stopLoaded(pipeline: Pipeline): Promise<void> {
  await using consumer = await pipeline.consumer();
  await pipeline.untilLoaded();
  consumer.signal('SIGTERM');
  expect(await consumer.exit()).toMatchObject({ code: 0 });
}

describe.concurrent('gbx consume', () => {
  it(
    'F4 loads on while members come and go',
    async () => {
      await using pipeline = await openPipeline({ partitions: 4 });
      const first = await pipeline.consumer();
      await pipeline.send(400);
      await pipeline.until('some rows', async () => (await pipeline.count()) > 0);
      await using progress = watchProgress(pipeline);
      for (let change = 0; change < CHANGES; change++) {
        const second = await pipeline.consumer();
        await pipeline.send(400);
        await pipeline.until('two partitions each', () => partitionsHeld(first) === 2 && partitionsHeld(second) === 2);
        await pipeline.send(400);
        second.signal(change % 3 === 2 ? 'SIGKILL' : 'SIGTERM');
        await second.exit();
        await pipeline.send(400);
        await pipeline.until('all partitions again', () => partitionsHeld(first) === 4);
      }
      expect(await pipeline.expectExact()).toMatchObject({ rows: 400 + CHANGES * 1_200, letters: 0 });
      expect(logged(first, 'group.joined').length).toBeGreaterThanOrEqual(1 + 2 * CHANGES);
      expect(progress.setbacks).toEqual([]);
    },
    60_000 + CHANGES * 20_000,
  );

  it('F27 goes on from the ledger when the group and its offsets were deleted', async () => {
    await using pipeline = await openPipeline();
    await pipeline.send(300);
    await stopLoaded(pipeline);
    await deleteGroup(pipeline.brokers, pipeline.group);
    expect([...(await pipeline.committed())]).toEqual([]);
    await pipeline.send(300);
    const consumer = await pipeline.consumer();
    expect(await pipeline.expectExact()).toMatchObject({ rows: 600, letters: 0 });
    // Nothing was read a second time either.
    const read = logged(consumer, 'batch.loaded').reduce((sum, line) => sum + Number(line['records']), 0);
    expect(read).toBe(300);
  }, 60_000);

  it('F27 says at error what expired before it was loaded, and loads all that is left', async () => {
    await using pipeline = await openPipeline({ partitions: 2 });
    await pipeline.send(200);
    await stopLoaded(pipeline);
    const traffic = otherTraffic();
    const records = Array.from({ length: 400 }, (_, i) => recordOf(traffic.eventAt(i), i % 2));
    // Of partition 0 the first 50 of these will be gone.
    await pipeline.sendRecords(records.map((record, i) => (i % 2 === 0 && i < 100 ? { ...record, expected: { kind: 'copy' } } : record)));
    await expireRecords(pipeline, new Map([[0, 150n]]));
    const consumer = await pipeline.consumer();
    expect(await pipeline.expectExact()).toMatchObject({ rows: 550, letters: 0 });
    expect(logged(consumer, 'records.expired')).toMatchObject([{ level: 'error', partition: 0, from: '100', to: '150', records: '50' }]);
  }, 60_000);

  it('F27 goes on when records expire under it while it cannot load them', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    const { database } = pipeline;
    const consumer = await pipeline.consumer();
    await pipeline.send(100);
    await pipeline.untilLoaded();
    await database.query('ALTER TABLE growthbook.experiment_exposures RENAME TO elsewhere');
    // More than a consumer holds in memory: some of it is fetched only after the records are gone.
    const traffic = otherTraffic();
    const records = Array.from({ length: 400 }, (_, i) => recordOf(traffic.eventAt(i), 0));
    await pipeline.sendRecords(records.slice(0, 200));
    await consumer.line('circuit.opened');
    await expireRecords(pipeline, new Map([[0, 300n]]));
    await pipeline.sendRecords(records.slice(200));
    await database.query('ALTER TABLE growthbook.elsewhere RENAME TO experiment_exposures');
    // Those it had fetched are loaded although they are gone by now.
    expect(await pipeline.expectExact()).toMatchObject({ rows: 500, letters: 0 });
  }, 60_000);

  it('F28 picks up partitions that are added while it loads, from their beginning', async () => {
    await using pipeline = await openPipeline({ partitions: 2 });
    const consumer = await pipeline.consumer();
    await pipeline.send(200);
    await pipeline.untilLoaded();
    await addPartitions(pipeline, 5);
    const traffic = otherTraffic();
    await pipeline.sendRecords(Array.from({ length: 500 }, (_, i) => recordOf(traffic.eventAt(i), i % 5)));
    expect(await pipeline.expectExact()).toMatchObject({ rows: 700, letters: 0 });
    expect(partitionsHeld(consumer)).toBe(5);
    expect((await pipeline.ledger()).size).toBe(5);
  }, 60_000);
});
