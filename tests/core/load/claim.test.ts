import { describe, expect, it } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import { type ClaimResult, claimPartitions } from '../../../src/core/load/claim.ts';
import { markRecord } from '../../../src/core/load/last-record.ts';
import type { LedgerRow } from '../../../src/core/load/ports.ts';
import { type Bench, exposureRecord, setUp } from './fakes.ts';

const ROW: LedgerRow = { partition: 0, nextOffset: 10n, epoch: 4, owner: 'before', host: 'h', lastRecord: markRecord(exposureRecord(9)) };

/** Claims partition 0 while time runs. */
async function claim({ deps, options, clock }: Bench, startFrom: 'earliest' | 'latest' = 'earliest'): Promise<ClaimResult | Error> {
  let result: ClaimResult | Error | undefined;
  claimPartitions({ ...deps, expiredTold: new Set() }, [0], { ...options, startFrom, signal: new AbortController().signal }).then(
    (done) => (result = done),
    (error: Error) => (result = error),
  );
  for (let i = 0; i < 200 && result === undefined; i++) await clock.advance(500);
  return result ?? new Error('did not end');
}

describe('claimPartitions()', () => {
  it('stops where somebody else has committed beyond the ledger', async () => {
    const bench = setUp();
    bench.warehouse.ledger.set(0, ROW);
    bench.source.known = [{ partition: 0, start: 0n, end: 50n, committed: 12n }];
    expect(await claim(bench)).toMatchObject({ code: 'GBX_COMMITTED_AHEAD', exitCode: 78 });
  });

  it('takes a log that ends before the ledger for another topic, after a minute', async () => {
    const bench = setUp();
    bench.warehouse.ledger.set(0, ROW);
    bench.source.known = [{ partition: 0, start: 0n, end: 9n, committed: undefined }];
    expect(await claim(bench)).toMatchObject({ code: 'GBX_TOPIC_CHANGED', exitCode: 78 });
    expect(bench.clock.elapsed()).toBeGreaterThanOrEqual(60_000);
  });

  it('counts the minute anew after another failure: offsets were not seen meanwhile', async () => {
    const bench = setUp();
    bench.warehouse.ledger.set(0, ROW);
    bench.source.known = [{ partition: 0, start: 0n, end: 9n, committed: undefined }];
    const offsets = bench.source.offsets.bind(bench.source);
    bench.source.offsets = async (partitions) => {
      const at = bench.clock.elapsed();
      if (at > 5_000 && at < 65_000) throw new GbxError('GBX_KAFKA_UNREACHABLE', 'away');
      if (at > 80_000) bench.source.known = [{ partition: 0, start: 0n, end: 10n, committed: undefined }];
      return offsets(partitions);
    };
    bench.deps.circuit.succeeded('claim');
    expect(await claim(bench)).toMatchObject({ kind: 'claimed' });
  });

  it('goes on when the log grows to the ledger within the minute', async () => {
    const bench = setUp();
    bench.warehouse.ledger.set(0, ROW);
    bench.source.known = [{ partition: 0, start: 0n, end: 9n, committed: undefined }];
    const claimed = claim(bench);
    await bench.clock.advance(5_000);
    bench.source.known = [{ partition: 0, start: 0n, end: 10n, committed: undefined }];
    expect(await claimed).toMatchObject({ kind: 'claimed' });
  });

  it('explains a group that was reset to before the ledger, and follows the ledger', async () => {
    const bench = setUp();
    bench.warehouse.ledger.set(0, ROW);
    bench.source.known = [{ partition: 0, start: 0n, end: 50n, committed: 3n }];
    expect(await claim(bench)).toMatchObject({ kind: 'claimed', held: [{ ledgerOffset: 10n }] });
    expect(bench.log.events()).toContain('group.behind_ledger');
  });

  it('counts records that expired before they were loaded, at error, and goes on at the start of the log', async () => {
    const bench = setUp();
    bench.warehouse.ledger.set(0, ROW);
    bench.source.known = [{ partition: 0, start: 17n, end: 50n, committed: undefined }];
    expect(await claim(bench)).toMatchObject({ kind: 'claimed', held: [{ ledgerOffset: 10n, expectedOffset: 17n }] });
    expect(bench.metrics.values.get('gbx_records_expired_total')).toBe(7);
    expect(bench.log.lines.find(({ event }) => event === 'records.expired')?.level).toBe('error');
  });

  it('reads the last loaded record once more, where it still exists', async () => {
    const bench = setUp();
    bench.warehouse.ledger.set(0, ROW);
    bench.source.known = [{ partition: 0, start: 9n, end: 50n, committed: undefined }];
    await claim(bench);
    expect(bench.source.sought).toEqual([new Map([[0, 9n]])]);
  });

  it('starts a new partition where the group has committed, so that a cut-over neither repeats nor skips', async () => {
    const bench = setUp();
    bench.source.known = [{ partition: 0, start: 2n, end: 50n, committed: 31n }];
    expect(await claim(bench, 'latest')).toMatchObject({ held: [{ ledgerOffset: 31n, expectedOffset: 31n, epoch: 1 }] });
  });

  it.each([
    ['earliest', 2n],
    ['latest', 50n],
  ] as const)('starts a partition that nobody knows at the %s offset when told so', async (startFrom, offset) => {
    const bench = setUp();
    bench.source.known = [{ partition: 0, start: 2n, end: 50n, committed: undefined }];
    expect(await claim(bench, startFrom)).toMatchObject({ held: [{ ledgerOffset: offset }] });
  });

  it('speaks to the warehouse even when it stands by without partitions', async () => {
    const { deps, options } = setUp();
    const readLedger = () => Promise.reject(new GbxError('GBX_WAREHOUSE_AUTH', 'wrong password'));
    const claimed = claimPartitions({ ...deps, expiredTold: new Set(), warehouse: { ...deps.warehouse, readLedger } }, [], {
      ...options,
      signal: new AbortController().signal,
    });
    await expect(claimed).rejects.toThrow('wrong password');
  });

  it('gives way to a join that comes while it waits for the warehouse', async () => {
    const bench = setUp();
    bench.source.known = [{ partition: 0, start: 0n, end: 5n, committed: undefined }];
    bench.warehouse.ledger.set(0, ROW);
    bench.source.give({ kind: 'joined', partitions: [1, 2] });
    expect(await claim(bench)).toEqual({ kind: 'rejoined', partitions: [1, 2] });
  });
});
