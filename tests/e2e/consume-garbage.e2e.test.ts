// Contract: what is no exposure costs itself only. Its bytes and key go to the dead letters with where it stood and why;
// the records around it are loaded.
import { expect, it } from 'vitest';
import type { Expectation } from '../support/accounting.ts';
import { openPipeline, otherTraffic, recordOf } from '../support/pipeline.ts';
import type { NewRecord } from '../support/topic-log.ts';

type Garbage = Pick<NewRecord, 'key' | 'value'> & { readonly code: string };

const MEGABYTE = 1_048_576;
const GOOD = { ds_user_id: 'u', experiment_id: 'e', variation_id: '1', timestamp: '2026-01-15T12:00:00Z' };

/** An exposure that is right but for this. */
function but(wrong: object): string {
  return JSON.stringify({ ...GOOD, ...wrong });
}

function nested(depth: number): string {
  return `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
}

function garbage(): Garbage[] {
  const of = (code: string, values: readonly (Buffer | string | null)[]): Garbage[] =>
    values.map((value, index) => ({ code, value, key: index % 2 === 0 ? 'user' : null }));
  return [
    ...of('GBX_NOT_JSON', ['not json', '{"ds_user_id":', `${but({})}{}`, '\0', 'x'.repeat(1_000_000), `\ufeff${but({})}`]),
    ...of('GBX_NOT_JSON', [Buffer.from(but({ ds_user_id: 'caf\u00e9' }), 'latin1'), Buffer.from([0xc3, 0x28, 0xff])]),
    ...of('GBX_EMPTY', ['', null]),
    ...of('GBX_NOT_AN_OBJECT', ['[]', '42', '"text"', 'null', 'true', `${'['.repeat(100_000)}${']'.repeat(100_000)}`]),
    ...of('GBX_TOO_DEEP', [
      but({}).replace('}', `,"attributes":${nested(100_000)}}`),
      but({}).replace('}', `,"attributes":${nested(21)}}`),
    ]),
    ...of('GBX_INVALID_FIELD', ['{}', but({ ds_user_id: undefined }), but({ ds_user_id: {} }), but({ experiment_id: [] })]),
    ...of('GBX_INVALID_FIELD', [but({ variation_id: true }), but({ ds_user_id: '' }), but({ ds_user_id: 'x'.repeat(129) })]),
    ...of('GBX_INVALID_FIELD', [but({ ds_user_id: 'a\0b' }), but({ ds_user_id: '\ud800' }), but({ attributes: { a: '\0' } })]),
    ...of('GBX_INVALID_FIELD', [but({ attributes: [] }), but({ attributes: { a: 'x'.repeat(65_536) } }), but({ source: 's'.repeat(33) })]),
    ...of('GBX_INVALID_FIELD', [but({ timestamp: 'yesterday' }), but({ timestamp: '2026-02-30T00:00:00Z' }), but({ timestamp: 1 })]),
    ...of('GBX_INVALID_FIELD', [but({ timestamp: '1999-12-31T23:59:59Z' }), but({ timestamp: '2200-01-01T00:00:00Z' })]),
    ...of('GBX_INVALID_FIELD', [but({}).replace('"u"', '9007199254740993'), but({ attributes: { a: 'x'.repeat(1_000_000) } })]),
    // As large as the broker takes: the dead letter is larger by its headers.
    { code: 'GBX_NOT_JSON', key: Buffer.from([0, 255]), value: Buffer.alloc(MEGABYTE - 100, 'y') },
  ];
}

it('gbx consume sends exactly what is no exposure to the dead letters, as it was, and loads its neighbours', async () => {
  await using pipeline = await openPipeline({ partitions: 2 });
  const traffic = otherTraffic();
  const bad = garbage();
  const records = bad.flatMap(({ code, ...record }, index): (NewRecord & { expected: Expectation })[] => {
    const partition = index % 2;
    return [recordOf(traffic.eventAt(index), partition), { ...record, partition, expected: { kind: 'letter', code } }];
  });
  await pipeline.sendRecords(records);
  await using consumer = await pipeline.consumer();
  await pipeline.send(20);
  expect(await pipeline.expectExact()).toMatchObject({ rows: bad.length + 20, letters: bad.length });
  consumer.signal('SIGTERM');
  expect(await consumer.exit()).toEqual({ code: 0, signal: null });
});

it('gbx consume dead-letters an id that comes again for another user, and keeps the first', async () => {
  await using pipeline = await openPipeline({ partitions: 1 });
  await using consumer = await pipeline.consumer();
  const traffic = otherTraffic();
  const first = traffic.eventAt(0);
  const second = { ...traffic.eventAt(1), exposure_id: first.exposure_id, ds_user_id: 'somebody else', timestamp: first.timestamp };
  await pipeline.sendRecords([recordOf(first, 0)]);
  await pipeline.untilLoaded();
  await pipeline.sendRecords([
    { ...recordOf(second, 0), expected: { kind: 'letter', code: 'GBX_ID_REUSED' } },
    recordOf(traffic.eventAt(2), 0),
  ]);
  expect(await pipeline.expectExact()).toMatchObject({ rows: 2, letters: 1 });
  expect(consumer.stderr()).not.toContain('circuit.opened');
});
