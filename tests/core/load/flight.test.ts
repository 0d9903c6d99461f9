// Commits to the group, which are for lag and other tools: whatever becomes of them, loading goes on.
import { describe, expect, it } from 'vitest';
import { type Bench, exposureRecord, joined, recordsEvent, start } from './fakes.ts';
import { quickBench } from './retry-fakes.ts';

/** Gives a batch, time to load it, then the next one. */
async function loadTwo(bench: Bench, running: ReturnType<typeof start>): Promise<void> {
  joined(bench);
  await running.pass(100);
  for (const offset of [0, 1]) {
    bench.source.give(recordsEvent([exposureRecord(offset)]));
    await running.pass(6_000);
  }
}

describe('a commit to the group', () => {
  it('that fails costs nothing: it is said, and the next batch commits for both', async () => {
    const bench = quickBench();
    const { commit } = bench.source;
    let failures = 0;
    bench.source.commit = (positions) => (++failures === 1 ? Promise.reject(new Error('refused')) : commit.call(bench.source, positions));
    const running = start(bench);
    await loadTwo(bench, running);
    expect(running.ended()).toBeUndefined();
    expect(bench.warehouse.table).toEqual(['e0-0', 'e0-1']);
    expect(bench.source.committed).toEqual([new Map([[0, 2n]])]);
    expect(bench.log.events().filter((event) => event.startsWith('group.commit'))).toEqual(['group.commit_failed', 'group.commits_again']);
    await running.stop();
  });

  it('that gets no answer is not waited for longer than 5 s', async () => {
    const bench = quickBench();
    let asked = 0;
    bench.source.commit = () => (++asked === 1 ? new Promise(() => undefined) : Promise.resolve());
    const running = start(bench);
    await loadTwo(bench, running);
    expect(bench.warehouse.table).toEqual(['e0-0', 'e0-1']);
    expect([asked, bench.metrics.values.get('gbx_kafka_commit_failures_total')]).toEqual([2, 1]);
    await running.stop();
  });
});
