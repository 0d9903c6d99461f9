import { describe, expect, it } from 'vitest';
import type { LogRecord } from '../../../src/core/exposure/exposure.ts';
import { isSameRecord, markRecord } from '../../../src/core/load/last-record.ts';

const RECORD: LogRecord = {
  partition: 0,
  offset: 3n,
  timestampMs: 1_768_000_000_000,
  key: Buffer.from('u1'),
  value: Buffer.from('{}'),
  headers: {},
};

describe('isSameRecord()', () => {
  it.each<[string, Partial<LogRecord>]>([
    ['time', { timestampMs: 1_768_000_000_001 }],
    ['key', { key: Buffer.from('u2') }],
    ['value', { value: Buffer.from('{ }') }],
    ['lack of a value', { value: null }],
    ['split between key and value', { key: Buffer.from('u1{'), value: Buffer.from('}') }],
  ])('is false for another %s', (_, other) => {
    expect(isSameRecord({ ...RECORD, ...other }, markRecord(RECORD))).toBe(false);
  });

  it('is true for the record itself, read again', () => {
    expect(isSameRecord({ ...RECORD, value: Buffer.from('{}') }, markRecord(RECORD))).toBe(true);
  });
});
