// What an admin port says of itself: for the bundle of `gbx doctor`. Nobody listening there is an answer like any other.
import type { Clock } from '../core/clock.ts';

const TIMEOUT_MS = 2_000;
const CHARS_MAX = 500_000;

interface MetricsAddress {
  readonly host: string;
  readonly port: number;
}

/** @returns the text of /metrics, or why it was not read: never rejects. */
export async function readMetrics({ host, port }: MetricsAddress, clock: Clock, signal: AbortSignal): Promise<string> {
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}/metrics`;
  const late = new AbortController();
  const done = new AbortController();
  const stop = (): void => late.abort(new Error('no answer in time'));
  signal.addEventListener('abort', stop, { once: true });
  void clock.sleep(TIMEOUT_MS, done.signal).then(stop);
  try {
    const answer = await fetch(url, { signal: late.signal });
    return answer.ok ? (await answer.text()).slice(0, CHARS_MAX) : `not read: ${url} answers ${answer.status}`;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return `not read: ${url}: ${cause}`;
  } finally {
    done.abort();
    signal.removeEventListener('abort', stop);
  }
}
