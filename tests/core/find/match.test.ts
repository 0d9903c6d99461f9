import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeRecord } from '../../../src/core/exposure/decode.ts';
import type { LogRecord } from '../../../src/core/exposure/exposure.ts';
import { createMatcher } from '../../../src/core/find/match.ts';
import type { Wanted } from '../../../src/core/find/ports.ts';

const PLACE = { clusterId: 'c', topic: 't' };

function recordOf(value: string | Buffer | null): LogRecord {
  return {
    partition: 0,
    offset: 7n,
    timestampMs: Date.UTC(2026, 0, 1),
    key: null,
    value: value === null ? null : Buffer.from(value),
    headers: {},
  };
}

function body(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ exposure_id: 'x', ds_user_id: 'u', experiment_id: 'e', variation_id: '1', ...fields });
}

const ID: Wanted = { kind: 'id', exposureId: 'x' };

describe('createMatcher()', () => {
  test.each([
    ['no value', null],
    ['another id', body({ exposure_id: 'y' })],
    ['the id in another field', body({ exposure_id: 'y', attributes: { was: 'x' } })],
    ['no id, and the text in another field', body({ exposure_id: undefined, source: 'x' })],
    ['an invalid record with another id', JSON.stringify({ exposure_id: 'y', source: 'x' })],
  ])('leaves %s out', (_, value) => {
    expect(createMatcher(ID)(recordOf(value), PLACE)).toBeUndefined();
  });

  test('takes the id however JSON spells it', () => {
    const matcher = createMatcher({ kind: 'id', exposureId: 'é"/x' });
    for (const spelled of ['"é\\"/x"', '"\\u00e9\\"\\/x"', '"\\u00E9\\u0022/\\u0078"']) {
      const value = body({}).replace('"x"', spelled);
      expect(matcher(recordOf(value), PLACE), spelled).toMatchObject({ exposureId: 'é"/x', invalid: undefined });
    }
  });

  test('takes a record without an id by the id that is derived from its place', () => {
    const record = recordOf(body({ exposure_id: undefined }));
    const decoded = decodeRecord(record, PLACE);
    const exposureId = decoded.kind === 'exposure' ? decoded.exposure.exposureId : '';
    const matcher = createMatcher({ kind: 'id', exposureId });
    expect(matcher(record, PLACE)).toMatchObject({ exposureId, identity: { dsUserId: 'u' } });
    expect(matcher({ ...record, offset: 8n }, PLACE)).toBeUndefined();
  });

  test('takes an invalid record that names the id, and bytes that are no JSON and hold it', () => {
    expect(createMatcher(ID)(recordOf(body({ variation_id: undefined })), PLACE)).toMatchObject({
      identity: undefined,
      invalid: { code: 'GBX_INVALID_FIELD' },
    });
    expect(createMatcher(ID)(recordOf('{"exposure_id":"x","ds_'), PLACE)).toMatchObject({
      exposureId: 'x',
      invalid: { code: 'GBX_NOT_JSON' },
    });
    const byUser = createMatcher({ kind: 'who', dsUserId: 'u', experimentId: undefined });
    expect(byUser(recordOf(JSON.stringify({ ds_user_id: 'u' })), PLACE)).toMatchObject({ exposureId: undefined });
  });

  test('by user and experiment takes what has both', () => {
    const matcher = createMatcher({ kind: 'who', dsUserId: 'u', experimentId: 'e' });
    expect(matcher(recordOf(body({})), PLACE)).toMatchObject({ exposureId: 'x' });
    expect(matcher(recordOf(body({ ds_user_id: 'e', experiment_id: 'u' })), PLACE)).toBeUndefined();
    expect(matcher(recordOf(body({ ds_user_id: 42 })), PLACE)).toBeUndefined();
    expect(
      createMatcher({ kind: 'who', dsUserId: '42', experimentId: undefined })(recordOf(body({ ds_user_id: 42 })), PLACE),
    ).toBeDefined();
  });

  test('takes exactly what decoding everything would', () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 6 });
    const escaped = (json: string, isEscaped: boolean): string =>
      isEscaped
        ? json.replaceAll(/[^ -~]/gu, (c) =>
            [...c]
              .map((one) =>
                one
                  .split('')
                  .map((u) => `\\u${u.charCodeAt(0).toString(16).padStart(4, '0')}`)
                  .join(''),
              )
              .join(''),
          )
        : json;
    fc.assert(
      fc.property(text, text, fc.boolean(), fc.boolean(), (wanted, other, isOther, isEscaped) => {
        const record = recordOf(escaped(body({ exposure_id: isOther ? other : wanted, attributes: { other } }), isEscaped));
        const decoded = decodeRecord(record, PLACE);
        if (decoded.kind === 'invalid') return;
        const isWanted = decoded.exposure.exposureId === wanted;
        expect(createMatcher({ kind: 'id', exposureId: wanted })(record, PLACE) !== undefined).toBe(isWanted);
      }),
    );
  });
});
