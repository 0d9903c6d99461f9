// What the tests of retries share: a bench with small, quick batches, copies as gbx makes them, a topic that is read again.
import type { LogRecord, RecordHeaders } from '../../../src/core/exposure/exposure.ts';
import type { LoadOptions } from '../../../src/core/load/loop.ts';
import { type Bench, exposureRecord, recordsEvent, setUp } from './fakes.ts';

export const POLICY = { rowsDue: 2, ageDueMs: 500, rowsMax: 100, bytesMax: 10_000_000 };

export function quickBench(over: Partial<LoadOptions> = {}): Bench {
  const made = setUp();
  return { ...made, options: { ...made.options, policy: POLICY, ...over } };
}

/** A copy of the record at the offset `origin`, as it stands at `offset`. */
export function copyAt(offset: number, origin: number, headers: RecordHeaders = {}): LogRecord {
  const record = exposureRecord(origin);
  return { ...record, offset: BigInt(offset), headers: { 'gbx-origin': `exposures/0/${origin}/${record.timestampMs}`, ...headers } };
}

export function notBefore({ clock }: Bench, aheadMs: number): RecordHeaders {
  return { 'gbx-not-before': String(clock.now() + aheadMs) };
}

/** Good records at these offsets, `to` exclusive. */
export function span(from: number, to: number): LogRecord[] {
  return Array.from({ length: to - from }, (_, index) => exposureRecord(from + index));
}

/** A constraint of the table: everything but these. */
export function bad(...ids: readonly string[]): (row: { readonly exposureId: string }) => boolean {
  return ({ exposureId }) => ids.includes(exposureId);
}

/** Reads the records again as soon as they are sought. */
export function serveAgain({ source }: Bench, records: readonly LogRecord[]): void {
  const seek = source.seek.bind(source);
  source.seek = (positions) => {
    seek(positions);
    const from = positions.get(0) ?? 0n;
    const rest = records.filter((record) => record.offset >= from);
    if (rest.length > 0) source.give(recordsEvent(rest, { fetchOffset: from }));
  };
}
