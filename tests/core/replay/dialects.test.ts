import { describe, expect, test } from 'vitest';
import type { LogRecord, RecordHeaders } from '../../../src/core/exposure/exposure.ts';
import { isForeignFailureHeader, placeOfOrigin, readFailure } from '../../../src/core/replay/dialects.ts';

const AT_MS = Date.UTC(2026, 0, 15);

function failure(headers: RecordHeaders): ReturnType<typeof readFailure> {
  const record: LogRecord = { partition: 3, offset: 9n, timestampMs: AT_MS, key: null, value: null, headers };
  return readFailure(record);
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function long(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

describe('readFailure()', () => {
  test('finds no origin in headers that name none which could be', () => {
    for (const headers of [
      {},
      { 'gbx-origin': 'nonsense' },
      { '__connect.errors.topic': 'a/b', '__connect.errors.partition': '0', '__connect.errors.offset': '1' },
      { '__streams.errors.topic': 't', '__streams.errors.partition': '-1', '__streams.errors.offset': '1' },
      { 'kafka_dlt-original-topic': 't', 'kafka_dlt-original-partition': '0', 'kafka_dlt-original-offset': Buffer.alloc(9) },
    ])
      expect(failure(headers).origin).toBeUndefined();
  });

  test('reads those of gbx', () => {
    const headers = {
      'gbx-origin': 't/1/2/3',
      'gbx-error-code': 'GBX_EMPTY',
      'gbx-error-message': 'why',
      'gbx-error-stage': 'decode',
      'gbx-last-failed-at': '77',
    };
    expect(failure(headers)).toEqual({
      ...{ dialect: 'gbx', code: 'GBX_EMPTY', message: 'why', stage: 'decode', failedAtMs: 77 },
      origin: { topic: 't', partition: 1, offset: 2n, timestampMs: 3 },
    });
  });

  test('reads those of Kafka Connect: numbers are text, the time is the record’s own', () => {
    const headers = {
      '__connect.errors.topic': Buffer.from('t'),
      '__connect.errors.partition': Buffer.from('12'),
      // Four bytes: no number of Spring's.
      '__connect.errors.offset': Buffer.from('1234'),
      '__connect.errors.exception.class.name': 'org.apache.kafka.connect.errors.DataException',
      '__connect.errors.exception.message': 'bad',
      '__connect.errors.stage': 'VALUE_CONVERTER',
    };
    expect(failure(headers)).toMatchObject({
      ...{ dialect: 'connect', code: 'DataException', message: 'bad', stage: 'value_converter' },
      origin: { topic: 't', partition: 12, offset: 1234n, timestampMs: AT_MS },
    });
  });

  test('reads those of Kafka Streams', () => {
    const headers = {
      '__streams.errors.topic': 't',
      '__streams.errors.partition': '0',
      '__streams.errors.offset': '5',
      '__streams.errors.exception': 'a.b.C',
    };
    expect(failure(headers)).toMatchObject({ dialect: 'streams', code: 'C', origin: { offset: 5n } });
  });

  test('reads those of Spring: numbers are bytes; of repeated headers the first place and the last error', () => {
    const headers = {
      'kafka_dlt-original-topic': [Buffer.from('t'), Buffer.from('t-retry-0')],
      'kafka_dlt-original-partition': [int(2), int(0)],
      'kafka_dlt-original-offset': [long(70_000_000_000n), long(1n)],
      'kafka_dlt-original-timestamp': long(BigInt(AT_MS - 5)),
      'kafka_dlt-exception-fqcn': ['x.ListenerExecutionFailedException', 'x.ListenerExecutionFailedException'],
      'kafka_dlt-exception-cause-fqcn': ['java.lang.First', 'java.lang.Second'],
    };
    expect(failure(headers)).toMatchObject({
      ...{ dialect: 'spring', code: 'Second' },
      origin: { topic: 't', partition: 2, offset: 70_000_000_000n, timestampMs: AT_MS - 5 },
    });
    // Without leading zeros, as its retry topics write the time.
    const short = {
      kafka_x: '',
      'kafka_original-topic': 't',
      'kafka_original-partition': int(0),
      'kafka_original-offset': long(1n),
      'retry_topic-original-timestamp': Buffer.from([1, 0]),
    };
    expect(failure(short)).toMatchObject({ origin: { timestampMs: 256 } });
  });
});

test('isForeignFailureHeader() takes what others say of a failure, and nothing of gbx or of the user', () => {
  expect(['kafka_dlt-exception-stacktrace', '__connect.errors.topic', 'retry_topic-attempts'].map(isForeignFailureHeader)).toEqual([
    true,
    true,
    true,
  ]);
  expect(['gbx-origin', 'traceparent', 'kafka_x'].map(isForeignFailureHeader)).toEqual([false, false, false]);
});

test('placeOfOrigin() is the same for every time of a place', () => {
  expect([1, -1, 1_700_000_000_000].map((timestampMs) => placeOfOrigin({ topic: 't', partition: 1, offset: 2n, timestampMs }))).toEqual([
    't/1/2',
    't/1/2',
    't/1/2',
  ]);
});
