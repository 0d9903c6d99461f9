// Contract: traffic is posted to serve's batch route in order, at the rate asked for, and a serve that fails is said once.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createTraffic } from '../../src/core/traffic/traffic.ts';
import { sendTraffic } from '../../src/dev/send-traffic.ts';
import { eventually } from '../support/eventually.ts';

let server: Server;
let url: string;
let status: number;
let ids: string[];
beforeEach(async () => {
  status = 200;
  ids = [];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      if (request.url === '/exposures') for (const item of JSON.parse(body) as { exposure_id: string }[]) ids.push(item.exposure_id);
      response.writeHead(status).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => server.close());

const traffic = createTraffic({ seed: 'test', startMs: Date.UTC(2026, 0, 15) });

describe('sendTraffic()', () => {
  it('says once that serve fails, and again only after it has recovered', async () => {
    const stop = new AbortController();
    const failures: string[] = [];
    status = 503;
    const onFailure = (reason: string): void => void failures.push(reason);
    const sending = sendTraffic(traffic, { url, perSecond: 100, clock: systemClock, signal: stop.signal, onFailure });
    await eventually('some refused', () => ids.length > 20);
    expect(failures).toEqual(['serve answers 503']);
    status = 200;
    const before = ids.length;
    await eventually('some accepted', () => ids.length > before + 20);
    status = 500;
    await eventually('a second complaint', () => failures.length === 2);
    stop.abort();
    await sending;
  });

  it('sends each event once, in order, not faster than asked for', async () => {
    const stop = new AbortController();
    const startMs = performance.now();
    const sending = sendTraffic(traffic, { url, perSecond: 500, clock: systemClock, signal: stop.signal, onFailure: () => undefined });
    await eventually('100 events', () => ids.length >= 100);
    stop.abort();
    await sending;
    const tookMs = performance.now() - startMs;
    expect(ids).toEqual(ids.map((_, i) => traffic.eventAt(i).exposure_id));
    expect(ids.length).toBeLessThanOrEqual((tookMs / 1000) * 500 + 1);
  });
});
