import { expect, test } from 'vitest';
import { LATE, raceAbort, withinTime } from '../../src/core/clock.ts';
import { manualClock } from '../support/clock.ts';

test('raceAbort() gives what comes, and throws what the signal says where that comes first', async () => {
  const stopping = new AbortController();
  expect(await raceAbort(stopping.signal, Promise.resolve(1))).toBe(1);
  await expect(raceAbort(stopping.signal, Promise.reject(new Error('no')))).rejects.toThrow('no');
  const waiting = raceAbort(stopping.signal, new Promise(() => undefined));
  stopping.abort(new Error('stopped'));
  await expect(waiting).rejects.toThrow('stopped');
  await expect(raceAbort(stopping.signal, Promise.resolve(1))).rejects.toThrow('stopped');
});

test('withinTime() gives what comes, LATE when the time or the signal comes first, and tells the work that nobody waits', async () => {
  const clock = manualClock();
  expect(await withinTime({ clock, ms: 10 }, async () => 1)).toBe(1);
  await expect(withinTime({ clock, ms: 10 }, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  const told: AbortSignal[] = [];
  const never = (signal: AbortSignal): Promise<never> => {
    told.push(signal);
    return new Promise(() => undefined);
  };
  const late = withinTime({ clock, ms: 10 }, never);
  await clock.advance(10);
  expect(await late).toBe(LATE);
  const stopping = new AbortController();
  const stopped = withinTime({ clock, ms: 10, signal: stopping.signal }, never);
  stopping.abort();
  expect(await stopped).toBe(LATE);
  expect(told.map(({ aborted }) => aborted)).toEqual([true, true]);
});
