import { describe, expect, test } from 'vitest';
import { withDeadline } from '../../src/kafka/deadline.ts';
import { manualClock } from '../support/clock.ts';

const late = (): Error => new Error('late');

describe('withDeadline()', () => {
  test('throws what `late` makes once the time is over, and hears no more of the work', async () => {
    const clock = manualClock();
    let fail: (error: Error) => void = () => undefined;
    const work = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const outcome = expect(withDeadline(work, { clock, ms: 100, late })).rejects.toThrow('late');
    await clock.advance(100);
    await outcome;
    fail(new Error('nobody hears this'));
    await clock.advance(1);
  });

  test('passes on a failure of the work', async () => {
    const clock = manualClock();
    await expect(withDeadline(Promise.reject(new Error('no')), { clock, ms: 100, late })).rejects.toThrow('no');
    expect(clock.sleeping()).toBe(0);
  });

  test('gives what the work gives, undefined too, and leaves no timer', async () => {
    const clock = manualClock();
    await expect(withDeadline(Promise.resolve(undefined), { clock, ms: 100, late })).resolves.toBeUndefined();
    expect(clock.sleeping()).toBe(0);
  });
});
