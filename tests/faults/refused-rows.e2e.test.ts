// Contract (F19): rows that only the warehouse refuses are isolated, tried again and given up, each on its own; killed at
// any moment of that, also while copies are held back until they are due, a consumer loses none of them and none of their
// neighbours. What the table refuses for good is exactly what the dead letters hold.
import { describe, expect, it } from 'vitest';
import { logged } from '../support/log-lines.ts';
import { openPipeline, otherTraffic, type Pipeline, recordOf } from '../support/pipeline.ts';
import { endOffsets, type NewRecord, readTopic } from '../support/topic-log.ts';

const REFUSED_EVERY = 50;

/** One of fifty has a variation that the table takes no more. */
async function sendMixed(pipeline: Pipeline, { from, count }: { readonly from: number; readonly count: number }): Promise<number> {
  const traffic = otherTraffic();
  const records = Array.from({ length: count }, (_, i) => {
    const event = traffic.eventAt(from + i);
    if (i % REFUSED_EVERY !== 7) return recordOf(event, i % 3);
    const record: NewRecord = { partition: i % 3, key: event.ds_user_id, value: JSON.stringify({ ...event, variation_id: 'refused' }) };
    return { ...record, expected: { kind: 'letter', code: 'GBX_ROW_REFUSED' } as const };
  });
  await pipeline.sendRecords(records);
  return records.filter(({ expected }) => expected.kind === 'letter').length;
}

async function refuse(pipeline: Pipeline): Promise<void> {
  await pipeline.database.query(`ALTER TABLE growthbook.experiment_exposures ADD CONSTRAINT known CHECK (variation_id <> 'refused')`);
}

/** Copies are written behind what was sent: the end moves until the last one is given up. */
async function untilGivenUp(pipeline: Pipeline, letters: number): Promise<void> {
  const { brokers, deadLetterTopic } = pipeline;
  const origins = async () => new Set((await readTopic({ brokers, topic: deadLetterTopic })).map(({ headers }) => headers['gbx-origin']));
  const enough = async () => (await origins()).size >= letters;
  await pipeline.until(`${letters} dead letters`, enough, { timeoutMs: 60_000 });
  await pipeline.untilDrained();
}

describe.concurrent('gbx consume', () => {
  it('F19 gives up exactly the rows that the table refuses, each after its retries, and loads all others', async () => {
    await using pipeline = await openPipeline({ env: { GBX_RETRY_BACKOFF_MS: '100,200,300' } });
    await refuse(pipeline);
    const letters = await sendMixed(pipeline, { from: 0, count: 1_000 });
    const consumer = await pipeline.consumer();
    await untilGivenUp(pipeline, letters);
    expect(await pipeline.expectExact()).toMatchObject({ rows: 1_000 - letters, letters });
    // I10: every one was tried three times more, no other record was.
    const copies = (await readTopic(pipeline)).filter(({ headers }) => 'gbx-retry-count' in headers);
    expect(copies.filter(({ value }) => !String(value).includes('"refused"'))).toEqual([]);
    expect(copies.map(({ headers }) => headers['gbx-retry-count']).sort()).toEqual(['1', '2', '3'].flatMap((n) => Array(letters).fill(n)));
    expect(logged(consumer, 'circuit.opened')).toEqual([]);
  }, 120_000);

  it('F19 loses no row that was held back for its retry when it is killed', async () => {
    // Long enough that some copies are held still when the kill comes: up to 15 s each.
    await using pipeline = await openPipeline({ env: { GBX_BATCH_ROWS_MAX: '16000' } });
    await refuse(pipeline);
    const letters = await sendMixed(pipeline, { from: 0, count: 600 });
    const victim = await pipeline.consumer({ GBX_RETRY_BACKOFF_MS: '15000' });
    await pipeline.until(
      'all written again',
      () => logged(victim, 'batch.loaded').reduce((sum, line) => sum + Number(line['requeued']), 0) >= letters,
    );
    // What comes behind the copies is loaded; the ledger must stand before them all the same.
    await pipeline.send(600);
    await pipeline.until('the rows behind', async () => (await pipeline.count()) === 1_200 - letters);
    const [ledger, ends] = [await pipeline.ledger(), await endOffsets(pipeline)];
    expect([...ends].some(([partition, end]) => (ledger.get(partition) ?? 0n) < end)).toBe(true);
    victim.signal('SIGKILL');
    await victim.exit();
    await pipeline.consumer({ GBX_RETRY_BACKOFF_MS: '100' });
    await untilGivenUp(pipeline, letters);
    expect(await pipeline.expectExact({ lettersMayRepeat: true })).toMatchObject({ rows: 1_200 - letters, letters });
  }, 120_000);
});
