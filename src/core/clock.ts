// Time as an argument: wall clock for what is stored, monotonic for what is measured or waited for,
// so that a step of the system clock changes no timeout, and tests move time themselves.

export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds from an arbitrary start; never steps back. */
  elapsed(): number;
  /** Resolves after `ms`, or as soon as the signal aborts: never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
    }),
};

/** Randomness as an argument: uniform in [0, 1). */
export type Random = () => number;

/** @throws the signal's reason when it aborts first */
export async function raceAbort<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  signal.throwIfAborted();
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Resolves when the signal aborts, or at once when it has. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** What withinTime() gives where the time was over first. */
export const LATE = Symbol('late');

interface TimeLimit {
  readonly clock: Clock;
  readonly ms: number;
  /** Ends the wait as well. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The work's outcome, or LATE. The work is told by its signal that nobody waits any more; what becomes of it then is unheard.
 */
export async function withinTime<T>(
  { clock, ms, signal }: TimeLimit,
  begin: (signal: AbortSignal) => PromiseLike<T>,
): Promise<T | typeof LATE> {
  const done = new AbortController();
  // Not by listeners of our own: many may wait for the same signal, and Node warns of that.
  const over = signal === undefined ? done.signal : AbortSignal.any([signal, done.signal]);
  const limit = clock.sleep(ms, over).then((): typeof LATE => LATE);
  try {
    return await Promise.race([begin(over), limit]);
  } finally {
    done.abort();
  }
}
