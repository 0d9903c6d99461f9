// The closed loop, a program of its own: each connection posts again as soon as it is answered, for the most that a
// server can take.
import autocannon from 'autocannon';
import { programInput } from './children.ts';
import { CONNECTIONS, postBodies } from './posts.ts';

export interface ClosedLoopInput {
  readonly url: string;
  readonly seconds: number;
}

export interface ClosedLoopResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function main({ url, seconds }: ClosedLoopInput): Promise<void> {
  const requests = postBodies().map((body) => ({
    method: 'POST' as const,
    path: '/exposure',
    headers: { 'content-type': 'application/json' },
    body,
  }));
  const result = await autocannon({ url, connections: CONNECTIONS, duration: seconds, requests, excludeErrorStats: true });
  const { non2xx, errors, timeouts, latency } = result;
  // Among the errors are those that had no answer within ten seconds: a machine that is busy elsewhere makes them.
  if (non2xx + errors > 0 || result['2xx'] === 0) {
    const what = `${non2xx} answers other than 2xx, ${errors} without an answer, ${timeouts} of these for lack of time`;
    throw new Error(`${result.requests.total} requests to ${url}, the slowest answer after ${latency.max} ms: ${what}`);
  }
  const answer: ClosedLoopResult = {
    requestsPerSecond: result['2xx'] / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  };
  console.log(JSON.stringify(answer));
}

await main(programInput());
