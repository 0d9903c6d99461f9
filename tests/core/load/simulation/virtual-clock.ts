// Time that moves only when everything that could run has run: from one sleeper to the next.
import type { Clock } from '../../../../src/core/clock.ts';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly fire: () => void;
}

export type VirtualClock = Clock & { advance(): Promise<boolean> };

export function createVirtualClock(startMs: number): VirtualClock {
  const timers: Timer[] = [];
  let time = 0;
  let order = 0;
  return {
    now: () => startMs + time,
    elapsed: () => time,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const onAbort = (): void => {
          const index = timers.indexOf(timer);
          if (index >= 0) timers.splice(index, 1);
          resolve();
        };
        const fire = (): void => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        };
        const timer: Timer = { at: time + Math.max(0, ms), order: order++, fire };
        timers.push(timer);
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
    async advance() {
      await new Promise((resolve) => setImmediate(resolve));
      let next: Timer | undefined;
      for (const timer of timers)
        if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer;
      if (next === undefined) return false;
      timers.splice(timers.indexOf(next), 1);
      time = next.at;
      next.fire();
      return true;
    },
  };
}
