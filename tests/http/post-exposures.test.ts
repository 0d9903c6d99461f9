import { describe, expect, test } from 'vitest';
import type { PostOutcome } from '../../src/core/verify/smoke.ts';
import { createPoster } from '../../src/http/post-exposures.ts';
import { manualClock } from '../support/clock.ts';

const EXPOSURE = {
  exposure_id: 'x1',
  ds_user_id: 'u',
  experiment_id: 'e',
  variation_id: '0',
  timestamp: '2026-01-31T12:00:00Z',
  attributes: {},
  source: 's',
};

function post(answer: typeof fetch, url = 'http://127.0.0.1:8000'): Promise<PostOutcome> {
  const poster = createPoster({ url, timeoutMs: 1000, fetch: answer, clock: manualClock() });
  return poster(EXPOSURE, new AbortController().signal);
}

function answering(status: number, body: unknown): typeof fetch {
  return async () => new Response(typeof body === 'string' ? body : JSON.stringify(body), { status });
}

/** As Node's fetch fails: a TypeError around the cause. */
function failing(code: string): typeof fetch {
  return async () => {
    throw new TypeError('fetch failed', { cause: Object.assign(new Error(`connect ${code}`), { code }) });
  };
}

describe('createPoster() refuses', () => {
  test.each(['', 'localhost:8000', '127.0.0.1', 'ftp://host', 'file:///etc/passwd', 'http://user:secret@host'])(
    'to post to %j, without repeating it',
    (url) => {
      const create = (): unknown => createPoster({ url, timeoutMs: 1, fetch, clock: manualClock() });
      expect(create).toThrow(expect.objectContaining({ code: 'GBX_USAGE' }));
      expect(create).not.toThrow(/secret/);
    },
  );
});

describe('a poster says', () => {
  test.each([
    [503, { error: { code: 'unavailable' } }, { kind: 'unavailable', reason: '503 unavailable' }],
    [503, '<html>', { kind: 'unavailable', reason: '503' }],
    [429, '', { kind: 'unavailable', reason: '429' }],
    [504, { error: { code: 'outcome_unknown' } }, { kind: 'unknown', reason: '504 outcome_unknown' }],
    [502, 'bad gateway', { kind: 'unknown', reason: '502' }],
    [500, { error: { code: 'internal' } }, { kind: 'unknown', reason: '500 internal' }],
    [400, { error: { code: 'invalid' } }, { kind: 'refused', reason: '400 invalid' }],
    [413, { error: { code: 'too_large' } }, { kind: 'refused', reason: '413 too_large' }],
    [200, { status: 'accepted', exposure_id: 'x1' }, { kind: 'accepted' }],
  ])('what %d with %j means', async (status, body, outcome) => {
    expect(await post(answering(status, body))).toEqual(outcome);
  });

  test.each([
    [200, '<html>Log in</html>'],
    [200, { status: 'accepted', exposure_id: 'another' }],
    [200, 'null'],
    [201, { status: 'accepted', exposure_id: 'x1' }],
    [302, ''],
    [400, 'Bad Request'],
    [401, { error: { code: 'unauthorized' } }],
    [404, { error: { code: 'not_found' } }],
  ])('that what answers %d with %j is no gbx serve', async (status, body) => {
    await expect(post(answering(status, body))).rejects.toMatchObject({
      code: 'GBX_SERVE_UNREACHABLE',
      message: expect.stringContaining('/exposure'),
    });
  });

  test.each(['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'ERR_TLS_CERT_ALTNAME_INVALID'])(
    'that nothing was sent after %s',
    async (code) => {
      expect(await post(failing(code))).toEqual({ kind: 'unavailable', reason: code });
    },
  );

  test.each(['ECONNRESET', 'UND_ERR_SOCKET', 'EPIPE', 'something new'])('that nobody knows after %s', async (code) => {
    expect(await post(failing(code))).toEqual({ kind: 'unknown', reason: code });
  });

  test('that nothing was sent to a port that fetch does not speak to', async () => {
    expect(await post(fetch, 'http://127.0.0.1:1')).toEqual({ kind: 'unavailable', reason: 'bad port' });
  });

  test('that nobody knows when no answer comes in time', async () => {
    const clock = manualClock();
    const never: typeof fetch = (_, init) =>
      new Promise((_resolve, reject) => init?.signal?.addEventListener('abort', () => reject(new Error('aborted'))));
    const poster = createPoster({ url: 'http://127.0.0.1:8000', timeoutMs: 1000, fetch: never, clock });
    const outcome = poster(EXPOSURE, new AbortController().signal);
    await clock.advance(1000);
    expect(await outcome).toEqual({ kind: 'unknown', reason: 'no answer within 1000 ms' });
    expect(clock.sleeping()).toBe(0);
  });

  test('what became of one and leaves nothing waiting', async () => {
    const clock = manualClock();
    const poster = createPoster({ url: 'http://127.0.0.1:8000', timeoutMs: 1000, fetch: failing('ECONNRESET'), clock });
    await poster(EXPOSURE, new AbortController().signal);
    expect(clock.sleeping()).toBe(0);
  });

  test('nothing to redirects: it does not follow them', async () => {
    let redirect: string | undefined;
    await post(async (_, init) => {
      redirect = init?.redirect;
      return new Response('{"status":"accepted","exposure_id":"x1"}');
    });
    expect(redirect).toBe('manual');
  });
});

test.each([
  ['http://127.0.0.1:8000', 'http://127.0.0.1:8000/exposure'],
  ['http://127.0.0.1:8000/', 'http://127.0.0.1:8000/exposure'],
  ['https://example.com/gbx/', 'https://example.com/gbx/exposure'],
  ['https://example.com/gbx?x=1#y', 'https://example.com/gbx/exposure'],
])('createPoster() posts for %s to %s', async (url, target) => {
  let asked: unknown;
  await post(async (input) => {
    asked = input;
    return new Response('{"status":"accepted","exposure_id":"x1"}');
  }, url);
  expect(asked).toBe(target);
});
