import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BYTES_MAX } from '../../../src/core/exposure/exposure.ts';
import { idFromContent, idFromKey, idFromOrigin, mintId } from '../../../src/core/exposure/identity.ts';
import { anyText, storableText } from '../../support/arbitraries.ts';

const WHO = { dsUserId: 'u1', experimentId: 'e1', variationId: '0' };
const ORIGIN = { topic: 'exposures', partition: 3, offset: 42n, timestampMs: 1_769_860_800_000 };

describe('mintId()', () => {
  test('throws when there are too few random bytes', () => {
    expect(() => mintId(0, new Uint8Array(9))).toThrow(RangeError);
  });

  test('writes a UUID of version 7 that begins with the time', () => {
    // The example of RFC 9562, appendix A.6.
    const random = Buffer.from('0cc318c4dc0c0c07398f', 'hex');
    expect(mintId(0x017f22e279b0, random)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  });

  test('keeps version and variant whatever the bytes, and the order of time', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 47 }), fc.uint8Array({ minLength: 10, maxLength: 10 }), (nowMs, random) => {
        const id = mintId(nowMs, random);
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(mintId(nowMs + 1, new Uint8Array(10)) > id).toBe(true);
      }),
    );
  });
});

describe('derived ids', () => {
  test('are told apart where parts that lie side by side read alike', () => {
    const content = { givenMicros: 1, source: 'http' };
    expect(idFromContent({ ...WHO, dsUserId: 'u1e', experimentId: '1' }, content)).not.toBe(
      idFromContent({ ...WHO, dsUserId: 'u1', experimentId: 'e1' }, content),
    );
    expect(idFromContent({ ...WHO, dsUserId: '2:u1', experimentId: 'e1' }, content)).not.toBe(
      idFromContent({ ...WHO, dsUserId: '', experimentId: '4:2:u1e1' }, content),
    );
    expect(idFromKey(WHO, { key: 'k1', itemIndex: 1 })).not.toBe(idFromKey(WHO, { key: 'k', itemIndex: 11 }));
    const value = Buffer.from('{}');
    expect(idFromOrigin({ ...ORIGIN, partition: 34, offset: 2n }, { clusterId: 'c', value })).not.toBe(
      idFromOrigin(ORIGIN, { clusterId: 'c', value }),
    );
  });

  test('change with each part of what they are derived from', () => {
    const ids = [
      idFromKey(WHO, { key: 'k', itemIndex: 0 }),
      idFromKey(WHO, { key: 'l', itemIndex: 0 }),
      idFromKey(WHO, { key: 'k', itemIndex: 1 }),
      idFromKey({ ...WHO, dsUserId: 'x' }, { key: 'k', itemIndex: 0 }),
      idFromKey({ ...WHO, experimentId: 'x' }, { key: 'k', itemIndex: 0 }),
      idFromKey({ ...WHO, variationId: 'x' }, { key: 'k', itemIndex: 0 }),
      idFromContent(WHO, { givenMicros: 1, source: 'http' }),
      idFromContent(WHO, { givenMicros: 2, source: 'http' }),
      idFromContent(WHO, { givenMicros: 1, source: 'x' }),
      idFromContent({ ...WHO, dsUserId: 'x' }, { givenMicros: 1, source: 'http' }),
      idFromContent({ ...WHO, experimentId: 'x' }, { givenMicros: 1, source: 'http' }),
      idFromContent({ ...WHO, variationId: 'x' }, { givenMicros: 1, source: 'http' }),
      ...[ORIGIN, { ...ORIGIN, topic: 'x' }, { ...ORIGIN, partition: 4 }, { ...ORIGIN, offset: 43n }, { ...ORIGIN, timestampMs: -1 }].map(
        (origin) => idFromOrigin(origin, { clusterId: 'c', value: Buffer.from('{}') }),
      ),
      idFromOrigin(ORIGIN, { clusterId: 'd', value: Buffer.from('{}') }),
      idFromOrigin(ORIGIN, { clusterId: 'c', value: Buffer.from('{} ') }),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('stay what they are: a change of these would double every exposure that is sent again', () => {
    expect(idFromKey(WHO, { key: 'k', itemIndex: 0 })).toBe('key_bzvOkBOkcVBUxgmcPL3iViPEndoUhKLF-M83lewe800');
    expect(idFromContent(WHO, { givenMicros: 1_769_860_800_000_000, source: 'http' })).toBe(
      'evt_vXsRWoF2Lk_0UR4RoxdgY8Go28fPfnJU8aNAwf9z3Zg',
    );
    expect(idFromOrigin(ORIGIN, { clusterId: 'c', value: Buffer.from('{}') })).toBe('rec_nTjdqXarKWiX2xOqWdsngka_wbJdKXxiCf110TPoKrg');
  });

  test('fit their column, whatever they are derived from', () => {
    fc.assert(
      fc.property(storableText(128), anyText(), fc.uint8Array(), (text, key, bytes) => {
        const who = { dsUserId: text, experimentId: text, variationId: text };
        const ids = [
          idFromKey(who, { key, itemIndex: 999 }),
          idFromContent(who, { givenMicros: Number.MAX_SAFE_INTEGER, source: text }),
          idFromOrigin(ORIGIN, { clusterId: text, value: Buffer.from(bytes) }),
        ];
        for (const id of ids) expect(id).toMatch(/^(key|evt|rec)_[\w-]{43}$/);
        for (const id of ids) expect(Buffer.byteLength(id)).toBeLessThanOrEqual(BYTES_MAX.exposure_id);
      }),
    );
  });
});
