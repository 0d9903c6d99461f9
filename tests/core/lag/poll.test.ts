import { describe, expect, test } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import { type PollDeps, runLagWait, runLagWatch, takeReport } from '../../../src/core/lag/poll.ts';
import type { LagSample } from '../../../src/core/lag/sample.ts';
import { createLagWindow } from '../../../src/core/lag/window.ts';
import { type ManualClock, manualClock } from '../../support/clock.ts';
import { lagSample, OPTIONS } from './samples.ts';

const away = new GbxError('GBX_KAFKA_UNREACHABLE', 'away');

/** The n-th poll gives the n-th; the last again and again. `never`: it does not come back. */
function setUp(answers: readonly (readonly [position: number, end: number] | GbxError | 'never')[]) {
  const clock = manualClock();
  const stop = new AbortController();
  let polls = 0;
  const poll = async (): Promise<LagSample> => {
    const answer = answers[Math.min(polls++, answers.length - 1)];
    if (answer === 'never') return await new Promise<never>(() => undefined);
    if (answer === undefined || answer instanceof GbxError) throw answer ?? away;
    return lagSample([{ position: BigInt(answer[0]), end: BigInt(answer[1]) }], { second: clock.elapsed() / 1000 });
  };
  const deps: PollDeps = { poll, window: createLagWindow(), assess: OPTIONS, clock, signal: stop.signal };
  return { deps, clock, stop, polls: () => polls };
}

/** Moves time on until the work is done. */
async function finish<T>(work: Promise<T>, clock: ManualClock): Promise<T> {
  let isDone = false;
  work.then(
    () => (isDone = true),
    () => (isDone = true),
  );
  await clock.advance(0);
  for (let step = 0; !isDone && step < 2_000; step++) await clock.advance(100);
  return await work;
}

describe('takeReport()', () => {
  test('takes one sample, or as many as fit half a second apart', async () => {
    const one = setUp([[1, 5]]);
    await finish(takeReport(one.deps, { sampleMs: 0 }), one.clock);
    expect(one.polls()).toBe(1);
    const more = setUp([[1, 5]]);
    await finish(takeReport(more.deps, { sampleMs: 5_000 }), more.clock);
    expect(more.polls()).toBe(11);
    expect(more.deps.window.last?.elapsedMs).toBe(5_000);
    const long = setUp([[1, 5]]);
    await finish(takeReport(long.deps, { sampleMs: 60_000 }), long.clock);
    expect(long.polls()).toBe(21);
  });

  test('looks twice where a position lies beyond the log', async () => {
    const { deps, clock } = setUp([[9, 5]]);
    const { partitions } = await finish(takeReport(deps, { sampleMs: 0 }), clock);
    expect(partitions[0]?.verdict).toBe('AHEAD');
  });
});

const WAIT = {
  timeoutMs: 10_000,
  stableForMs: 3_000,
  intervalMs: 500,
  isReached: ({ total }: { readonly total: { readonly lag: number | undefined } }) => total.lag === 0,
};

describe('runLagWait()', () => {
  test('throws at once what waiting does not mend', async () => {
    const auth = setUp([new GbxError('GBX_KAFKA_AUTH', 'no')]);
    await expect(finish(runLagWait(auth.deps, WAIT), auth.clock)).rejects.toMatchObject({ code: 'GBX_KAFKA_AUTH' });
    expect(auth.polls()).toBe(1);
  });

  test('says what was last in the way when time is over', async () => {
    const { deps, clock } = setUp([[5, 5], away]);
    expect(await finish(runLagWait(deps, WAIT), clock)).toMatchObject({ kind: 'timeout', failure: away });
    expect(clock.elapsed()).toBe(10_000);
  });

  test('ends when time is over, or at a signal, although a poll does not come back', async () => {
    const frozen = setUp(['never']);
    expect(await finish(runLagWait(frozen.deps, WAIT), frozen.clock)).toEqual({ kind: 'timeout', report: undefined, failure: undefined });
    expect(frozen.clock.elapsed()).toBe(10_000);
    const later = setUp([[5, 9], 'never']);
    expect(await finish(runLagWait(later.deps, WAIT), later.clock)).toMatchObject({ kind: 'timeout', report: { total: { lag: 4 } } });
    const stopped = setUp(['never']);
    const work = runLagWait(stopped.deps, WAIT);
    await stopped.clock.advance(100);
    stopped.stop.abort();
    expect(await work).toMatchObject({ kind: 'interrupted' });
    expect(stopped.clock.sleeping()).toBe(0);
  });

  test('takes a group that is not there yet for not yet', async () => {
    const missing = new GbxError('GBX_GROUP_MISSING', 'no group');
    const { deps, clock } = setUp([missing, missing, away, [5, 5]]);
    expect(await finish(runLagWait(deps, WAIT), clock)).toMatchObject({ kind: 'reached' });
  });

  test('must hold, not just touch', async () => {
    const touching = [
      [5, 5],
      [5, 5],
      [5, 9],
    ] as const;
    const { deps, clock } = setUp([...touching, ...touching, ...touching, [5, 9]]);
    expect(await finish(runLagWait(deps, WAIT), clock)).toMatchObject({ kind: 'timeout', report: { total: { lag: 4 } } });
  });

  test('is through once it has held', async () => {
    const { deps, clock } = setUp([
      [5, 9],
      [9, 9],
    ]);
    expect((await finish(runLagWait(deps, WAIT), clock)).kind).toBe('reached');
    expect(deps.window.last?.elapsedMs).toBe(3_500);
  });

  test('ends early when interrupted', async () => {
    const { deps, clock, stop } = setUp([[5, 9]]);
    const work = runLagWait(deps, WAIT);
    await clock.advance(1_000);
    stop.abort();
    expect((await finish(work, clock)).kind).toBe('interrupted');
  });
});

describe('runLagWatch()', () => {
  test('throws when the very first poll fails: nothing has been right yet', async () => {
    const { deps, clock } = setUp([away]);
    await expect(
      finish(runLagWatch(deps, { pause: () => clock.sleep(100), onReport: () => undefined, onFailure: () => undefined }), clock),
    ).rejects.toBe(away);
  });

  test('goes on after later failures, and counts them', async () => {
    const { deps, clock, stop } = setUp([[1, 5], away, away, [2, 5]]);
    const seen: string[] = [];
    const work = runLagWatch(deps, {
      pause: () => clock.sleep(100),
      onReport: ({ total }) => {
        seen.push(`lag ${total.lag}`);
        if (seen.length > 3) stop.abort();
      },
      onFailure: ({ code }, count) => seen.push(`${code} ${count}`),
    });
    await finish(work, clock);
    expect(seen).toEqual(['lag 4', 'GBX_KAFKA_UNREACHABLE 1', 'GBX_KAFKA_UNREACHABLE 2', 'lag 3']);
  });
});
