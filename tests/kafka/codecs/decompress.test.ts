import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decompress } from '../../../src/kafka/codecs/decompress.ts';

const TEXT = `the quick brown fox jumps over the lazy dog; the quick brown fox jumps again; ${'a'.repeat(44)}`;
const LIMIT = 1_000_000;
const [GZIP, SNAPPY, LZ4, ZSTD] = [1, 2, 3, 4];

/** Written by the reference programs: `zstd -3` of a file and of a pipe, `lz4`. */
const ZSTD_FILE = 'KLUv/SR6BQIARAN0aGUgcXVpY2sgYnJvd24gZm94IGp1bXBzIG92ZXIgdGhlIGxhenkgZG9nO2FnYWluOyBhAwDgTIZKA+OaZR+Wgec=';
const ZSTD_PIPE = 'KLUv/QRYBQIARAN0aGUgcXVpY2sgYnJvd24gZm94IGp1bXBzIG92ZXIgdGhlIGxhenkgZG9nO2FnYWluOyBhAwDgTIZKA+OaZR+Wgec=';
const LZ4_FRAME =
  'BCJNGGRAp0UAAADwEHRoZSBxdWljayBicm93biBmb3gganVtcHMgb3ZlciAfAJFsYXp5IGRvZzsOAA8tAAOPYWdhaW47IGEBABNQYWFhYWEAAAAA5gwHjQ==';
/** 200,000 zeros. */
const ZSTD_ZEROS = 'KLUv/QRYVAAAEAAAAQD7/znAAgNqCADE6XRw';

/** By hand: a literal of five bytes, then copies with one, two and four bytes of distance. */
const SNAPPY_BLOCK = Buffer.from([21, 4 << 2, ...Buffer.from('abcde'), 1 | (0 << 2), 5, 2 | (7 << 2), 4, 0, 3 | (3 << 2), 21 - 4, 0, 0, 0]);
const SNAPPY_TEXT = 'abcdeabcdabcdabcdabcd';

function framed(...blocks: readonly Buffer[]): Buffer {
  const header = Buffer.from([0x82, ...Buffer.from('SNAPPY'), 0, 0, 0, 0, 1, 0, 0, 0, 1]);
  return Buffer.concat([header, ...blocks.flatMap((block) => [lengthOf(block), block])]);
}

function lengthOf(block: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(block.length);
  return bytes;
}

const WHOLE: readonly [string, number, Buffer, string][] = [
  ['gzip', GZIP ?? 0, gzipSync(TEXT), TEXT],
  ['snappy', SNAPPY ?? 0, SNAPPY_BLOCK, SNAPPY_TEXT],
  ['snappy in the frames of Java', SNAPPY ?? 0, framed(SNAPPY_BLOCK, SNAPPY_BLOCK), SNAPPY_TEXT.repeat(2)],
  ['lz4', LZ4 ?? 0, Buffer.from(LZ4_FRAME, 'base64'), TEXT],
  ['zstd', ZSTD ?? 0, Buffer.from(ZSTD_FILE, 'base64'), TEXT],
  ['zstd of unknown length', ZSTD ?? 0, Buffer.from(ZSTD_PIPE, 'base64'), TEXT],
];

describe('decompress()', () => {
  test('refuses a codec that there is none of', async () => {
    for (const codec of [5, 6, 7]) await expect(decompress(codec, Buffer.alloc(9), LIMIT)).rejects.toThrow(`codec ${codec}`);
  });

  test.each(WHOLE)('reads %s', async (_name, codec, input, text) => {
    expect((await decompress(codec, input, LIMIT)).toString()).toBe(text);
    expect((await decompress(codec, input, text.length)).toString()).toBe(text);
  });

  test.each(WHOLE)('refuses %s that unpacks to more than the limit', async (_name, codec, input, text) => {
    await expect(decompress(codec, input, text.length - 1)).rejects.toThrow(/more than|larger than/);
  });

  test('refuses a small zstd frame of much, and one that asks for a large window', async () => {
    expect(await decompress(4, Buffer.from(ZSTD_ZEROS, 'base64'), 200_000)).toHaveLength(200_000);
    await expect(decompress(4, Buffer.from(ZSTD_ZEROS, 'base64'), 199_999)).rejects.toThrow('more than');
    const wide = Buffer.from(ZSTD_ZEROS, 'base64');
    wide[5] = 31 << 3;
    await expect(decompress(4, wide, LIMIT)).rejects.toThrow('window');
  });

  test.each(WHOLE)('throws for %s that is cut short, or gives no more than it should', async (_name, codec, input, text) => {
    for (let length = 0; length < input.length - 1; length++) {
      const cut = input.subarray(0, length);
      const result = await decompress(codec, cut, LIMIT).catch(() => undefined);
      expect(result === undefined || result.length <= text.length).toBe(true);
    }
  });

  test.each([SNAPPY, LZ4, ZSTD])('comes to an end for any bytes, codec %s', async (codec = 0) => {
    const starts = WHOLE.filter(([, of]) => of === codec).map(([, , input]) => input);
    const damaged = fc.tuple(fc.constantFrom(...starts), fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { minLength: 1, maxLength: 8 }));
    await fc.assert(
      fc.asyncProperty(damaged, async ([start, changes]) => {
        const input = Buffer.from(start);
        for (const [at, byte] of changes) input[at % input.length] = byte;
        const result = await decompress(codec, input, LIMIT).catch(() => Buffer.alloc(0));
        expect(result.length).toBeLessThanOrEqual(LIMIT);
      }),
      { numRuns: 500 },
    );
  });
});
