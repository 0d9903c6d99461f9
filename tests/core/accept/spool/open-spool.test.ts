// The spool as a whole over the model disk. What crashes do to it is the simulation's; here is what each part promises:
// spool/sender.ts, spool/scan.ts, spool/read-records.ts, spool/refused.ts and spool/segments.ts.
import { expect, test } from 'vitest';
import type { Disk } from '../../../../src/core/accept/spool/disk.ts';
import { encodeRecords, HEADER_BYTES } from '../../../../src/core/accept/spool/format.ts';
import { openSpool, type SpoolOptions } from '../../../../src/core/accept/spool/open-spool.ts';
import { readRecords } from '../../../../src/core/accept/spool/read-records.ts';
import { createSegments, newSegment, unsentRecords } from '../../../../src/core/accept/spool/segments.ts';
import { createSpoolAcceptor } from '../../../../src/core/accept/spool/spool-acceptor.ts';
import { GbxError } from '../../../../src/core/errors.ts';
import { collectingSend, record, type SpoolParts, spoolParts } from './spool-parts.ts';

function optionsOf(parts: SpoolParts, more: Partial<SpoolOptions> = {}): SpoolOptions {
  return { ...parts, send: collectingSend(), isUp: () => true, bytesMax: 1_000_000, stallMs: 2_000, retireBytes: 200, ...more };
}

test('sender: what is not acknowledged is sent again, and its segment stays until it is', async () => {
  const parts = spoolParts();
  const send = collectingSend();
  send.outcome = 'unknown';
  await using spool = await openSpool(optionsOf(parts, { send }));
  expect(await spool.push(record('one'), 5_000)).toEqual({ kind: 'acked' });
  for (let i = 0; i < 30; i++) await parts.clock.advance(100);
  expect(send.sent.length).toBeGreaterThan(2);
  expect(spool.left()).toMatchObject({ records: 1, sentRecords: 0 });
  send.outcome = 'acked';
  for (let i = 0; i < 100; i++) await parts.clock.advance(100);
  expect(spool.left()).toMatchObject({ records: 0, sentRecords: 1, bytes: 0 });
  expect([...parts.model.files().keys()]).toEqual([]);
});

test('refused: a record that Kafka refuses for itself is kept with its reason, and its neighbours go', async () => {
  const parts = spoolParts();
  const send = collectingSend();
  await using spool = await openSpool(optionsOf(parts, { send }));
  await Promise.all([record('one'), record('large', 'refused'), record('two')].map((one) => spool.push(one, 5_000)));
  for (let i = 0; i < 100; i++) await parts.clock.advance(100);
  const [[name, content] = ['', Buffer.alloc(0)]] = [...parts.model.files()];
  expect(name).toBe('refused/000000000001.ndjson');
  expect(JSON.parse(content.toString())).toEqual({
    accepted_at: '2023-11-14T22:13:20.000Z',
    reason: 'too large',
    key: 'refused',
    value: 'large',
  });
  expect(parts.metrics.values.get('gbx_spool_records_refused_total')).toBe(1);
});

test('sender: a segment that cannot be taken away holds nothing up, and goes as soon as the disk lets it', async () => {
  const parts = spoolParts();
  await leave(parts, ['bad', 'good']);
  parts.model.flipBit('000000000001.spool', 30);
  let failures = 0;
  const disk: Disk = {
    ...parts.disk,
    async syncFolder(folder) {
      if (folder === 'damaged' && ++failures <= 45) throw new GbxError('GBX_SPOOL_FAILED', 'the folder cannot be synced');
      await parts.disk.syncFolder(folder);
    },
  };
  const send = collectingSend();
  await using spool = await openSpool(optionsOf(parts, { send, disk }));
  await advance(parts, 5_000);
  expect(send.sent).toEqual(['good']);
  expect(spool.left()).toMatchObject({ records: 0, damagedFiles: 0 });
  await advance(parts, 200_000);
  expect([...parts.model.files().keys()]).toEqual(['damaged/000000000001.spool']);
  expect(spool.left()).toMatchObject({ bytes: 0, damagedFiles: 1 });
  expect(parts.log.events().filter((event) => event === 'spool.disk_failed')).toHaveLength(3);
});

test('sender: refused records that cannot be kept hold nothing up, are kept later, and nothing is sent twice for it', async () => {
  const parts = spoolParts();
  await leave(parts, ['one', 'two']);
  await parts.writer.append([record('three'), record('large', 'refused')]);
  parts.writer.seal();
  await leave(parts, ['four']);
  let isFull = true;
  const disk: Disk = {
    ...parts.disk,
    async openAppend(name) {
      if (isFull) throw new GbxError('GBX_SPOOL_FAILED', 'it is full');
      return parts.disk.openAppend(name);
    },
  };
  const send = collectingSend();
  await using spool = await openSpool(optionsOf(parts, { send, disk, chunkBytes: 10_000 }));
  await advance(parts, 60_000);
  expect(send.sent).toEqual(['one', 'two', 'three', 'large', 'four']);
  expect(spool.left()).toMatchObject({ records: 2, sentRecords: 3, refusedRecords: 0 });
  isFull = false;
  await advance(parts, 5_000);
  expect(spool.left()).toMatchObject({ records: 0, sentRecords: 4, refusedRecords: 1, bytes: 0 });
  expect(send.sent).toHaveLength(5);
  expect([...parts.model.files().keys()]).toEqual(['refused/000000000003.ndjson']);
});

test('scan: a segment that cannot be read waits behind the others, and is sent only once its header was read', async () => {
  const parts = spoolParts();
  const newer = await parts.disk.create('000000000001.spool');
  await newer.append(newerHeader(parts));
  await newer.append(encodeRecords([record('of a newer format')], parts.checksum));
  parts.segments.nextNumber = 2;
  await leave(parts, ['one', 'two']);
  let failures = 0;
  const disk: Disk = {
    ...parts.disk,
    async read(name, range) {
      if (name === '000000000002.spool' && ++failures <= 12) throw new GbxError('GBX_SPOOL_FAILED', 'it reports EIO');
      if (name === '000000000001.spool' && failures <= 12) throw new GbxError('GBX_SPOOL_FAILED', 'it reports EIO');
      return parts.disk.read(name, range);
    },
  };
  const send = collectingSend();
  await using spool = await openSpool(optionsOf(parts, { send, disk }));
  await advance(parts, 2_000);
  expect(send.sent).toEqual(['two']);
  expect(spool.left().records).toBeGreaterThanOrEqual(0);
  await advance(parts, 60_000);
  expect(send.sent).toEqual(['two', 'one']);
  expect(spool.left()).toEqual(expect.objectContaining({ records: 0, sentRecords: 2, newerFiles: 1 }));
});

test('segments: what is left is never less than nothing', () => {
  const list = [newSegment('a', { records: 0, sentRecords: 2 }), newSegment('b', { records: 3, sentRecords: 1 })];
  expect(unsentRecords({ ...createSegments(), list })).toBe(2);
});

test('read-records: a file found short is reported to where it was when it was read', async () => {
  const parts = spoolParts();
  await parts.writer.append([record('one')]);
  const [segment] = parts.segments.list;
  if (segment === undefined) throw new Error('no segment');
  const { bytes } = segment;
  const disk: Disk = {
    ...parts.disk,
    async read(name, { position }) {
      const found = await parts.disk.read(name, { position, length: bytes - position - 5 });
      segment.bytes += 100;
      return found;
    },
  };
  const read = await readRecords(segment, HEADER_BYTES, { ...parts, disk, chunkBytes: 10_000 });
  expect(read.next).toBe(bytes);
  expect(Math.max(...read.damaged.map(({ to }) => to))).toBe(bytes);
});

/** Each in a segment of its own. */
async function leave({ writer }: SpoolParts, values: readonly string[]): Promise<void> {
  for (const value of values) {
    await writer.append([record(value)]);
    writer.seal();
  }
}

/** In steps, as work takes its turns in between. */
async function advance({ clock }: SpoolParts, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) await clock.advance(100);
}

test('scan: what an earlier process left is counted and sent, a file of a newer gbx is left alone', async () => {
  const parts = spoolParts();
  for (let i = 0; i < 12; i++) await parts.writer.append([record(`r-${i}`)]);
  const newer = await parts.disk.create('000000000009.spool');
  await newer.append(newerHeader(parts));
  const send = collectingSend();
  await using spool = await openSpool(optionsOf(parts, { send, isUp: () => false }));
  await parts.clock.advance(500);
  expect(spool.left()).toMatchObject({ records: 12, newerFiles: 1 });
  spool.measure();
  expect(parts.metrics.values.get('gbx_spool_records')).toBe(12);
  expect(parts.metrics.values.get('gbx_spool_oldest_age_seconds')).toBeGreaterThan(1_000_000);
  expect(parts.log.events()).toContain('spool.file_newer');
});

function newerHeader({ checksum }: SpoolParts): Buffer {
  const header = Buffer.alloc(16);
  header.write('gbxspool');
  header.writeUInt32LE(2, 8);
  header.writeUInt32LE(checksum(header.subarray(0, 12)), 12);
  return header;
}

test('spool-acceptor: accepted means on the disk, and a full spool is unavailable for some seconds', async () => {
  const parts = spoolParts();
  const exposure = { exposureId: 'e', dsUserId: 'u', experimentId: 'x', variationId: '1', tsMicros: 0, attributes: '{}', source: 'api' };
  const timing = { clock: parts.clock, metrics: parts.metrics, timeoutMs: 5_000 };
  await using spool = await openSpool(optionsOf(parts, { isUp: () => false }));
  const acceptor = createSpoolAcceptor({ ...timing, spool });
  expect(await acceptor.accept(exposure)).toEqual({ kind: 'accepted' });
  expect([...parts.model.files().values()].some((content) => content.includes('"exposure_id":"e"'))).toBe(true);
  await using full = await openSpool(optionsOf(spoolParts(), { bytesMax: 1_000 }));
  const refused = await createSpoolAcceptor({ ...timing, spool: full }).acceptAll([exposure]);
  expect(refused).toMatchObject([{ kind: 'unavailable', retryAfterSeconds: 5 }]);
});

test('spool-acceptor: what a disk may have stored is unknown, not refused', async () => {
  const { clock, metrics } = spoolParts();
  const exposure = { exposureId: 'e', dsUserId: 'u', experimentId: 'x', variationId: '1', tsMicros: 0, attributes: '{}', source: 'api' };
  for (const [kind, outcome] of [
    ['unknown', { kind: 'outcome_unknown', reason: 'the disk' }],
    ['not-sent', { kind: 'unavailable', reason: 'the disk', retryAfterSeconds: 5 }],
  ] as const) {
    const spool = { push: async () => ({ kind, reason: 'the disk' }), close: async () => undefined };
    expect(await createSpoolAcceptor({ clock, metrics, timeoutMs: 5_000, spool }).accept(exposure)).toEqual(outcome);
  }
});

test('sender: what is stopped without an answer counts as left, not as sent', async () => {
  const parts = spoolParts();
  const spool = await openSpool(optionsOf(parts, { send: () => new Promise(() => undefined) }));
  expect(await spool.push(record('one'), 5_000)).toEqual({ kind: 'acked' });
  await advance(parts, 500);
  await spool[Symbol.asyncDispose]();
  expect(spool.left()).toMatchObject({ records: 1, sentRecords: 0 });
});
