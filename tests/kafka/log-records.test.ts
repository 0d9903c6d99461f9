import type { KafkaMessage } from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { splitUnreadable, toLogRecords, unreadableError } from '../../src/kafka/log-records.ts';

function message(fields: Partial<KafkaMessage>): KafkaMessage {
  return { key: null, value: null, timestamp: '1700000000000', attributes: 0, offset: '0', headers: {}, ...fields } as KafkaMessage;
}

describe('toLogRecords()', () => {
  test('turns a header without a value into an empty one: it could not be written again', () => {
    const headers = { none: null, many: [null, Buffer.from('b')] } as unknown as NonNullable<KafkaMessage['headers']>;
    const { records } = toLogRecords({ partition: 0, messages: [message({ headers })] });
    expect(records[0]?.headers).toEqual({ none: Buffer.alloc(0), many: [Buffer.alloc(0), Buffer.from('b')] });
  });

  test('keeps offsets beyond 2^53 exact', () => {
    const { records } = toLogRecords({ partition: 4, messages: [message({ offset: '9007199254740993', timestamp: '-1' })] });
    expect(records[0]).toEqual({ partition: 4, offset: 9007199254740993n, timestampMs: -1, key: null, value: null, headers: {} });
  });

  test('counts what the records hold in memory', () => {
    const small = toLogRecords({ partition: 0, messages: [message({})] }).bytes;
    const large = toLogRecords({
      partition: 0,
      messages: [message({ key: Buffer.alloc(10), value: Buffer.alloc(1000), headers: { a: 'b' } })],
    }).bytes;
    expect(large - small).toBeGreaterThan(1010);
    const headers = { name: 'b'.repeat(1_000), many: [Buffer.alloc(300_000), Buffer.alloc(600_000)] };
    const { bytes } = toLogRecords({ partition: 0, messages: [message({ headers })] });
    expect(bytes - small).toBeGreaterThan(901_000);
    expect(toLogRecords({ partition: 0, messages: [] })).toEqual({ records: [], bytes: 0 });
  });
});

describe('splitUnreadable()', () => {
  test('takes off the mark of a batch that cannot be read, and nothing else', () => {
    const unreadable = { offset: 4n, lastOffset: 9n, reason: 'its checksum is wrong' };
    const good = message({});
    expect(splitUnreadable([good])).toEqual({ messages: [good], unreadable: undefined });
    expect(splitUnreadable([])).toEqual({ messages: [], unreadable: undefined });
    expect(splitUnreadable([good, { ...message({}), unreadable }])).toEqual({ messages: [good], unreadable });
    expect(unreadableError({ topic: 't', partition: 3, ...unreadable })).toMatchObject({
      code: 'GBX_BATCH_UNREADABLE',
      message: 'Cannot read the batch of offsets 4 to 9 in partition 3 of the topic t as its checksum is wrong',
    });
  });
});
