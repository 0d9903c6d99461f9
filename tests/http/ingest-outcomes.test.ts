// What a client is told of what became of an exposure that is valid, and what is counted. As ingest-routes.test.ts.
import { expect, test } from 'vitest';
import type { SendRecords } from '../../src/core/accept/ports.ts';
import { bodyOf, openTestServer } from '../support/http-server.ts';

const EXPOSURE = { ds_user_id: 'u1', experiment_id: 'checkout', variation_id: '1' };

test('POST /exposure answers 503 with Retry-After at once while Kafka is down, and sends nothing', async () => {
  await using api = await openTestServer({ isUp: () => false, acceptTimeoutMs: 60_000 });
  const response = await api.post('/exposure', EXPOSURE);
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
  expect((await bodyOf(response)).error?.code).toBe('unavailable');
  expect(api.sent).toEqual([]);
});

test('POST /exposure answers 503 when it could not be sent in time, 504 when no answer came, 413 when Kafka refuses it', async () => {
  await using api = await openTestServer();
  const answers = ['user-not-sent', 'user-unknown', 'user-refused'].map(async (ds_user_id) => {
    const response = await api.post('/exposure', { ...EXPOSURE, ds_user_id, exposure_id: 'mine' });
    const { error, exposure_id } = (await response.json()) as { error: { code: string }; exposure_id: string };
    return [response.status, error.code, exposure_id];
  });
  expect(await Promise.all(answers)).toEqual([
    [503, 'unavailable', 'mine'],
    [504, 'outcome_unknown', 'mine'],
    [413, 'too_large', 'mine'],
  ]);
});

test('POST /exposure says in a 504 what gave no answer, Kafka or a disk, and that the same id may be posted again', async () => {
  await using api = await openTestServer();
  const body = await bodyOf(await api.post('/exposure', { ...EXPOSURE, ds_user_id: 'user-unknown' }));
  expect(body.error?.message).toContain('no answer from Kafka in time');
  expect(body.error?.message).toContain('post it again with this exposure_id');
});

test('POST /exposure counts a time that lies ahead, which becomes the time of acceptance, and no other', async () => {
  await using api = await openTestServer();
  for (const aheadMs of [3_600_000, -3_600_000, 0]) {
    const timestamp = aheadMs === 0 ? undefined : new Date(Date.now() + aheadMs).toISOString();
    expect((await api.post('/exposure', { ...EXPOSURE, timestamp })).status).toBe(200);
  }
  expect(await (await api.get('/metrics')).text()).toMatch(/^gbx_exposures_future_total 1$/mu);
});

test('POST /exposure answers 503 with the reason, not 413, where Kafka refuses it for another reason than its size', async () => {
  const send: SendRecords = async (records) =>
    records.map(() => ({ kind: 'refused', reason: 'its time is off (INVALID_TIMESTAMP)', code: 'GBX_RECORD_REFUSED' }));
  await using api = await openTestServer({ send });
  const response = await api.post('/exposure', EXPOSURE);
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
  const body = await bodyOf(response);
  expect(body.error?.message).toMatch(/^not stored: its time is off \(INVALID_TIMESTAMP\); look at cleanup\.policy .*; try again$/u);
});
