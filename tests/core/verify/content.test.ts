import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Exposure } from '../../../src/core/exposure/exposure.ts';
import { contentHash, differingFields } from '../../../src/core/verify/content.ts';
import { exposure } from '../../support/arbitraries.ts';

const SENT: Exposure = {
  exposureId: 'x',
  dsUserId: 'u',
  experimentId: 'e',
  variationId: '0',
  tsMicros: 1_769_860_800_000_000,
  attributes: '{"b":1,"a":[{"d":null,"c":"x"}]}',
  source: 'http',
};

const CHANGES = [
  ['ds_user_id', { dsUserId: 'U' }],
  ['experiment_id', { experimentId: 'e ' }],
  ['variation_id', { variationId: '1' }],
  ['timestamp', { tsMicros: SENT.tsMicros + 1 }],
  ['attributes', { attributes: '{"b":1,"a":[{"d":null}]}' }],
  ['attributes', { attributes: 'null' }],
  ['attributes', { attributes: '' }],
  ['source', { source: 'python_sdk' }],
] as const;

describe('contentHash() and differingFields()', () => {
  test.each(CHANGES)('see another %s: %j', (field, change) => {
    expect(contentHash({ ...SENT, ...change })).not.toBe(contentHash(SENT));
    expect(differingFields(SENT, { ...SENT, ...change })).toEqual([field]);
  });

  test('tell fields apart where their values lie side by side', () => {
    expect(contentHash({ ...SENT, dsUserId: 'ue', experimentId: '' })).not.toBe(contentHash({ ...SENT, dsUserId: 'u', experimentId: 'e' }));
  });

  test.each([
    ['another order of keys', '{"a":[{"c":"x","d":null}],"b":1}'],
    ['spaces', '{ "b" : 1, "a" : [ { "d" : null, "c" : "x" } ] }'],
    ['1.0 for 1', '{"b":1.0,"a":[{"d":null,"c":"x"}]}'],
    ['escapes', '{"\\u0062":1,"a":[{"d":null,"c":"\\u0078"}]}'],
  ])('see the same attributes in %s', (_, attributes) => {
    expect(contentHash({ ...SENT, attributes })).toBe(contentHash(SENT));
    expect(differingFields(SENT, { ...SENT, attributes })).toEqual([]);
  });

  test('see another order of a list as another content', () => {
    expect(contentHash({ ...SENT, attributes: '[1,2]' })).not.toBe(contentHash({ ...SENT, attributes: '[2,1]' }));
  });

  test('leave the id aside', () => {
    expect(contentHash({ ...SENT, exposureId: 'y' })).toBe(contentHash(SENT));
  });

  test('agree with each other', () => {
    fc.assert(
      fc.property(exposure(), exposure(), (one, other) => {
        expect(contentHash(one) === contentHash(other)).toBe(differingFields(one, other).length === 0);
        expect(differingFields(one, { ...one })).toEqual([]);
      }),
    );
  });
});
