import { describe, expect, it } from 'vitest';
import { decodeRecord } from '../../../src/core/exposure/decode.ts';
import type { LogRecord } from '../../../src/core/exposure/exposure.ts';
import { type DryRunDeps, planLoad } from '../../../src/core/load/dry-run.ts';
import { dryRunDocument, formatDryRun } from '../../../src/core/load/dry-run-report.ts';
import type { LedgerRow, PartitionOffsets } from '../../../src/core/load/ports.ts';
import { AT_MS, exposureRecord } from './fakes.ts';
import { copyAt, span } from './retry-fakes.ts';

const SCOPE = { clusterId: 'c', group: 'g', topic: 'exposures' };

interface Given {
  readonly records?: readonly LogRecord[];
  readonly offsets?: Partial<PartitionOffsets>;
  readonly ledger?: bigint;
  readonly idsMax?: number;
  readonly startFrom?: 'earliest' | 'latest';
}

function plan({ records = [], offsets = {}, ledger, idsMax, startFrom = 'earliest' }: Given): ReturnType<typeof planLoad> {
  const row: LedgerRow = { partition: 0, nextOffset: ledger ?? 0n, epoch: 1, owner: 'o', host: 'h', lastRecord: undefined };
  const deps: DryRunDeps = {
    warehouse: { readLedger: async () => (ledger === undefined ? [] : [row]) },
    offsets: async () => [{ partition: 0, start: 0n, end: BigInt(records.length), committed: undefined, ...offsets }],
    async *read({ from, to }) {
      yield { records: records.filter(({ offset }) => offset >= from && offset < to) };
    },
    decode: (record) => decodeRecord(record, SCOPE),
    now: () => AT_MS,
  };
  const options = { scope: SCOPE, startFrom, signal: new AbortController().signal };
  return planLoad(deps, idsMax === undefined ? options : { ...options, idsMax });
}

describe('planLoad()', () => {
  it.each<[string, Given, object]>([
    ['the ledger', { ledger: 3n, offsets: { committed: 2n } }, { startsBy: 'ledger', from: 3, records: 2, expired: 0 }],
    ['the group where the ledger knows nothing', { offsets: { committed: 2n } }, { startsBy: 'committed', from: 2, records: 3 }],
    ['the start of the log', {}, { startsBy: 'earliest', from: 0, records: 5 }],
    ['the end where it is told to', { startFrom: 'latest' }, { startsBy: 'latest', from: 5, records: 0 }],
    ['the start of the log where records expired', { ledger: 1n, offsets: { start: 4n } }, { from: 1, expired: 3, records: 1 }],
  ])('starts by %s', async (_, given, expected) => {
    const { partitions } = await plan({ records: span(0, 5), ...given });
    expect(partitions).toMatchObject([{ to: 5, ...expected }]);
  });

  it('counts rows, copies, what is not due, and dead letters by their reason', async () => {
    const reused = { ...exposureRecord(4), value: Buffer.from(String(exposureRecord(0).value).replace('"u"', '"v"')) };
    const records = [
      exposureRecord(0),
      copyAt(1, 0, { 'gbx-not-before': String(AT_MS + 1_000) }),
      { ...exposureRecord(2), value: Buffer.from('{') },
      { ...exposureRecord(3), value: Buffer.from('{}') },
      reused,
    ];
    const { partitions, duplicatesAreExact, isComplete } = await plan({ records });
    const deadLetters = { GBX_NOT_JSON: 1, GBX_INVALID_FIELD: 1, GBX_ID_REUSED: 1 };
    expect(partitions).toMatchObject([{ records: 5, rows: 1, duplicates: 1, notDue: 1, deadLetters }]);
    expect([duplicatesAreExact, isComplete]).toEqual([true, true]);
  });

  it('says where there are more ids than it remembers', async () => {
    const records = [...span(0, 3), { ...exposureRecord(3), value: exposureRecord(2).value }];
    const found = await plan({ records, idsMax: 2 });
    expect(found).toMatchObject({ duplicatesAreExact: false, partitions: [{ rows: 4, duplicates: 0 }] });
    expect(formatDryRun(found, SCOPE)).toContain('some copies count as rows');
  });
});

describe('dryRunDocument() and formatDryRun()', () => {
  it('add the partitions up', async () => {
    const found = await plan({ records: [...span(0, 2), { ...exposureRecord(2), value: null }] });
    const total = { records: 3, rows: 2, duplicates: 0, notDue: 0, expired: 0, deadLetters: { GBX_EMPTY: 1 } };
    expect(dryRunDocument(found, SCOPE)).toMatchObject({
      schema: 'gbx.consume-dry-run/1',
      group: 'g',
      cluster: 'c',
      total,
      isComplete: true,
    });
    const text = formatDryRun(found, SCOPE);
    expect(text).toMatch(/^ +all +3 +2 +0 +1 +0 +0$/mu);
    expect(text).toContain('dead letters, GBX_EMPTY: 1');
  });
});
