// Contract (F20, F21): records as no producer of gbx's writes them (thousands of headers, one header many times, headers of
// gbx's own with nonsense in them) are loaded like others, and the consumer lives on. Codecs: tests/kafka/codecs.
import { expect, it } from 'vitest';
import { openPipeline, otherTraffic, recordOf } from '../support/pipeline.ts';

const HEADERS = 20_000;

it('F21 gbx consume loads a record with 20,000 headers, and those around it', async () => {
  await using pipeline = await openPipeline({ partitions: 1 });
  const traffic = otherTraffic();
  const many = Object.fromEntries(Array.from({ length: HEADERS }, (_, i) => [`h-${i}`, 'v']));
  const records = Array.from({ length: 30 }, (_, i) => recordOf(traffic.eventAt(i), 0));
  await pipeline.sendRecords(records.map((record, i) => (i === 10 ? { ...record, headers: many } : record)));
  const consumer = await pipeline.consumer();
  expect(await pipeline.expectExact()).toMatchObject({ rows: 30, letters: 0 });
  consumer.signal('SIGTERM');
  expect(await consumer.exit()).toEqual({ code: 0, signal: null });
}, 60_000);

it('F20 gbx consume trusts no header of its own that it did not write: repeated, absurd, or far ahead', async () => {
  await using pipeline = await openPipeline({ partitions: 1 });
  const traffic = otherTraffic();
  const headers: readonly Readonly<Record<string, string | string[]>>[] = [
    { 'gbx-retry-count': ['1', '2', '3'] },
    { 'gbx-retry-count': '-1' },
    { 'gbx-retry-count': '99999999999999999999' },
    { 'gbx-origin': 'nowhere' },
    { 'gbx-origin': ['a/0/1/2', 'b/0/1/2'] },
    { 'gbx-not-before': 'soon' },
    // Without an origin it is no copy of ours.
    { 'gbx-not-before': String(Date.now() + 86_400_000) },
  ];
  const records = headers.map((own, i) => ({ ...recordOf(traffic.eventAt(i), 0), headers: own }));
  await pipeline.sendRecords([...records, ...Array.from({ length: 20 }, (_, i) => recordOf(traffic.eventAt(100 + i), 0))]);
  await pipeline.consumer();
  expect(await pipeline.expectExact()).toMatchObject({ rows: headers.length + 20, letters: 0 });
}, 60_000);
