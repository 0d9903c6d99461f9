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
  const failed = result.non2xx + result.errors + result.timeouts;
  if (failed > 0 || result['2xx'] === 0) throw new Error(`${failed} of ${result.requests.total} requests to ${url} failed`);
  const answer: ClosedLoopResult = {
    requestsPerSecond: result['2xx'] / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  };
  console.log(JSON.stringify(answer));
}

await main(programInput());
