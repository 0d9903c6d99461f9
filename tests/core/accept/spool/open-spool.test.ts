// The spool as a whole over the model disk. What crashes do to it is the simulation's; here is what each part promises:
// spool/sender.ts, spool/scan.ts, spool/read-records.ts, spool/refused.ts and spool/segments.ts.
import { expect, test } from 'vitest';
import { openSpool, type SpoolOptions } from '../../../../src/core/accept/spool/open-spool.ts';
import { createSpoolAcceptor } from '../../../../src/core/accept/spool/spool-acceptor.ts';
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
