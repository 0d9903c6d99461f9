// How long to wait before the next attempt.
import type { Random } from './clock.ts';

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
