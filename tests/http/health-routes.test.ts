import { expect, test } from 'vitest';
import type { HealthCheck, HealthChecks } from '../../src/http/health-routes.ts';
import { bodyOf, openTestServer } from '../support/http-server.ts';

const DOWN: HealthChecks = {
  kafka: { ok: false, code: 'GBX_TOPIC_MISSING', message: 'Kafka has no topic exposures', hint: 'create it: gbx migrate up' },
};

test('GET /readyz is 503 and says why while something is wrong; /livez and /health stay 200', async () => {
  await using api = await openTestServer({ readiness: () => DOWN });
  const ready = await api.get('/readyz');
  expect([ready.status, await ready.json()]).toEqual([503, { status: 'not_ready', checks: DOWN }]);
  expect((await api.get('/livez')).status).toBe(200);
  for (const path of ['/health', '/exposure/health']) {
    const health = await api.get(path);
    expect([health.status, await health.json()]).toEqual([200, { status: 'degraded', checks: DOWN }]);
  }
});

test('GET /readyz is 200 when all is well, and changes with what it reports', async () => {
  let check: HealthCheck = { ok: true };
  await using api = await openTestServer({ readiness: () => ({ kafka: check }) });
  expect([(await api.get('/readyz')).status, (await bodyOf(await api.get('/health'))).status]).toEqual([200, 'ok']);
  check = { ok: false };
  expect((await api.get('/readyz')).status).toBe(503);
});

test('GET /readyz tells of what is not required, and does not follow it; /health does', async () => {
  const checks: HealthChecks = { spool: { ok: true }, kafka: { ok: false, code: 'GBX_KAFKA_UNREACHABLE', required: false } };
  await using api = await openTestServer({ readiness: () => checks });
  const ready = await api.get('/readyz');
  expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready', checks }]);
  expect((await bodyOf(await api.get('/health'))).status).toBe('degraded');
});

test('health answers are not cached, and no page of another origin may read them', async () => {
  await using api = await openTestServer();
  const response = await api.get('/readyz', { origin: 'https://shop.example.com' });
  expect([response.headers.get('cache-control'), response.headers.get('access-control-allow-origin')]).toEqual(['no-store', null]);
});

test('GET /metrics has the counters, and a request measured under its route, never under its path', async () => {
  await using api = await openTestServer();
  await api.post('/exposure', { ds_user_id: 'u1', experiment_id: 'x', variation_id: '1' });
  await api.post('/exposure', {});
  await api.get('/exposures/someone-secret');
  await api.get('/nowhere/someone-secret');
  const response = await api.get('/metrics');
  const text = await response.text();
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  expect(text).toContain('gbx_exposures_accepted_total 1');
  expect(text).toContain('gbx_exposures_rejected_total{reason="invalid"} 1');
  expect(text).toContain('gbx_http_request_duration_seconds_count{route="/exposure",method="POST",code="200"} 1');
  expect(text).toContain('gbx_kafka_send_records_sum 1');
  expect(text).not.toContain('someone-secret');
});
