import { describe, expect, test } from 'vitest';
import { createPacer } from '../../../src/core/lag/pacer.ts';
import { manualClock } from '../../support/clock.ts';

function setUp() {
  const clock = manualClock();
  const stop = new AbortController();
  const pacer = createPacer({ intervalMs: 2_000, clock, signal: stop.signal });
  let ends = 0;
  const pause = (failures = 0): void => void pacer.pause(failures).then(() => ends++);
  return { clock, stop, pacer, pause, ends: () => ends };
}

describe('createPacer()', () => {
  test('is over at once when the watch is', async () => {
    const { clock, stop, pause, ends } = setUp();
    pause();
    stop.abort();
    await clock.advance(0);
    pause();
    await clock.advance(0);
    expect(ends()).toBe(2);
  });

  test('grows with failures in a row, to ten seconds', async () => {
    const { clock, pause, ends } = setUp();
    pause(1);
    await clock.advance(2_000);
    expect(ends()).toBe(1);
    pause(3);
    await clock.advance(3_999);
    expect(ends()).toBe(1);
    await clock.advance(1);
    pause(50);
    await clock.advance(9_999);
    expect(ends()).toBe(2);
    await clock.advance(1);
    expect(ends()).toBe(3);
  });

  test('lasts the interval, ends when it is woken, and is none where it was woken before', async () => {
    const { clock, pacer, pause, ends } = setUp();
    pause();
    await clock.advance(1_999);
    expect(ends()).toBe(0);
    pacer.wake();
    await clock.advance(0);
    expect(ends()).toBe(1);
    pacer.wake();
    pause();
    await clock.advance(0);
    expect(ends()).toBe(2);
    pause();
    await clock.advance(1_999);
    expect(ends()).toBe(2);
  });

  test('takes another interval for the pause under way', async () => {
    const { clock, pacer, pause, ends } = setUp();
    pause();
    await clock.advance(1_000);
    pacer.setInterval(60_000);
    await clock.advance(10_000);
    expect(ends()).toBe(0);
    pacer.setInterval(500);
    await clock.advance(0);
    expect(ends()).toBe(1);
  });
});
