// Waiting in tests: never a fixed sleep, always a deadline that says what was waited for.
import { systemClock } from '../../src/core/clock.ts';

interface EventuallyOptions {
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
}

/**
 * Checks until the answer is neither undefined nor false, and returns it. A check that throws counts as not yet; the last
 * failure is the cause of the error.
 *
 * @param what for the message: "row u1 in the table"
 */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs = 10_000, intervalMs = 25 }: EventuallyOptions = {},
): Promise<T> {
  const deadline = systemClock.elapsed() + timeoutMs;
  let cause: unknown;
  do {
    try {
      const found = await check();
      if (found !== undefined && found !== false) return found;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await systemClock.sleep(intervalMs);
  } while (systemClock.elapsed() < deadline);
  throw new Error(`Waited ${timeoutMs} ms in vain for: ${what}`, { cause });
}
