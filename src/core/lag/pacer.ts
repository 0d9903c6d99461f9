// The pause between two looks of a watch that people steer: its length changes, and it can be cut short. Called by
// runLagWatch between two polls, by the live view at a key.
import type { Clock } from '../clock.ts';

export interface Pacer {
  /** @param failuresInARow makes it longer, so that a broker that comes back is not met by all who watch it at once */
  pause(failuresInARow: number): Promise<void>;
  /** Ends the present pause; without one, the next is none. */
  wake(): void;
  /** Of the present pause too. */
  setInterval(intervalMs: number): void;
}

interface PacerOptions {
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Shortest pause after n failures doubles from here. */
const FAILURE_PAUSE_MS = 500;
const FAILURE_PAUSE_MS_MAX = 10_000;

export function createPacer({ intervalMs: startMs, clock, signal }: PacerOptions): Pacer {
  let intervalMs = startMs;
  let isWoken = false;
  let cut = new AbortController();
  const interrupt = (): void => {
    cut.abort();
    cut = new AbortController();
  };
  signal.addEventListener('abort', interrupt, { once: true });
  return {
    async pause(failuresInARow) {
      const beganMs = clock.elapsed();
      const leastMs = failuresInARow === 0 ? 0 : Math.min(FAILURE_PAUSE_MS * 2 ** failuresInARow, FAILURE_PAUSE_MS_MAX);
      for (;;) {
        const leftMs = beganMs + Math.max(intervalMs, leastMs) - clock.elapsed();
        if (isWoken || leftMs <= 0 || signal.aborted) break;
        await clock.sleep(leftMs, cut.signal);
      }
      isWoken = false;
    },
    wake() {
      isWoken = true;
      interrupt();
    },
    setInterval(ms) {
      intervalMs = ms;
      interrupt();
    },
  };
}
