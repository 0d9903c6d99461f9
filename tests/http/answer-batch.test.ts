import { expect, test } from 'vitest';
import { type BatchItem, batchBody, batchStatus } from '../../src/http/answer-batch.ts';

const INVALID: BatchItem = { kind: 'invalid', fields: [{ field: 'ds_user_id', code: 'required', message: 'is required' }] };
const ACCEPTED: BatchItem = { kind: 'posted', exposureId: 'e1', outcome: { kind: 'accepted' } };
const UNAVAILABLE: BatchItem = { kind: 'posted', exposureId: 'e2', outcome: { kind: 'unavailable', reason: 'down', retryAfterSeconds: 5 } };
const UNKNOWN: BatchItem = { kind: 'posted', exposureId: 'e3', outcome: { kind: 'outcome_unknown', reason: 'no answer' } };
const TOO_LARGE: BatchItem = { kind: 'posted', exposureId: 'e4', outcome: { kind: 'too_large', reason: 'too large' } };

test.each<[string, readonly BatchItem[], number]>([
  ['all are invalid', [INVALID, INVALID], 400],
  ['none fits', [TOO_LARGE, INVALID], 413],
  ['nothing could be sent', [UNAVAILABLE, INVALID, TOO_LARGE], 503],
  ['one may be stored', [UNAVAILABLE, UNKNOWN, INVALID], 504],
  ['some are accepted', [ACCEPTED, UNKNOWN, UNAVAILABLE, INVALID], 207],
  ['all are accepted', [ACCEPTED, ACCEPTED], 200],
])('batchStatus() when %s is %3$d', (_name, items, status) => {
  const body = batchBody(items);
  expect(batchStatus(body)).toBe(status);
  expect(body.error === undefined).toBe(status < 300);
});

test('batchBody() has one result an item, in order, with what the client needs to go on', () => {
  expect(batchBody([INVALID, ACCEPTED, UNAVAILABLE])).toEqual({
    status: 'partial',
    accepted: 1,
    rejected: 2,
    results: [
      { index: 0, status: 'invalid', fields: [{ field: 'ds_user_id', code: 'required', message: 'is required' }] },
      { index: 1, status: 'accepted', exposure_id: 'e1' },
      { index: 2, status: 'unavailable', exposure_id: 'e2', message: 'down' },
    ],
  });
});
