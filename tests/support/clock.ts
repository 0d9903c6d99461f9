// Clocks that tests move themselves, and randomness that repeats.
import type { Clock, Random } from '../../src/core/clock.ts';

export interface ManualClock extends Clock {
  /** Moves both clocks; sleepers whose time has come wake in the order of their times. Resolves when they have run on. */
  advance(ms: number): Promise<void>;
  /** Number of sleepers. */
  sleeping(): number;
}

/** Stands still until it is advanced. @param startMs milliseconds since the Unix epoch */
export function manualClock(startMs = Date.UTC(2026, 0, 15, 12)): ManualClock {
  let elapsedMs = 0;
  let sleepers: { readonly at: number; readonly wake: () => void }[] = [];
  const clock: ManualClock = {
    now: () => startMs + elapsedMs,
    elapsed: () => elapsedMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const wake = (): void => {
          sleepers = sleepers.filter((other) => other !== sleeper);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        const sleeper = { at: elapsedMs + ms, wake };
        sleepers.push(sleeper);
        signal?.addEventListener('abort', wake, { once: true });
      }),
    advance: async (ms) => {
      const target = elapsedMs + ms;
      for (let next = nextSleeper(sleepers, target); next; next = nextSleeper(sleepers, target)) {
        elapsedMs = Math.max(elapsedMs, next.at);
        next.wake();
        await settle();
      }
      elapsedMs = target;
      await settle();
    },
    sleeping: () => sleepers.length,
  };
  return clock;
}

/** A clock that always says the same; sleeping returns at once. */
export function fixedClock(nowMs: number): Clock {
  return { now: () => nowMs, elapsed: () => 0, sleep: async () => undefined };
}

/** The same numbers for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function nextSleeper<S extends { readonly at: number }>(sleepers: readonly S[], target: number): S | undefined {
  return sleepers.filter(({ at }) => at <= target).sort((a, b) => a.at - b.at)[0];
}

/** Lets promise callbacks run, a few deep. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
