// Contract: records of the producers before gbx (Python: no id, no headers, no key, `ts` or `timestamp`, a zone or none)
// load with their time; each has one id for ever, so that reading them again adds nothing. Taking over from another
// consumer goes on at its committed offsets: nothing twice, nothing left out.
import { describe, expect, it } from 'vitest';
import type { Expectation } from '../support/accounting.ts';
import { logged } from '../support/log-lines.ts';
import { openPipeline } from '../support/pipeline.ts';
import { commitOffsets, type NewRecord } from '../support/topic-log.ts';

const NOON_MICROS = Date.UTC(2026, 0, 15, 12) * 1000;
const RECORD_MS = Date.UTC(2026, 0, 15, 12, 30, 0, 7);

/** What Python's datetime and hand-written code make of noon UTC and some microseconds. */
const TIMES: readonly { readonly fields: object; readonly tsMicros: number }[] = [
  { fields: { timestamp: '2026-01-15T12:00:00.123456' }, tsMicros: NOON_MICROS + 123_456 },
  { fields: { timestamp: '2026-01-15T12:00:00' }, tsMicros: NOON_MICROS },
  { fields: { timestamp: '2026-01-15T12:00:00.123456+00:00' }, tsMicros: NOON_MICROS + 123_456 },
  { fields: { ts: '2026-01-15 12:00:00.123456' }, tsMicros: NOON_MICROS + 123_456 },
  { fields: { ts: '2026-01-15T12:00:00.120Z' }, tsMicros: NOON_MICROS + 120_000 },
  { fields: { ts: '2026-01-15T14:00:00+02:00' }, tsMicros: NOON_MICROS },
  { fields: { ts: null, timestamp: '2026-01-15T12:00:00Z' }, tsMicros: NOON_MICROS },
  { fields: {}, tsMicros: RECORD_MS * 1000 },
];

const CONTENTS = [
  { fields: { attributes: { country: 'DE', 'caf\u00e9': '\u2615' }, source: 'checkout' }, stored: { source: 'checkout' } },
  { fields: { attributes: { country: 'DE', 'caf\u00e9': '\u2615' } }, stored: { source: 'python_sdk' } },
] as const;

/** As json.dumps writes: spaces after `:` and `,`, and nothing but ASCII. */
function pythonJson(value: object): string {
  return JSON.stringify(value, null, 1)
    .replace(/\n\s*/gu, ' ')
    .replace(/[\u0080-\uffff]/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function formerRecords(): (NewRecord & { readonly expected: Expectation })[] {
  const records: (NewRecord & { readonly expected: Expectation })[] = [];
  for (const { fields: time, tsMicros } of TIMES) {
    for (const { fields, stored } of CONTENTS) {
      const dsUserId = `former-${records.length}`;
      const value = pythonJson({ ds_user_id: dsUserId, experiment_id: 'exp', variation_id: 1, ...fields, ...time });
      const attributes = JSON.stringify(fields.attributes);
      const row = { dsUserId, experimentId: 'exp', variationId: '1', tsMicros, attributes, ...stored };
      const partition = records.length % 3;
      records.push({ partition, key: null, value, timestampMs: RECORD_MS, expected: { kind: 'row', row } });
    }
  }
  return records;
}

describe.concurrent('gbx consume', () => {
  it('loads records without id, key and headers, and adds nothing when another group reads them again', async () => {
    const records = formerRecords();
    await using pipeline = await openPipeline();
    await pipeline.sendRecords(records);
    {
      await using first = await pipeline.consumer();
      expect(await pipeline.expectExact()).toMatchObject({ rows: records.length, letters: 0 });
      first.signal('SIGTERM');
      expect(await first.exit()).toMatchObject({ code: 0 });
    }
    // The same group in a new process: the ledger knows.
    await using again = await pipeline.consumer();
    await again.line('partitions.claimed');
    again.signal('SIGTERM');
    expect(await again.exit()).toMatchObject({ code: 0 });
    expect(logged(again, 'consume.stopped')).toMatchObject([{ recordsRead: 0 }]);

    await using other = await pipeline.consumer({ GBX_CONSUMER_GROUP: `${pipeline.group}-2` });
    await other.line(/batch\.loaded/u);
    other.signal('SIGTERM');
    expect(await other.exit()).toMatchObject({ code: 0 });
    expect(logged(other, 'consume.stopped')).toMatchObject([{ recordsRead: records.length, rowsInserted: 0 }]);
    expect(await pipeline.expectExact()).toMatchObject({ rows: records.length, letters: 0 });
  });

  it('takes over at the offsets that another consumer committed, and neither repeats nor skips', async () => {
    await using pipeline = await openPipeline({ partitions: 2 });
    const records = formerRecords().map((record, index) => ({ ...record, partition: index % 2 }));
    // Partition 0: three records are the former consumer's; partition 1: it never committed.
    let seen = 0;
    const done = records.map((record) =>
      record.partition === 0 && seen++ < 3 ? { ...record, expected: { kind: 'copy' } as const } : record,
    );
    await pipeline.sendRecords(done);
    await commitOffsets(pipeline, { group: pipeline.group, offsets: new Map([[0, 3n]]) });
    await using consumer = await pipeline.consumer();
    expect(await pipeline.expectExact()).toMatchObject({ rows: records.length - 3, letters: 0 });
    await pipeline.send(50);
    expect(await pipeline.expectExact()).toMatchObject({ rows: records.length - 3 + 50 });
    expect(logged(consumer, 'partitions.claimed')[0]).toMatchObject({
      partitions: [
        { partition: 0, from: '3' },
        { partition: 1, from: '0' },
      ],
    });
  });

  it('starts at the end where it is told so and neither ledger nor group knows better', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    await pipeline.sendRecords(formerRecords().map((record) => ({ ...record, partition: 0, expected: { kind: 'copy' } })));
    await using consumer = await pipeline.consumer({ GBX_START_FROM: 'latest' });
    await consumer.line('partitions.claimed');
    await pipeline.send(50);
    expect(await pipeline.expectExact()).toMatchObject({ rows: 50 });
  });
});
