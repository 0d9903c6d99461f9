// Who may read, and what they get. The reader is core's port ReadExposures; no warehouse is needed.
import { expect, test } from 'vitest';
import { GbxError } from '../../src/core/errors.ts';
import type { ReadExposures, StoredExposure } from '../../src/core/exposure/stored.ts';
import { fixedClock } from '../support/clock.ts';
import { bodyOf, openTestServer } from '../support/http-server.ts';

const NOW_MS = Date.UTC(2026, 5, 30, 12);
const ROW: StoredExposure = {
  exposureId: 'e1',
  dsUserId: 'u1',
  experimentId: 'checkout',
  variationId: '1',
  tsMicros: Date.UTC(2026, 5, 30, 11) * 1000 + 7,
  attributes: '{"country": "NZ"}',
  source: 'http',
  createdAtMicros: Date.UTC(2026, 5, 30, 11, 0, 30) * 1000,
};

function reader(rows: readonly StoredExposure[] = [ROW]) {
  const asked: unknown[] = [];
  const read: Pick<ReadExposures, 'byUser' | 'byExperiment'> = {
    byUser: async (id, limits) => {
      asked.push(['byUser', id, limits]);
      return rows;
    },
    byExperiment: async (id, limits) => {
      asked.push(['byExperiment', id, limits]);
      return rows;
    },
  };
  return { read, asked };
}

test('reading is refused off loopback without keys, and with keys to whoever has none of them', async () => {
  const { read, asked } = reader();
  await using closed = await openTestServer({ reader: read, host: '0.0.0.0' });
  const refused = await closed.get('/exposures/u1');
  expect([refused.status, (await bodyOf(refused)).error?.code]).toEqual([403, 'reads_off']);

  await using open = await openTestServer({ reader: read, host: '0.0.0.0', apiKeys: ['old-key', 'new-key'] });
  for (const path of ['/exposures/u1', '/exposures/experiment/checkout']) {
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 'old-key' }]) {
      const response = await open.get(path, headers);
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
      expect((await bodyOf(response)).error?.code).toBe('unauthorized');
    }
  }
  expect(asked).toEqual([]);
  for (const key of ['old-key', 'new-key']) expect((await open.get('/exposures/u1', { authorization: `Bearer ${key}` })).status).toBe(200);
});

test('reading on loopback needs no key, save through a proxy', async () => {
  await using api = await openTestServer({ reader: reader().read });
  expect((await api.get('/exposures/u1')).status).toBe(200);
  expect((await api.get('/exposures/u1', { 'x-forwarded-for': '203.0.113.9' })).status).toBe(403);
});

test('read routes never answer with CORS headers, nor to preflights', async () => {
  await using api = await openTestServer({ reader: reader().read });
  const response = await api.get('/exposures/u1', { origin: 'https://shop.example.com' });
  expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, null]);
  const url = `http://127.0.0.1:${api.server.port}/exposures/u1`;
  const preflight = await fetch(url, {
    method: 'OPTIONS',
    headers: { origin: 'https://shop.example.com', 'access-control-request-method': 'GET' },
  });
  expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([404, null]);
});

test('without a warehouse the answer is a clear 503', async () => {
  await using api = await openTestServer();
  const response = await api.get('/exposures/u1');
  expect([response.status, (await bodyOf(response)).error?.code]).toEqual([503, 'warehouse_not_set']);
});

test('a warehouse that does not answer is 503 with Retry-After, without its words', async () => {
  const broken = async (): Promise<never> => {
    throw new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'Cannot reach db.internal:5439');
  };
  await using api = await openTestServer({ reader: { byUser: broken, byExperiment: broken } });
  const response = await api.get('/exposures/u1');
  const text = await response.text();
  expect([response.status, response.headers.get('retry-after'), JSON.parse(text).error.code]).toEqual([503, '5', 'warehouse_unavailable']);
  expect(text).not.toContain('db.internal');
  expect(api.log.events()).toContain('exposures.read_failed');
});

test.each(['0', '1001', '-1', 'ten', '1.5', '', '1&limit=2', '99999999999999999999'])('limit=%s is refused', async (limit) => {
  const { read, asked } = reader();
  await using api = await openTestServer({ reader: read });
  const response = await api.get(`/exposures/u1?limit=${limit}`);
  expect([response.status, (await bodyOf(response)).error?.fields?.[0]?.field]).toEqual([400, 'limit']);
  expect(asked).toEqual([]);
});

test.each([
  ['more than 128 bytes', 'é'.repeat(65)],
  ['a NUL', 'a\0b'],
])('an id of %s is refused', async (_name, id) => {
  const { read, asked } = reader();
  await using api = await openTestServer({ reader: read });
  expect((await api.get(`/exposures/${encodeURIComponent(id)}`)).status).toBe(400);
  expect(asked).toEqual([]);
});

test('an id of 128 bytes, all of them escaped, is found', async () => {
  const { read, asked } = reader();
  await using api = await openTestServer({ reader: read });
  const id = 'é'.repeat(64);
  expect((await api.get(`/exposures/${encodeURIComponent(id)}`)).status).toBe(200);
  expect(asked).toMatchObject([['byUser', id, { rowsMax: 100 }]]);
});

test('an id with a slash, and one that is called experiment, are ids', async () => {
  const { read, asked } = reader();
  await using api = await openTestServer({ reader: read });
  await api.get('/exposures/a%2Fb');
  await api.get('/exposures/experiment');
  await api.get('/exposures/experiment/a%2Fb?limit=1000');
  expect(asked).toMatchObject([
    ['byUser', 'a/b', { rowsMax: 100 }],
    ['byUser', 'experiment', { rowsMax: 100 }],
    ['byExperiment', 'a/b', { rowsMax: 1000 }],
  ]);
});

test('rows come as exposures with their times, of the last 30 days', async () => {
  const { read, asked } = reader([ROW, { ...ROW, attributes: 'not json' }]);
  await using api = await openTestServer({ reader: read, clock: fixedClock(NOW_MS) });
  const response = await api.get('/exposures/u1');
  expect(response.headers.get('cache-control')).toBe('no-store');
  const { exposures } = (await response.json()) as { exposures: { attributes: unknown }[] };
  expect(exposures[0]).toEqual({
    exposure_id: 'e1',
    ds_user_id: 'u1',
    experiment_id: 'checkout',
    variation_id: '1',
    timestamp: '2026-06-30T11:00:00.000007Z',
    attributes: { country: 'NZ' },
    source: 'http',
    created_at: '2026-06-30T11:00:30.000000Z',
  });
  expect(exposures[1]?.attributes).toBe('not json');
  expect(asked).toMatchObject([['byUser', 'u1', { sinceMicros: Date.UTC(2026, 4, 31, 12) * 1000 }]]);
});
