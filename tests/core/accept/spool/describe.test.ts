import { expect, test } from 'vitest';
import { describeLeft, describeSent } from '../../../../src/core/accept/spool/describe.ts';
import type { SpoolLeft } from '../../../../src/core/accept/spool/open-spool.ts';

const NOTHING: SpoolLeft = { records: 0, sentRecords: 0, refusedRecords: 0, damagedFiles: 0, bytes: 0, asideBytes: 0, newerFiles: 0 };

test('describeSent() counts what Kafka refused and what could not be read apart, and calls no folder empty that holds them', () => {
  expect(describeSent({ ...NOTHING, sentRecords: 7 }, '/spool')).toBe('The spool in /spool is empty: 7 records are in Kafka.');
  const aside = describeSent({ ...NOTHING, sentRecords: 7, refusedRecords: 2, damagedFiles: 1, asideBytes: 900 }, '/spool');
  for (const words of ['nothing left to send: 7 records are in Kafka', 'refused 2 more', 'part of 1 files', '900 bytes']) {
    expect(aside).toContain(words);
  }
  expect(aside).not.toContain('empty');
  expect(describeSent({ ...NOTHING, asideBytes: 900 }, '/spool')).not.toContain('empty');
});

test('describeLeft() blames Kafka only for records, and never counts less than what is there', () => {
  expect(describeLeft({ ...NOTHING, records: 3, bytes: 90, newerFiles: 1 }, '/spool')).toBe(
    '3 records (90 bytes) are left in the spool in /spool, and 1 files of a newer gbx: Kafka did not take them in time',
  );
  expect(describeLeft({ ...NOTHING, newerFiles: 1 }, '/spool')).toBe('1 files of a newer gbx are left in the spool in /spool');
  expect(describeLeft({ ...NOTHING, bytes: 90 }, '/spool')).not.toContain('Kafka');
});
