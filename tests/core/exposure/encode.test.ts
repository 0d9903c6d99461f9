import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeExposure } from '../../../src/core/exposure/encode.ts';
import { exposure } from '../../support/arbitraries.ts';

describe('encodeExposure()', () => {
  test('writes the fields of design 4.1 in their order, and text that needs escapes', () => {
    const text = encodeExposure({
      exposureId: 'x"1',
      dsUserId: 'a\nb',
      experimentId: 'é',
      variationId: '\\',
      tsMicros: Date.UTC(2026, 0, 31, 12) * 1000 + 5,
      attributes: '{"b":1,"a":[true,null]}',
      source: '😀',
    });
    expect(text).toBe(
      '{"exposure_id":"x\\"1","ds_user_id":"a\\nb","experiment_id":"é","variation_id":"\\\\",' +
        '"timestamp":"2026-01-31T12:00:00.000005Z","attributes":{"b":1,"a":[true,null]},"source":"😀"}',
    );
  });

  test('writes JSON of one line, whatever the exposure', () => {
    fc.assert(
      fc.property(exposure(), (value) => {
        const text = encodeExposure(value);
        expect(text).not.toContain('\n');
        expect(JSON.parse(text)).toMatchObject({ exposure_id: value.exposureId, ds_user_id: value.dsUserId, source: value.source });
      }),
    );
  });
});
