import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createBatchPoster, postedHost } from '../../src/http/post-batches.ts';
import { manualClock } from '../support/clock.ts';
import { openTestServer } from '../support/http-server.ts';

const body = (user: string, more = ''): string =>
  `{"exposure_id":"x-${user}","ds_user_id":"user-${user}","experiment_id":"e","variation_id":"v"${more}}`;
const answering =
  (status: number, text: string): typeof fetch =>
  async () =>
    new Response(text, { status });
const failing =
  (code: string): typeof fetch =>
  () =>
    Promise.reject(Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error(code), { code }) }));

function posterOf(fetchUrl: typeof fetch, isSingle = false) {
  return createBatchPoster({ url: 'http://127.0.0.1:1/base/', timeoutMs: 1_000, isSingle, fetch: fetchUrl, clock: systemClock });
}

describe('createBatchPoster()', () => {
  test.each(['localhost:8000', 'ftp://x', 'http://user:secret@host/', ''])('refuses the address %j without repeating it', (url) => {
    const make = (): unknown => createBatchPoster({ url, timeoutMs: 1, isSingle: false, fetch, clock: systemClock });
    expect(make).toThrow(expect.objectContaining({ code: 'GBX_USAGE', message: expect.not.stringContaining('secret') }));
  });

  test('says that nobody answers', async () => {
    await expect(posterOf(failing('ECONNREFUSED')).check()).rejects.toMatchObject({ code: 'GBX_SERVE_UNREACHABLE', exitCode: 69 });
    await expect(posterOf(answering(404, '')).check()).resolves.toBeUndefined();
  });

  test('ends where another program answers', async () => {
    for (const isSingle of [true, false]) {
      await expect(posterOf(answering(404, '<html>'), isSingle).post([body('1')])).rejects.toMatchObject({ code: 'GBX_SERVE_UNREACHABLE' });
    }
  });

  test('takes a refused connection for not sent, a broken one for unknown', async () => {
    expect(await posterOf(failing('ECONNREFUSED')).post([body('1'), body('2')])).toEqual([
      { kind: 'not-sent', reason: 'ECONNREFUSED' },
      { kind: 'not-sent', reason: 'ECONNREFUSED' },
    ]);
    expect(await posterOf(failing('UND_ERR_SOCKET')).post([body('1')])).toEqual([{ kind: 'unknown', reason: 'UND_ERR_SOCKET' }]);
  });

  test('takes no answer in time for unknown', async () => {
    const clock = manualClock();
    const never: typeof fetch = (_, init) =>
      new Promise((_, reject) => init?.signal?.addEventListener('abort', () => reject(new Error('aborted'))));
    const poster = createBatchPoster({ url: 'http://127.0.0.1:1', timeoutMs: 1_000, isSingle: false, fetch: never, clock });
    const posting = poster.post([body('1')]);
    await clock.advance(0);
    await clock.advance(1_000);
    expect(await posting).toEqual([{ kind: 'unknown', reason: 'no answer within 1000 ms' }]);
  });

  test.each([
    [503, 'not-sent'],
    [429, 'not-sent'],
    [502, 'unknown'],
    [504, 'unknown'],
    [200, 'unknown'],
  ])('takes a %d of a proxy for all of the batch: %s', async (status, kind) => {
    const text = status === 200 ? '{"status":"accepted"}' : '<html>';
    expect((await posterOf(answering(status, text)).post([body('1'), body('2')])).map((outcome) => outcome.kind)).toEqual([kind, kind]);
  });

  test.each([true, false])('tells of each what serve says of it, posted alone: %s', async (isSingle) => {
    await using serve = await openTestServer();
    const poster = createBatchPoster({
      url: `http://127.0.0.1:${serve.server.port}`,
      timeoutMs: 5_000,
      isSingle,
      fetch,
      clock: systemClock,
    });
    await poster.check();
    const outcomes = await poster.post([
      body('1'),
      body('refused'),
      body('unknown'),
      body('not-sent'),
      body('2', ',"timestamp":"soon"'),
      body('3'),
    ]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['acked', 'refused', 'unknown', 'not-sent', 'refused', 'acked']);
  });
});

test('postedHost() is the host that will be posted to', () => {
  expect(postedHost('https://exposures.example.com:8443/base')).toBe('exposures.example.com');
  expect(() => postedHost('nowhere')).toThrow(expect.objectContaining({ code: 'GBX_USAGE' }));
});
