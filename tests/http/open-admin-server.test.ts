import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { type AdminServerOptions, openAdminServer } from '../../src/http/open-admin-server.ts';
import { createMetrics } from '../../src/telemetry/create-metrics.ts';
import { silentLog } from '../support/log.ts';

function options(changes: Partial<AdminServerOptions> = {}): AdminServerOptions {
  return {
    host: '127.0.0.1',
    port: 0,
    setting: { host: 'GBX_ADMIN_HOST (default)', port: 'GBX_ADMIN_PORT (default)' },
    readiness: () => ({ group: { ok: true } }),
    metrics: createMetrics(),
    clock: systemClock,
    log: silentLog(),
    ...changes,
  };
}

test('openAdminServer() answers /readyz 503 when not ready, is alive all the same, and serves nothing else', async () => {
  await using admin = await openAdminServer(options({ readiness: () => ({ warehouse: { ok: false } }) }));
  const status = async (path: string) => (await fetch(admin.url + path)).status;
  expect(await Promise.all(['/livez', '/readyz', '/metrics', '/exposure'].map(status))).toEqual([200, 503, 200, 404]);
});

test('openAdminServer() is alive and ready when all is well', async () => {
  await using admin = await openAdminServer(options());
  const status = async (path: string) => (await fetch(admin.url + path)).status;
  expect(await Promise.all(['/livez', '/readyz'].map(status))).toEqual([200, 200]);
});

test('openAdminServer() names port and setting when the port is taken', async () => {
  await using first = await openAdminServer(options());
  await expect(openAdminServer(options({ port: first.port }))).rejects.toMatchObject({
    code: 'GBX_PORT_IN_USE',
    message: `port ${first.port} on 127.0.0.1 is taken`,
    from: 'GBX_ADMIN_PORT (default)',
  });
});
