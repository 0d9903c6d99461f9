// Waits for a server that was just started: until it answers, ends, takes too long, or we are told to stop.
import { systemClock } from '../core/clock.ts';
import type { Exit } from './kept-process.ts';

interface UntilReadyOptions {
  /** Never throws. */
  readonly check: () => Promise<boolean>;
  readonly exited: Promise<Exit>;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

type Readiness = { readonly kind: 'ready' | 'too-late' | 'aborted' } | ({ readonly kind: 'ended' } & Exit);

const POLL_MS = 30;

export async function untilReady({ check, exited, timeoutMs, signal }: UntilReadyOptions): Promise<Readiness> {
  let ended: Exit | undefined;
  void exited.then((exit) => {
    ended = exit;
  });
  const deadline = systemClock.elapsed() + timeoutMs;
  while (systemClock.elapsed() < deadline) {
    const ready = await check();
    // In this order: something else may answer on a port that our server failed to take.
    if (ended) return { kind: 'ended', ...ended };
    if (ready) return { kind: 'ready' };
    if (signal?.aborted) return { kind: 'aborted' };
    await systemClock.sleep(POLL_MS, signal);
  }
  return { kind: 'too-late' };
}
