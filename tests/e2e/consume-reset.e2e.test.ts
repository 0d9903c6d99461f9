// Contract of `gbx consume --reset-ledger`, the way on that GBX_COMMITTED_AHEAD and GBX_TOPIC_CHANGED name: it shows what it
// would do, does it with --execute, moves ledger and group together, and the next consumer goes on from there.
import { describe, expect, it } from 'vitest';
import { openPipeline, type Pipeline } from '../support/pipeline.ts';
import { startGbx } from '../support/process.ts';
import { commitOffsets } from '../support/topic-log.ts';

async function reset({ env }: Pipeline, ...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  await using child = await startGbx(['consume', '--reset-ledger', ...args], { env });
  const { code } = await child.exit();
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

async function loadAndStop(pipeline: Pipeline): Promise<void> {
  await using consumer = await pipeline.consumer();
  await pipeline.untilLoaded();
  consumer.signal('SIGTERM');
  expect(await consumer.exit()).toMatchObject({ code: 0 });
}

describe.concurrent('gbx consume --reset-ledger', () => {
  it('refuses what is no place in the log, and changes nothing without --execute', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    await pipeline.send(20);
    await loadAndStop(pipeline);
    expect(await reset(pipeline, 'latest')).toMatchObject({ code: 2, stderr: expect.stringContaining('earliest, committed or an offset') });
    expect(await reset(pipeline, '21', '--execute')).toMatchObject({ code: 2, stderr: expect.stringContaining('holds offsets 0 to 20') });
    expect(await reset(pipeline, 'earliest')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('/0  ledger 20 -> 0\nNothing was changed.'),
    });
    expect(await pipeline.ledger()).toEqual(new Map([[0, 20n]]));
  });

  it('loads everything again from the earliest offset, and no exposure is doubled by it', async () => {
    await using pipeline = await openPipeline();
    await pipeline.send(300);
    await loadAndStop(pipeline);
    expect(await reset(pipeline, 'earliest', '--execute')).toMatchObject({ code: 0, stdout: expect.stringContaining('Done') });
    expect([...(await pipeline.ledger()).values(), ...(await pipeline.committed()).values()]).toEqual([0n, 0n, 0n, 0n, 0n, 0n]);
    await pipeline.send(30);
    await loadAndStop(pipeline);
    expect(await pipeline.expectExact()).toMatchObject({ rows: 330 });
  });

  it('goes on behind another consumer of the group, which had stopped it', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    await pipeline.send(10);
    await loadAndStop(pipeline);
    await pipeline.send(10);
    const { brokers, topic, group } = pipeline;
    await commitOffsets({ brokers, topic }, { group, offsets: new Map([[0, 15n]]) });
    await using stopped = await pipeline.consumer();
    expect(await stopped.exit()).toMatchObject({ code: 78 });
    expect(stopped.stderr()).toContain('--reset-ledger committed --execute');

    expect(await reset(pipeline, 'committed', '--execute')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('/0  ledger 10 -> 15'),
    });
    await loadAndStop(pipeline);
    expect(await pipeline.count()).toBe(15);
  });
});
