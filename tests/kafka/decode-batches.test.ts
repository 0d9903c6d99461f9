import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c } from '../../src/kafka/crc32c.ts';
import { decodeBatches } from '../../src/kafka/decode-batches.ts';
import { encodeBatch, type TestRecord } from './batches.ts';

const load = createRequire(import.meta.url);
const Decoder: new (bytes: Buffer) => object = load('kafkajs/src/protocol/decoder');
const byKafkaJs: (decoder: object) => Promise<{ records: { offset: string; value: Buffer | null }[] }> = load(
  'kafkajs/src/protocol/recordBatch/v0/decoder',
);

const values = (count: number): TestRecord[] => Array.from({ length: count }, (_, index) => ({ value: Buffer.from(`v${index}`) }));

/** Sets the checksum right after a change: so that what is wrong is found behind it. */
function signed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

describe('decodeBatches()', () => {
  test('puts a mark in place of a batch with a wrong checksum, keeps those before it and drops those after', async () => {
    const [first, second, third] = await Promise.all([0, 2, 4].map((offset) => encodeBatch({ offset, records: values(2) })));
    second?.writeUInt8(0x55, 70);
    const messages = await decodeBatches(Buffer.concat([first, second, third].flatMap((batch) => batch ?? [])));
    expect(messages.map(({ value, unreadable }) => unreadable ?? String(value))).toEqual([
      'v0',
      'v1',
      { offset: 2n, lastOffset: 3n, reason: 'its checksum is wrong' },
    ]);
    expect(messages.at(-1)).toMatchObject({ offset: '9223372036854775807', isControlRecord: false });
  });

  test.each([
    ['an unknown codec', (batch: Buffer) => batch.writeInt16BE(6, 21), 'codec 6'],
    ['more records than it holds', (batch: Buffer) => batch.writeInt32BE(3, 57), 'ends in the middle'],
    ['more records than anybody writes', (batch: Buffer) => batch.writeInt32BE(2_000_000_000, 57), '2000000000 records'],
    ['fewer than none', (batch: Buffer) => batch.writeInt32BE(-1, 57), '-1 records'],
    ['a record beyond its end', (batch: Buffer) => batch.writeUInt8(0x7e, 61), 'ends in the middle'],
  ])('puts a mark in place of a batch that says it has %s', async (_what, change, reason) => {
    const batch = await encodeBatch({ offset: 7, records: values(2) });
    change(batch);
    const messages = await decodeBatches(signed(batch));
    expect(messages).toHaveLength(1);
    expect(messages[0]?.unreadable).toEqual({ offset: 7n, lastOffset: 8n, reason: expect.stringContaining(reason) });
  });

  test('leaves out what is cut off at the end', async () => {
    const bytes = Buffer.concat([
      await encodeBatch({ offset: 0, records: values(2) }),
      await encodeBatch({ offset: 2, records: values(2) }),
    ]);
    for (let cut = 1; cut < 70; cut++) expect(await decodeBatches(bytes.subarray(0, bytes.length - cut))).toHaveLength(2);
  });

  test('never throws nor hangs, whatever the bytes', async () => {
    const good = await encodeBatch({ offset: 0, records: [{ key: Buffer.from('k'), value: Buffer.from('v'), headers: { a: 'b' } }] });
    const changes = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(changes, fc.boolean(), async (list, isSigned) => {
        const bytes = Buffer.from(good);
        for (const [at, byte] of list) bytes[at] = byte;
        await decodeBatches(isSigned ? signed(bytes) : bytes);
      }),
      { numRuns: 500 },
    );
  });

  test('passes over what compaction took, to the end of the batch', async () => {
    const some = await decodeBatches(await encodeBatch({ offset: 10, records: [{ offsetDelta: 2 }], lastOffsetDelta: 9 }));
    expect(some.map(({ offset, isControlRecord }) => [offset, isControlRecord])).toEqual([
      ['12', false],
      ['19', true],
    ]);
    const none = await decodeBatches(await encodeBatch({ offset: 10, records: [], lastOffsetDelta: 9 }));
    expect(none.map(({ offset, isControlRecord }) => [offset, isControlRecord])).toEqual([['19', true]]);
  });

  test('reads a record with twenty thousand headers in no time, and keeps a thousand of them and all of gbx', async () => {
    const headers: TestRecord['headers'] = {};
    for (let index = 0; index < 20_000; index++) headers[`h${index}`] = 'v';
    headers['gbx-origin'] = 'exposures/0/1/2';
    const batch = await encodeBatch({ offset: 0, records: [{ headers }] });
    const before = performance.now();
    const [message] = await decodeBatches(batch);
    expect(performance.now() - before).toBeLessThan(1_000);
    expect(Object.keys(message?.headers ?? {})).toHaveLength(1_001);
    expect(String(message?.headers['gbx-origin'])).toBe('exposures/0/1/2');
  });

  test('keeps repeated headers in order, and takes no name for more than a name', async () => {
    const headers = JSON.parse('{"many":["a","b","c"],"__proto__":"p"}');
    const [message] = await decodeBatches(await encodeBatch({ offset: 0, records: [{ headers }] }));
    expect(message?.headers['many']).toEqual(['a', 'b', 'c'].map((text) => Buffer.from(text)));
    expect(Object.keys(message?.headers ?? {})).toEqual(['many', '__proto__']);
  });

  test('gives what kafkajs gave', async () => {
    const bytes = fc.option(fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array)));
    const record = fc.record({
      key: bytes,
      value: bytes,
      timestampDelta: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
      headers: fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), fc.string({ maxLength: 5 }), { maxKeys: 3 }),
    });
    const batches = fc.record({
      offset: fc.nat(2 ** 40),
      timestampMs: fc.nat(2 ** 41),
      compression: fc.constantFrom(0, 1),
      records: fc.array(record, { minLength: 1, maxLength: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(batches, async (batch) => {
        const encoded = await encodeBatch(batch);
        const { records } = await byKafkaJs(new Decoder(encoded));
        const decoded = await decodeBatches(encoded);
        const essence = (message: object) => {
          const { offset, timestamp, key, value, headers } = message as (typeof decoded)[number];
          return { offset, timestamp, key, value, headers: { ...headers } };
        };
        expect(decoded.map(essence)).toEqual(records.map(essence));
      }),
    );
  });
});
