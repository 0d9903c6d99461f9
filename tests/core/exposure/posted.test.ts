import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Exposure } from '../../../src/core/exposure/exposure.ts';
import { parsePosted } from '../../../src/core/exposure/posted.ts';
import { anyFields, anyJson, posted } from '../../support/arbitraries.ts';

const NOON_MS = Date.UTC(2026, 0, 31, 12);
const GOOD = { ds_user_id: 'u1', experiment_id: 'e1', variation_id: '0' };
const OPTIONS = { acceptedAtMs: NOON_MS, itemIndex: 0, mintId: () => 'minted' };

function exposureOf(input: unknown, options: Partial<Parameters<typeof parsePosted>[1]> = {}): Exposure {
  const result = parsePosted(input, { ...OPTIONS, ...options });
  if (result.kind === 'invalid') throw new Error(`expected valid, found ${JSON.stringify(result.fields)}`);
  return result.exposure;
}

describe('parsePosted()', () => {
  test('names every wrong field', () => {
    expect(parsePosted({ ds_user_id: '', timestamp: 'soon' }, OPTIONS)).toMatchObject({
      kind: 'invalid',
      fields: [
        { field: 'ds_user_id', code: 'empty' },
        { field: 'experiment_id', code: 'required' },
        { field: 'variation_id', code: 'required' },
        { field: 'timestamp', code: 'not_a_time' },
      ],
    });
    expect(parsePosted([GOOD], OPTIONS)).toMatchObject({ kind: 'invalid', fields: [{ field: '', code: 'wrong_type' }] });
  });

  test('mints no id for what it refuses', () => {
    const mintId = (): string => {
      throw new Error('minted');
    };
    expect(parsePosted({}, { ...OPTIONS, mintId }).kind).toBe('invalid');
  });

  test('gives what is missing: the time of acceptance, the source http, a new id', () => {
    expect(parsePosted(GOOD, OPTIONS)).toEqual({
      kind: 'valid',
      wasFuture: false,
      exposure: {
        exposureId: 'minted',
        dsUserId: 'u1',
        experimentId: 'e1',
        variationId: '0',
        tsMicros: NOON_MS * 1000,
        attributes: '{}',
        source: 'http',
      },
    });
  });

  test("takes the client's id before any other", () => {
    expect(exposureOf({ ...GOOD, exposure_id: 'mine', timestamp: '2026-01-31T11:00:00Z' }, { idempotencyKey: 'k' }).exposureId).toBe(
      'mine',
    );
  });

  test('takes the key before the time, and tells items of one request apart', () => {
    const input = { ...GOOD, timestamp: '2026-01-31T11:00:00Z' };
    const first = exposureOf(input, { idempotencyKey: 'k' }).exposureId;
    expect(first).toMatch(/^key_/);
    expect(exposureOf(GOOD, { idempotencyKey: 'k', acceptedAtMs: NOON_MS + 5000 }).exposureId).toBe(first);
    expect(exposureOf(input, { idempotencyKey: 'k', itemIndex: 1 }).exposureId).not.toBe(first);
    expect(exposureOf(input, { idempotencyKey: 'l' }).exposureId).not.toBe(first);
    expect(exposureOf({ ...input, ds_user_id: 'u2' }, { idempotencyKey: 'k' }).exposureId).not.toBe(first);
  });

  test('takes an empty key for none', () => {
    expect(exposureOf(GOOD, { idempotencyKey: '' }).exposureId).toBe('minted');
  });

  test('derives the same id from the same time, however written and whenever sent again', () => {
    const id = exposureOf({ ...GOOD, timestamp: '2026-01-31T11:00:00Z' }).exposureId;
    expect(id).toMatch(/^evt_/);
    expect(
      exposureOf({ ...GOOD, ts: '2026-01-31 12:00:00.000000+01:00', source: 'http' }, { acceptedAtMs: NOON_MS + 60_000 }).exposureId,
    ).toBe(id);
    expect(exposureOf({ ...GOOD, timestamp: '2026-01-31T11:00:00.000001Z' }).exposureId).not.toBe(id);
    expect(exposureOf({ ...GOOD, timestamp: '2026-01-31T11:00:00Z', source: 'app' }).exposureId).not.toBe(id);
  });

  test('keeps the id of a time ahead although the stored time is that of acceptance', () => {
    const ahead = { ...GOOD, timestamp: '2026-01-31T20:00:00Z' };
    const first = parsePosted(ahead, OPTIONS);
    const again = parsePosted(ahead, { ...OPTIONS, acceptedAtMs: NOON_MS + 1000 });
    expect(first).toMatchObject({ wasFuture: true, exposure: { tsMicros: NOON_MS * 1000 } });
    expect(again).toMatchObject({ wasFuture: true, exposure: { tsMicros: (NOON_MS + 1000) * 1000 } });
    expect(exposureOf(ahead).exposureId).toBe(exposureOf(ahead, { acceptedAtMs: NOON_MS + 1000 }).exposureId);
  });

  test('takes everything that is posted well', () => {
    fc.assert(
      fc.property(posted(), (input) => {
        expect(exposureOf(input).dsUserId).toBe(String(Object.is(input['ds_user_id'], -0) ? 0 : input['ds_user_id']));
      }),
    );
  });

  test('answers for anything, never by an exception', () => {
    fc.assert(
      fc.property(fc.oneof(anyJson(), anyFields()), (input) => {
        expect(['valid', 'invalid']).toContain(parsePosted(input, OPTIONS).kind);
      }),
    );
  });
});
