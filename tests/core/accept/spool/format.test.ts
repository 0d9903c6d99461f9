import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkHeader, decodeRecords, encodeHeader, encodeRecords, HEADER_BYTES } from '../../../../src/core/accept/spool/format.ts';

const checksum = (bytes: Buffer): number => crc32(bytes);
const record = (value: string) => ({ key: `user-${value}`, value, timestampMs: 1_700_000_000_000 });
const values = (bytes: Buffer, isEnd = true): string[] =>
  decodeRecords(bytes, { checksum, isEnd }).records.map(({ value }) => value.toString());

test('checkHeader() tells a cut, a damaged and a newer header from a good one', () => {
  const header = encodeHeader(checksum);
  expect(header).toHaveLength(HEADER_BYTES);
  expect(checkHeader(header, checksum)).toBe('ok');
  expect(checkHeader(header.subarray(0, -1), checksum)).toBe('short');
  for (let at = 0; at < HEADER_BYTES; at++) {
    const damaged = Buffer.from(header);
    damaged.writeUInt8(damaged.readUInt8(at) ^ 8, at);
    expect(checkHeader(damaged, checksum)).toBe('damaged');
  }
  const newer = Buffer.from(header);
  newer.writeUInt32LE(2, 8);
  newer.writeUInt32LE(crc32(newer.subarray(0, 12)), 12);
  expect(checkHeader(newer, checksum)).toBe('newer');
});

describe('decodeRecords()', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 });
  const records = fc.array(fc.record({ key: text, value: text, timestampMs: fc.nat() }), { maxLength: 6 });

  test('gives back what was encoded, whatever the text', () => {
    fc.assert(
      fc.property(records, (given) => {
        const { records: read, consumed, damaged } = decodeRecords(encodeRecords(given, checksum), { checksum, isEnd: true });
        expect(damaged).toEqual([]);
        expect(read.map(({ key, value, timestampMs }) => ({ key: key.toString(), value: value.toString(), timestampMs }))).toEqual(
          given.map((one) => ({ ...one, key: Buffer.from(one.key).toString(), value: Buffer.from(one.value).toString() })),
        );
        expect(consumed).toBe(encodeRecords(given, checksum).length);
      }),
    );
  });

  test('stops before what is not whole while more may come, and cuts it at the end', () => {
    const bytes = encodeRecords([record('one'), record('two')], checksum);
    const one = encodeRecords([record('one')], checksum).length;
    for (let length = one; length < bytes.length; length++) {
      const part = bytes.subarray(0, length);
      expect(decodeRecords(part, { checksum, isEnd: false })).toMatchObject({ consumed: one, damaged: [] });
      const atEnd = decodeRecords(part, { checksum, isEnd: true });
      expect(atEnd.records).toHaveLength(1);
      expect(atEnd.damaged).toEqual(length === one ? [] : [{ from: one, to: length, isTail: true, records: 1 }]);
    }
  });

  test('loses to one turned bit the record it is in and no other, wherever it is', () => {
    const names = ['one', 'two', 'three', 'four'];
    const bytes = encodeRecords(names.map(record), checksum);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const read = values(damaged);
      expect(names.filter((name) => !read.includes(name))).toHaveLength(1);
      expect(read).toHaveLength(3);
    }
  });

  test('says where the damage is and how many records it held, and zeros at the end are a torn tail', () => {
    const [one = Buffer.alloc(0), two = Buffer.alloc(0), three = Buffer.alloc(0)] = ['one', 'two', 'three'].map((name) =>
      encodeRecords([record(name)], checksum),
    );
    const torn = Buffer.from(two);
    torn.fill(0, 30);
    const { records: read, damaged } = decodeRecords(Buffer.concat([one, torn, torn, three, Buffer.alloc(50)]), { checksum, isEnd: true });
    expect(read.map(({ value }) => value.toString())).toEqual(['one', 'three']);
    const from = one.length + 2 * two.length + three.length;
    expect(damaged).toEqual([
      { from: one.length, to: one.length + 2 * two.length, isTail: false, records: 2 },
      { from, to: from + 50, isTail: true, records: 1 },
    ]);
  });

  test('never takes for a record what a value only looks like', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        expect(decodeRecords(Buffer.from(noise), { checksum, isEnd: true }).records).toEqual([]);
      }),
    );
  });
});
