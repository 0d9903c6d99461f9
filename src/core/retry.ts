// How long to wait before the next attempt.
import type { Clock, Random } from './clock.ts';
import { GbxError } from './errors.ts';

export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Exponential backoff with full jitter: uniform between 0 and min(max, first * 2^attempt), at least a tenth of it,
 * so that many clients spread out and none spins.
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 *
 * @param attempt 0 for the first wait.
 */
export function backoffMs(attempt: number, { firstMs, maxMs }: Backoff, random: Random): number {
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return ceiling * (0.1 + 0.9 * random());
}

/**
 * Tries again while what is asked cannot be reached: for the start of a process, which others may start beside.
 *
 * @throws whatever is not transient at once; the last failure once `forMs` have passed, or the signal aborts.
 */
export async function untilReached<T>(
  work: () => Promise<T>,
  {
    clock,
    random,
    forMs,
    signal,
    onWait,
  }: { clock: Clock; random: Random; forMs: number; signal: AbortSignal; onWait: (error: GbxError) => void },
): Promise<T> {
  const startMs = clock.elapsed();
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const isWorthWaiting = error instanceof GbxError && error.failure === 'transient' && clock.elapsed() - startMs < forMs;
      if (!isWorthWaiting || signal.aborted) throw error;
      onWait(error);
      await clock.sleep(backoffMs(attempt, { firstMs: 200, maxMs: 3_000 }, random), signal);
    }
  }
}
