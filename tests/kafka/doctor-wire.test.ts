import { describe, expect, test } from 'vitest';
import {
  API,
  decodeApiVersions,
  decodeCoordinator,
  decodeGroupRights,
  decodeMetadata,
  encodeCoordinator,
  encodeGroupRights,
  encodeMetadata,
  encodeRequest,
} from '../../src/kafka/doctor-wire.ts';

const int = (bytes: 1 | 2 | 4, value: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeIntBE(value, 0, bytes);
  return buffer;
};
const text = (value: string): Buffer => Buffer.concat([int(2, Buffer.byteLength(value)), Buffer.from(value)]);
const list = (...items: readonly Buffer[]): Buffer => Buffer.concat([int(4, items.length), ...items]);

/** As kafka.apache.org/protocol has version 8 of Metadata's answer. */
function metadata8(rights: number): Buffer {
  const partition = Buffer.concat([int(2, 0), int(4, 0), int(4, 1), int(4, 7), list(int(4, 1), int(4, 2)), list(int(4, 1)), list()]);
  const topic = Buffer.concat([int(2, 0), text('t'), int(1, 0), list(partition), int(4, rights)]);
  const broker = Buffer.concat([int(4, 1), text('kafka-1'), int(4, 9092), int(2, -1)]);
  return Buffer.concat([int(4, 0), list(broker), text('cluster'), int(4, 1), list(topic), int(4, 0)]);
}

describe('decodeMetadata()', () => {
  test('refuses an answer that is cut short or none of Kafka', () => {
    expect(() => decodeMetadata(metadata8(0).subarray(0, 30), 8)).toThrow(RangeError);
    expect(() => decodeMetadata(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 8)).toThrow(RangeError);
  });

  test('reads brokers, partitions and rights of version 8', () => {
    const rights = (1 << 3) | (1 << 8);
    expect(decodeMetadata(metadata8(rights), 8)).toEqual({
      clusterId: 'cluster',
      brokers: [{ id: 1, host: 'kafka-1', port: 9092 }],
      topics: [{ error: 0, topic: 't', partitions: [{ partition: 0, leader: 1, replicas: 2, inSync: 1 }], rights: ['Read', 'Describe'] }],
    });
  });

  test('knows no rights where the broker tells none', () => {
    expect(decodeMetadata(metadata8(-2147483648), 8).topics[0]?.rights).toBeUndefined();
  });

  test('reads version 5, which has neither epochs nor rights', () => {
    const partition = Buffer.concat([int(2, 0), int(4, 0), int(4, 1), list(int(4, 1)), list(int(4, 1)), list()]);
    const topic = Buffer.concat([int(2, 0), text('t'), int(1, 0), list(partition)]);
    const answer = Buffer.concat([int(4, 0), list(), text('c'), int(4, 1), list(topic)]);
    expect(decodeMetadata(answer, 5).topics).toEqual([
      { error: 0, topic: 't', partitions: [{ partition: 0, leader: 1, replicas: 1, inSync: 1 }], rights: undefined },
    ]);
  });
});

test('decodeApiVersions() finds the newest version of a question, and refuses a broker that tells none', () => {
  const api = (key: number, max: number): Buffer => Buffer.concat([int(2, key), int(2, 0), int(2, max)]);
  expect(decodeApiVersions(Buffer.concat([int(2, 0), list(api(1, 17), api(3, 12))]), API.metadata)).toBe(12);
  expect(() => decodeApiVersions(Buffer.concat([int(2, 35), list()]), API.metadata)).toThrow('error 35');
});

test('encodeRequest() puts length, header and body one after the other', () => {
  const bytes = encodeRequest({ api: 3, version: 8, correlation: 7, clientId: 'me' }, encodeMetadata(['t'], 8));
  expect(bytes.toString('hex')).toBe('0000001600030008000000070002' + '6d65' + '00000001' + '000174' + '000001');
});

test('decodeCoordinator() reads version 1 of FindCoordinator, and names nobody where the broker refuses', () => {
  const answer = (error: number) => Buffer.concat([int(4, 0), int(2, error), int(2, -1), int(4, 1), text('kafka-1'), int(4, 9092)]);
  expect(decodeCoordinator(answer(0))).toEqual({ host: 'kafka-1', port: 9092 });
  expect(decodeCoordinator(answer(30))).toBeUndefined();
});

test('decodeGroupRights() reads version 3 of DescribeGroups, past the members', () => {
  const bytes = Buffer.concat([int(4, 3), Buffer.from('abc')]);
  const member = Buffer.concat([text('m'), text('client'), text('/10.0.0.1'), bytes, bytes]);
  const answer = (rights: number) => {
    const group = Buffer.concat([
      int(2, 0),
      text('g'),
      text('Stable'),
      text('consumer'),
      text('range'),
      list(member, member),
      int(4, rights),
    ]);
    return Buffer.concat([int(4, 0), list(group)]);
  };
  expect(decodeGroupRights(answer((1 << 3) | (1 << 8)))).toEqual(['Read', 'Describe']);
  expect(decodeGroupRights(answer(-2147483648))).toBeUndefined();
  expect(decodeGroupRights(Buffer.concat([int(4, 0), list()]))).toBeUndefined();
});

test('encodeCoordinator() and encodeGroupRights() ask about one group, with its rights', () => {
  expect(encodeCoordinator('g').toString('hex')).toBe('000167' + '00');
  expect(encodeGroupRights('g').toString('hex')).toBe('00000001' + '000167' + '01');
});
