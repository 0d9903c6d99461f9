// What a client is told. Over real sockets; the sender is the port of core/accept, so no Kafka is needed.
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { bodyOf, openTestServer } from '../support/http-server.ts';

const EXPOSURE = { ds_user_id: 'u1', experiment_id: 'checkout', variation_id: '1' };

test.each<[string, string | Uint8Array, number, string]>([
  ['an empty body', '', 400, 'not_json'],
  ['truncated JSON', '{"ds_user_id":"u1', 400, 'not_json'],
  ['bytes that are not UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), 400, 'not_json'],
  ['a scalar', '42', 400, 'invalid'],
  ['null', 'null', 400, 'invalid'],
  ['an array', '[]', 400, 'invalid'],
  ['nothing in it', '{}', 400, 'invalid'],
  ['a number beyond doubles', '{"ds_user_id":1e999,"experiment_id":"x","variation_id":"1"}', 400, 'invalid'],
  ['an integer beyond 2^53', '{"ds_user_id":12345678901234567890,"experiment_id":"x","variation_id":"1"}', 400, 'invalid'],
  ['a NUL', '{"ds_user_id":"a\\u0000b","experiment_id":"x","variation_id":"1"}', 400, 'invalid'],
  ['half a surrogate pair', '{"ds_user_id":"\\ud800","experiment_id":"x","variation_id":"1"}', 400, 'invalid'],
  ['objects for ids', '{"ds_user_id":{},"experiment_id":[],"variation_id":true}', 400, 'invalid'],
  ['attributes that are no object', '{"ds_user_id":"u","experiment_id":"x","variation_id":"1","attributes":[1]}', 400, 'invalid'],
  [
    '40,000 levels in the attributes',
    `{"ds_user_id":"u","experiment_id":"x","variation_id":"1","attributes":{"a":${'['.repeat(40_000)}${']'.repeat(40_000)}}}`,
    400,
    'invalid',
  ],
  ['a body over the limit', `"${'x'.repeat(100_001)}"`, 413, 'too_large'],
])('POST /exposure answers %s with %3$d %4$s, sends nothing, and quotes nothing', async (_name, body, status, code) => {
  await using api = await openTestServer();
  const response = await api.post('/exposure', body);
  const text = await response.text();
  expect([response.status, JSON.parse(text).error.code]).toEqual([status, code]);
  expect(api.sent).toEqual([]);
  expect(text).not.toMatch(/12345678901|xxxx|\bat \/|node_modules/u);
});

test('POST /exposure takes a million levels where nobody looks, since unknown fields are ignored', async () => {
  await using api = await openTestServer({ bodyBytesMax: 3_000_000 });
  const deep = '['.repeat(1_000_000) + ']'.repeat(1_000_000);
  const response = await api.post('/exposure', `{"ds_user_id":"u","experiment_id":"x","variation_id":"1","other":${deep}}`);
  expect(response.status).toBe(200);
});

test('POST /exposure names every wrong field at once', async () => {
  await using api = await openTestServer();
  const response = await api.post('/exposure', { variation_id: '', timestamp: 'soon' });
  const { error } = (await response.json()) as { error: { fields: { field: string }[] } };
  expect(error.fields.map(({ field }) => field)).toEqual(['ds_user_id', 'experiment_id', 'variation_id', 'timestamp']);
});

test('POST /exposure takes __proto__ for data: it changes no object, and goes nowhere but into the attributes', async () => {
  await using api = await openTestServer();
  const response = await api.post('/exposure', '{"__proto__":{"source":"evil"},"ds_user_id":"u1","experiment_id":"x","variation_id":"1"}');
  expect(response.status).toBe(200);
  expect(String(api.sent[0]?.value)).not.toContain('evil');
  expect(({} as Record<string, unknown>)['source']).toBeUndefined();
});

test.each([
  ['application/x-www-form-urlencoded', {}],
  ['multipart/form-data; boundary=x', {}],
  ['application/json', { 'content-encoding': 'gzip' }],
])('POST /exposure answers the content type %s %j with 415', async (type, headers) => {
  await using api = await openTestServer();
  const response = await api.post('/exposure', EXPOSURE, { 'content-type': type, ...headers });
  expect([response.status, (await bodyOf(response)).error?.code]).toEqual([415, 'unsupported_media_type']);
});

test.each(['application/json', 'application/json; charset=utf-8', 'text/plain', 'text/plain;charset=UTF-8'])(
  'POST /exposure takes JSON as %s',
  async (type) => {
    await using api = await openTestServer();
    expect((await api.post('/exposure', EXPOSURE, { 'content-type': type })).status).toBe(200);
  },
);

test('POST /exposure answers 200 with the id, and copies no header of the client into the record', async () => {
  await using api = await openTestServer();
  const response = await api.post(
    '/exposure',
    { ...EXPOSURE, exposure_id: 'mine' },
    { 'gbx-origin': 'exposures/0/1/2', traceparent: '00-1' },
  );
  expect([response.status, await response.json()]).toEqual([200, { status: 'accepted', exposure_id: 'mine' }]);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(api.sent[0]).toMatchObject({ key: 'u1' });
  expect(api.sent[0]?.headers).toBeUndefined();
  expect(JSON.parse(String(api.sent[0]?.value))).toMatchObject({ exposure_id: 'mine', source: 'http', attributes: {} });
  expect(api.log.lines.find(({ event }) => event === 'exposure.accepted')?.fields['exposureId']).toBe('mine');
});

test('POST /exposure gives the same id to the same Idempotency-Key, and to the same time', async () => {
  await using api = await openTestServer();
  const idOf = async (body: unknown, headers?: Record<string, string>) =>
    (await bodyOf(await api.post('/exposure', body, headers))).exposure_id;
  const key = { 'idempotency-key': 'retry-1' };
  const timed = { ...EXPOSURE, timestamp: '2026-01-02T03:04:05Z' };
  expect(await idOf(EXPOSURE, key)).toBe(await idOf(EXPOSURE, key));
  expect(await idOf(EXPOSURE, key)).not.toBe(await idOf(EXPOSURE, { 'idempotency-key': 'retry-2' }));
  expect(await idOf(timed)).toBe(await idOf(timed));
  expect(await idOf(EXPOSURE)).toBe('minted');
});

test.each(['/exposures', '/exposure/exposures', '/exposures/'])(
  'POST %s takes good items, and gives bad ones back with index, field and reason',
  async (path) => {
    await using api = await openTestServer();
    const items = [
      { ...EXPOSURE, exposure_id: 'a' },
      { experiment_id: 'x' },
      7,
      { ...EXPOSURE, ds_user_id: 'user-refused', exposure_id: 'b' },
    ];
    for (const body of [{ exposures: items }, items]) {
      const response = await api.post(path, body);
      expect(response.status).toBe(207);
      expect(await response.json()).toMatchObject({
        status: 'partial',
        accepted: 1,
        rejected: 3,
        results: [
          { index: 0, status: 'accepted', exposure_id: 'a' },
          {
            index: 1,
            status: 'invalid',
            fields: [
              { field: 'ds_user_id', code: 'required' },
              { field: 'variation_id', code: 'required' },
            ],
          },
          { index: 2, status: 'invalid', fields: [{ field: '', code: 'wrong_type' }] },
          { index: 3, status: 'too_large', exposure_id: 'b' },
        ],
      });
    }
  },
);

test.each<[string, unknown, number]>([
  ['no list', { exposure: [] }, 400],
  ['an empty list', { exposures: [] }, 400],
  ['a list of nothing valid', [{}, {}], 400],
  ['more than a thousand', Array.from({ length: 1001 }, () => EXPOSURE), 413],
])('POST /exposures answers %s with %3$d, and sends nothing', async (_name, body, status) => {
  await using api = await openTestServer();
  const response = await api.post('/exposures', body);
  expect(response.status).toBe(status);
  expect((await bodyOf(response)).error?.code).toBe(status === 400 ? 'invalid' : 'too_large');
  expect(api.sent).toEqual([]);
});

test('POST /exposures sends a thousand together, and answers 200 with an id each', async () => {
  const sends: number[] = [];
  await using api = await openTestServer({
    bodyBytesMax: 1_000_000,
    send: async (records) => {
      sends.push(records.length);
      return records.map(() => ({ kind: 'acked' }));
    },
  });
  const response = await api.post('/exposures', {
    exposures: Array.from({ length: 1000 }, (_, i) => ({ ...EXPOSURE, exposure_id: `e${i}` })),
  });
  const { accepted, results } = (await response.json()) as { accepted: number; results: { exposure_id: string }[] };
  expect([response.status, accepted, results[999]?.exposure_id]).toEqual([200, 1000, 'e999']);
  expect(sends).toEqual([1000]);
});

test('POST /exposures answers 503 with Retry-After and a result each while Kafka is down', async () => {
  await using api = await openTestServer({ isUp: () => false });
  const response = await api.post('/exposures', [EXPOSURE, EXPOSURE]);
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
  expect((await bodyOf(response)).results).toHaveLength(2);
});

test('requests beyond the bound are refused with 503 before their body is read, and the bound is free again afterwards', async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await using api = await openTestServer({
    requestsMax: 1,
    acceptTimeoutMs: 5000,
    send: async (records) => {
      await held;
      return records.map(() => ({ kind: 'acked' }));
    },
  });
  const first = api.post('/exposure', EXPOSURE);
  await eventually('the first request in work', () => api.server.requestsInFlight() === 1);
  const second = await api.post('/exposure', EXPOSURE);
  expect([second.status, second.headers.get('retry-after')]).toEqual([503, '1']);
  release();
  expect((await first).status).toBe(200);
  await eventually('the bound free', () => api.server.requestsInFlight() === 0);
});

test('a client that leaves in the middle of its body frees its place in the bound', async () => {
  await using api = await openTestServer({ requestsMax: 1 });
  const socket = connect(api.server.port, '127.0.0.1');
  socket.write('POST /exposure HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"ds_');
  await eventually('the broken request in work', () => api.server.requestsInFlight() === 1);
  socket.destroy();
  await eventually('the bound free', () => api.server.requestsInFlight() === 0);
});

test('ingest answers may be read by every page, or by those of the list, and preflights are kept for a day', async () => {
  await using open = await openTestServer();
  const refused = await open.post('/exposure', '{', { origin: 'https://shop.example.com' });
  expect(refused.headers.get('access-control-allow-origin')).toBe('*');
  expect(refused.headers.get('access-control-allow-credentials')).toBeNull();

  await using narrow = await openTestServer({ corsOrigins: ['https://shop.example.com'] });
  const url = `http://127.0.0.1:${narrow.server.port}/exposures`;
  const preflight = async (origin: string) =>
    fetch(url, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } });
  const known = await preflight('https://shop.example.com');
  expect([
    known.status,
    known.headers.get('access-control-allow-origin'),
    known.headers.get('access-control-max-age'),
    known.headers.get('vary'),
  ]).toEqual([204, 'https://shop.example.com', '86400', 'origin']);
  expect(known.headers.get('access-control-allow-headers')).toContain('content-type');
  expect((await preflight('https://evil.example.com')).headers.get('access-control-allow-origin')).toBeNull();
});

test('other methods on the ingest paths are 405, other paths 404, broken paths 400, all in the one shape', async () => {
  await using api = await openTestServer();
  const seen = [];
  for (const path of ['/exposure', '/nothing', '/exposures/%zz']) {
    const response = await api.get(path);
    seen.push([response.status, (await bodyOf(response)).error?.code]);
  }
  expect(seen).toEqual([
    [405, 'method_not_allowed'],
    [404, 'not_found'],
    [400, 'bad_request'],
  ]);
});

test('what is no HTTP is answered in the one shape', async () => {
  await using api = await openTestServer();
  const answer = await new Promise<string>((resolve, reject) => {
    let text = '';
    const socket = connect(api.server.port, '127.0.0.1', () => socket.write('hello\r\n\r\n'));
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
  expect(answer).toContain('HTTP/1.1 400');
  expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toEqual({ error: { code: 'bad_request', message: 'this is not HTTP' } });
});

test('a bug answers 500 without its words, and the log has them', async () => {
  await using api = await openTestServer({
    mintId: () => {
      throw new Error('secret detail');
    },
  });
  const response = await api.post('/exposure', EXPOSURE);
  const text = await response.text();
  expect([response.status, text.includes('secret detail')]).toEqual([500, false]);
  expect(JSON.parse(text).error.request_id).toBe(api.log.lines.find(({ event }) => event === 'http.failed')?.fields['requestId']);
});
