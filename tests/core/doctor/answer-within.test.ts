import { describe, expect, test } from 'vitest';
import { answerWithin } from '../../../src/core/doctor/answer-within.ts';
import { manualClock } from '../../support/clock.ts';

const never = (): Promise<never> => new Promise(() => undefined);

function start<T>(ask: (signal: AbortSignal) => Promise<T>) {
  const clock = manualClock();
  const stop = new AbortController();
  let told: AbortSignal | undefined;
  const answer = answerWithin(clock, stop.signal, (signal) => {
    told = signal;
    return ask(signal);
  });
  answer.catch(() => undefined);
  return { clock, stop, answer, isTold: () => told?.aborted };
}

describe('answerWithin()', () => {
  test('rejects at its limit, and tells what was asked', async () => {
    const { clock, answer, isTold } = start(never);
    await clock.advance(3_499);
    expect(isTold()).toBe(false);
    await clock.advance(1);
    await expect(answer).rejects.toThrow('no answer within 3.5 s');
    expect(isTold()).toBe(true);
  });

  test('rejects as what was asked does', async () => {
    await expect(start(() => Promise.reject(new Error('refused'))).answer).rejects.toThrow('refused');
  });

  test('ends with the check', async () => {
    const { stop, answer, isTold } = start(never);
    stop.abort();
    await expect(answer).rejects.toThrow('no answer');
    expect(isTold()).toBe(true);
  });

  test('gives the answer, and leaves nothing asleep', async () => {
    const { answer, clock } = start(async () => 7);
    expect(await answer).toBe(7);
    expect(clock.sleeping()).toBe(0);
  });
});
