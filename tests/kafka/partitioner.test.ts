import fc from 'fast-check';
import { Partitioners } from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { murmur2, partitionOfKey } from '../../src/kafka/partitioner.ts';

describe('murmur2()', () => {
  // Source: org.apache.kafka.common.utils.UtilsTest.testMurmur2.
  test.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('hashes %j as Kafka’s own test expects', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });
});

describe('partitionOfKey()', () => {
  test('takes the sign away instead of the absolute value', () => {
    expect(partitionOfKey('21', 1000)).toBe((-973932308 & 0x7fffffff) % 1000);
  });

  test('agrees with kafkajs, which agrees with the Java client, for any key and number of partitions', () => {
    const theirs = Partitioners.DefaultPartitioner();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 200 }), (bytes, count) => {
        const key = Buffer.from(bytes);
        const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({
          partitionErrorCode: 0,
          partitionId,
          leader: 1,
          replicas: [],
          isr: [],
        }));
        expect(partitionOfKey(key, count)).toBe(theirs({ topic: 't', partitionMetadata, message: { key, value: null } }));
      }),
    );
  });

  test('reads a string as UTF-8', () => {
    expect(partitionOfKey('ü€😀', 997)).toBe(partitionOfKey(Buffer.from('c3bce282acf09f9880', 'hex'), 997));
  });
});
