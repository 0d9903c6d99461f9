// Synthetic exposures for `gbx dev --traffic`: posted to serve as any client would, at an even rate.
import type { Clock } from '../core/clock.ts';
import type { Traffic } from '../core/traffic/traffic.ts';

const TICK_MS = 100;
/** serve takes this many in a request. */
const ITEMS_MAX = 1_000;

interface SendTrafficOptions {
  readonly url: string;
  readonly perSecond: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told when requests begin to fail; then not again before one has come through. */
  readonly onFailure: (reason: string) => void;
}

/** Sends until the signal aborts. What fails is skipped, not sent again: there is always more. */
export async function sendTraffic(traffic: Traffic, { url, perSecond, clock, signal, onFailure }: SendTrafficOptions): Promise<void> {
  const startMs = clock.elapsed();
  let sent = 0;
  let isFailing = false;
  while (!signal.aborted) {
    const due = Math.floor(((clock.elapsed() - startMs) / 1000) * perSecond) - sent;
    const count = Math.min(due, ITEMS_MAX);
    if (count > 0) {
      const items = Array.from({ length: count }, (_, i) => traffic.eventAt(sent + i));
      const failure = await post(url, items, signal);
      if (failure !== undefined && !isFailing && !signal.aborted) onFailure(failure);
      isFailing = failure !== undefined;
      // A gap is not made up for: the rate is a rate, not a debt.
      sent += due > ITEMS_MAX * 2 ? due : count;
    }
    if (due <= ITEMS_MAX) await clock.sleep(TICK_MS, signal);
  }
}

/** @returns why it failed; undefined when it did not */
async function post(url: string, items: readonly unknown[], signal: AbortSignal): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/exposures`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(items),
      signal,
    });
    await response.text();
    return response.ok ? undefined : `serve answers ${response.status}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
