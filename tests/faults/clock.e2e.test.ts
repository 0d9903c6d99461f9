// Contract (F26): a wall clock that steps by an hour, either way, under load or between two batches, stops neither process:
// loading goes on within two session timeouts, and nothing is lost, doubled or dated by the broken clock.
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createTraffic } from '../../src/core/traffic/traffic.ts';
import { logged, partitionsHeld } from '../support/log-lines.ts';
import { openPipeline } from '../support/pipeline.ts';
import { expectPosted, postTraffic } from '../support/posting.ts';
import { startServe } from '../support/serving.ts';
import { openShiftedClock } from '../support/shifted-clock.ts';
import { eventually, testStack } from '../support/stack.ts';

const HOUR_MS = 3_600_000;
const SESSION_MS = 6_000;
/** Longer than a session: a member that stops beating its heart would be thrown out meanwhile. */
const IDLE_MS = 8_000;

describe.concurrent('a clock that steps', () => {
  it.each([
    { what: 'an hour back', steps: [-HOUR_MS] },
    { what: 'an hour ahead, and back again', steps: [HOUR_MS, 0] },
  ])(
    'F26 $what: gbx consume stays a member, busy and idle, and loads on within two session timeouts',
    async ({ steps }) => {
      await using clock = await openShiftedClock();
      await using pipeline = await openPipeline();
      const consumer = await pipeline.consumer(clock.env);
      await pipeline.send(600);
      await pipeline.until('some rows', async () => (await pipeline.count()) > 0);
      for (const step of steps) {
        await clock.shift(consumer, step);
        await pipeline.send(300);
        await pipeline.untilLoaded({ timeoutMs: 2 * SESSION_MS });
        await systemClock.sleep(IDLE_MS);
        await pipeline.send(300);
        await pipeline.untilLoaded({ timeoutMs: 2 * SESSION_MS });
      }
      expect(await pipeline.expectExact()).toMatchObject({ rows: 600 + steps.length * 600, letters: 0 });
      // A member that was thrown out reads on, and what it commits is refused.
      const isCommitted = async () => String([...(await pipeline.committed())].sort()) === String([...(await pipeline.ledger())].sort());
      await pipeline.until('offsets committed', isCommitted, { timeoutMs: 2 * SESSION_MS });
      expect(logged(consumer, 'group.commit_failed')).toEqual([]);
      consumer.signal('SIGTERM');
      expect(await consumer.exit()).toEqual({ code: 0, signal: null });
    },
    120_000,
  );

  it('F26 an hour back for one of two: neither throws the other out, and both load on', async () => {
    await using clock = await openShiftedClock();
    await using pipeline = await openPipeline({ partitions: 4 });
    const [late, other] = [await pipeline.consumer(clock.env), await pipeline.consumer()];
    const both = () => partitionsHeld(late) === 2 && partitionsHeld(other) === 2;
    await pipeline.until('two partitions each', both);
    await clock.shift(late, -HOUR_MS);
    for (let round = 0; round < 3; round++) {
      await systemClock.sleep(IDLE_MS);
      await pipeline.send(400);
      await pipeline.untilLoaded({ timeoutMs: 2 * SESSION_MS });
    }
    expect(await pipeline.expectExact()).toMatchObject({ rows: 1_200, letters: 0 });
    await pipeline.until('two partitions each', both);
    const counts = (event: string): string => [late, other].map((one) => logged(one, event).length).join(' and ');
    console.log(`F26 of two: joined ${counts('group.joined')} times, fenced ${counts('batch.fenced')} times`);
    for (const one of [late, other]) {
      one.signal('SIGTERM');
      expect(await one.exit()).toEqual({ code: 0, signal: null });
    }
  }, 120_000);

  it.each([
    { what: 'an hour back', ms: -HOUR_MS },
    { what: 'an hour ahead', ms: HOUR_MS },
  ])(
    'F26 $what: gbx serve goes on accepting',
    async ({ ms }) => {
      await using clock = await openShiftedClock();
      await using pipeline = await openPipeline();
      await using serve = await startServe({ brokers: testStack().brokers, topic: pipeline.topic, env: clock.env });
      await pipeline.consumer();
      // Old enough not to lie ahead of a clock that is late: serve would take its own time for them.
      const traffic = createTraffic({ seed: pipeline.topic, startMs: Date.now() - 3 * HOUR_MS });
      const posting = postTraffic(serve.url, { traffic, partitions: 3, clients: 2, pauseMs: 50 });
      try {
        await eventually('some accepted', () => posting.count('ok') > 100);
        await clock.shift(serve.process, ms);
        const steppedMs = performance.now();
        const before = posting.count('ok');
        await eventually('accepted after the step', () => posting.count('ok') > before + 200);
        await eventually('a session watched', () => performance.now() - steppedMs > IDLE_MS);
        expect(posting.longestGapMs(steppedMs)).toBeLessThan(2_000);
      } finally {
        await posting.stop();
      }
      expect(await expectPosted(pipeline, posting.books)).toMatchObject({ fail: 0, unknown: 0 });
    },
    90_000,
  );
});
