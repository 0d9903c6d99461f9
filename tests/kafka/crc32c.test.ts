import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c } from '../../src/kafka/crc32c.ts';

const kafkaJs: (encoder: { readonly buffer: Buffer }) => number = createRequire(import.meta.url)('kafkajs/src/protocol/recordBatch/crc32C');

describe('crc32c()', () => {
  // RFC 3720, B.4, and the check value of CRC-32C.
  test.each([
    ['nothing', Buffer.alloc(0), 0],
    ['123456789', Buffer.from('123456789'), 0xe3069283],
    ['32 zeros', Buffer.alloc(32), 0x8a9136aa],
    ['32 ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['counting up', Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
  ])('is that of the standard for %s', (_name, data, sum) => {
    expect(crc32c(data)).toBe(sum);
  });

  test('is what kafkajs writes into batches, for any length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => crc32c(Buffer.from(bytes)) === kafkaJs(Buffer.from(bytes) as never)),
    );
  });
});
