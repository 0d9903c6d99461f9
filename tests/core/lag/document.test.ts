// The forms of a report all say the same: the JSON document by docs/lag.schema.json, and src/core/lag/format-lines.ts,
// src/core/lag/format-table.ts, src/core/lag/explain.ts, src/core/lag/choose.ts and src/core/lag/format-duration.ts.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { GbxError } from '../../../src/core/errors.ts';
import { assessLag } from '../../../src/core/lag/assess.ts';
import { choosePartitions } from '../../../src/core/lag/choose.ts';
import { toDocument } from '../../../src/core/lag/document.ts';
import { explainPartition, explanationDocument, formatExplanation } from '../../../src/core/lag/explain.ts';
import { formatAge, formatDuration } from '../../../src/core/lag/format-duration.ts';
import { formatCsv, formatPollLine, formatPrometheus } from '../../../src/core/lag/format-lines.ts';
import { formatTable } from '../../../src/core/lag/format-table.ts';
import type { LagSample } from '../../../src/core/lag/sample.ts';
import { history, lagSample, MEMBER, OPTIONS, START_MS } from './samples.ts';

const SCHEMA = z.fromJSONSchema(JSON.parse(readFileSync(new URL('../../../docs/lag.schema.json', import.meta.url), 'utf8')));

const freshness = { newestTsMs: START_MS - 12_000, loadDelayMs: { p50: 1_200, p95: 3_400, rows: 500 } };
const growing = Array.from({ length: 12 }, (_, second) =>
  lagSample(
    [
      {
        position: BigInt(1_000 + 12 * second),
        end: BigInt(5_000 + 66 * second),
        by: 'ledger',
        loaded: BigInt(1_000 + 12 * second),
        committed: 999n,
        timeLag: { minMs: 248_000, maxMs: 250_000 },
      },
      { position: 700n, end: 700n, committed: 700n, timeLag: { minMs: 0, maxMs: 0 }, member: { ...MEMBER, clientId: 'say "hi", all' } },
      { start: undefined, end: undefined, error: 'LEADER_NOT_AVAILABLE', member: undefined },
      { start: 50n, position: 20n },
    ],
    {
      second,
      warehouse: { kind: 'read', freshness },
      deadLetters: { topic: 't.dlq', records: 42, newestAgeMs: 180_000 },
      retries: { topic: 't.retry', records: 3, newestAgeMs: undefined },
    },
  ),
);
const failed = lagSample([{ position: undefined }], {
  warehouse: { kind: 'failed', error: new GbxError('GBX_WAREHOUSE_AUTH', 'no') },
  timestampType: undefined,
  deadLetters: { topic: 'd', records: undefined, newestAgeMs: undefined },
});

function reportOf(samples: readonly LagSample[]) {
  return assessLag({ samples }, OPTIONS);
}

function documentOf(samples: readonly LagSample[], breaches: Parameters<typeof toDocument>[1]['breaches'] = []) {
  const report = reportOf(samples);
  return toDocument(report, { breaches, partitions: report.partitions });
}

describe('toDocument()', () => {
  test('throws rather than print an offset that is not exact', () => {
    expect(() => documentOf([lagSample([{ position: 1n, end: 2n ** 53n }])])).toThrow(/beyond what a JSON number holds/u);
  });

  test.each([
    ['of much', growing],
    ['of little', [failed]],
    ['of one sample', [lagSample([{}])]],
    ['that drains', history(Array.from({ length: 12 }, (_, second) => [second * 90, 9_000 + second]))],
  ])('keeps to docs/lag.schema.json %s', (_, samples) => {
    const document = JSON.parse(
      JSON.stringify(documentOf(samples, [{ rule: 'max-freshness', limit: 1, actual: undefined, partition: undefined }])),
    );
    expect(SCHEMA.parse(document)).toEqual(document);
  });

  test('is held to by a schema that refuses other fields, and missing ones', () => {
    const document = JSON.parse(JSON.stringify(documentOf(growing)));
    expect(SCHEMA.safeParse({ ...document, more: 1 }).success).toBe(false);
    const { total: _, ...without } = document;
    expect(SCHEMA.safeParse(without).success).toBe(false);
    expect(SCHEMA.safeParse({ ...document, partitions: [{ ...document.partitions[0], lag: -1 }] }).success).toBe(false);
  });

  test('says null for what is not known', () => {
    expect(documentOf([failed])).toMatchObject({
      topic: { timestampType: null },
      total: { behindSeconds: null, inPerSecond: null },
      deadLetters: { records: null, perMinute: null },
      table: null,
      retries: null,
      warehouse: { state: 'failed', error: { code: 'GBX_WAREHOUSE_AUTH' } },
    });
  });

  test('has no total where the lag of one partition is not known: a part of it would pass for all', () => {
    expect(documentOf(growing)['total']).toMatchObject({ lag: null, groupLag: null });
    expect(documentOf(growing.map((sample) => ({ ...sample, partitions: sample.partitions.slice(0, 2) })))['total']).toMatchObject({
      lag: 4594,
      groupLag: 4727,
    });
  });

  test('tells never from not known', () => {
    expect(documentOf(growing).partitions[0]).toMatchObject({ verdict: 'WARN', etaSeconds: null, neverDrains: true });
    expect(documentOf([lagSample([{ position: 1n }])]).partitions[0]).toMatchObject({ etaSeconds: null, neverDrains: false });
  });
});

describe('the lines', () => {
  const report = reportOf(growing);
  const document = toDocument(report, { breaches: [], partitions: report.partitions });

  test('of CSV have as many cells as the header, and quote', () => {
    const lines = formatCsv(document, { hasHeader: true }).trimEnd().split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[1]).toContain(',ledger,4594,4727,0,250,66,12,,WARN,gbx-consume,10.0.0.1,');
    expect(lines[2]).toContain('"say ""hi"", all"');
    expect(lines[3]).toMatch(/,t,2,,,100,,100,group,,,0,,.*,ERROR,,,LEADER_NOT_AVAILABLE$/u);
    expect(formatCsv(document, { hasHeader: false }).split('\n')).toHaveLength(5);
  });

  test('of Prometheus leave out what is not known', () => {
    const text = formatPrometheus(report);
    expect(text).toContain('gbx_lag_records{group="g",topic="t",partition="0"} 4594\n');
    expect(text).not.toContain('gbx_lag_total_records');
    expect(formatPrometheus(reportOf([lagSample([{ position: 90n }])]))).toContain('gbx_lag_total_records{group="g",topic="t"} 10\n');
    expect(text).toContain('gbx_lag_lost_records{group="g",topic="t",partition="3"} 30\n');
    expect(text).not.toContain('gbx_lag_records{group="g",topic="t",partition="2"}');
    expect(text).toContain('gbx_lag_dead_letters{topic="t.dlq"} 42\n');
    expect(text).not.toMatch(/NaN|undefined|Infinity/u);
  });

  test('of a watch say it in one', () => {
    expect(formatPollLine(report, [])).toBe('12:00:11 lag=≥4644 behind=- in=66/s out=12/s dlq=42 fresh=23s LOST p3\n');
    expect(formatPollLine(reportOf([lagSample([{}])]), ['--max-lag 5: 7', '--max-dlq 0: 1'])).toBe(
      '12:00:00 lag=0 behind=0 in=- out=- dlq=0 OK ✗ --max-lag 5: 7 ✗ --max-dlq 0: 1\n',
    );
  });
});

describe('formatTable()', () => {
  const report = reportOf(growing);
  const options = { partitions: report.partitions, breaches: [], isWide: false, hasHeader: true, hasColor: false };

  test('says it all, without colour', () => {
    expect(formatTable(report, options)).toMatchInlineSnapshot(`
      "g   Stable   1 member   t   broker b:9092   2026-01-15 12:00:11Z
       PART  LEDGER  COMMITTED    END      LAG  GROUP-LAG  LOST  BEHIND  IN/s  OUT/s    ETA  STATE            MEMBER         ERROR
          0   1,132        999  5,726    4,594      4,727     0   4m10s    66     12  never  ▲ WARN           gbx-consume
          1       -        700    700        0          0     0       0     0      0      -  ● OK             say "hi", all
          2       -        100      -        -          -     0       -     -      -      -  ✖ ERROR          -              LEADER_NOT_AVAILABLE
          3       -         20    100       50         50    30       -     0      0      -  ✖ LOST           gbx-consume
      total                            ≥ 4,644    ≥ 4,777    30       -    66     12  never  ✖ LOST worst p3
      dead letters  t.dlq  42 records, newest 3m00s ago, +0/min
      retries       t.retry  3 waiting
      table         newest row 23s old, load delay p50 1.2s, p95 3.4s
      ! 1 of 4 partitions have no member
      "
    `);
  });

  test('colours only where colour is wanted', () => {
    expect(formatTable(report, { ...options, hasColor: true })).toContain('\u001B[33m▲ WARN');
    expect(formatTable(report, options)).not.toContain('\u001B');
  });

  test('leaves headers out, and shows all columns, when asked', () => {
    expect(formatTable(report, { ...options, hasHeader: false })).not.toContain('PART');
    expect(formatTable(report, { ...options, isWide: true })).toMatch(/START +LEDGER +COMMITTED +END .* HOST/u);
  });
});

describe('choosePartitions()', () => {
  const { partitions } = reportOf(growing);
  const chosen = (changes: Partial<Parameters<typeof choosePartitions>[1]>) =>
    choosePartitions(partitions, { onlyLagging: false, allowedLag: 0, sort: 'partition', isReversed: false, ...changes }).map(
      ({ sample }) => sample.partition,
    );

  test('puts the worst first and the unknown last, partitions upwards', () => {
    expect(chosen({})).toEqual([0, 1, 2, 3]);
    expect(chosen({ isReversed: true })).toEqual([3, 2, 1, 0]);
    expect(chosen({ sort: 'lag' })).toEqual([0, 3, 1, 2]);
    expect(chosen({ sort: 'state' })).toEqual([2, 3, 0, 1]);
  });

  test('leaves out what does not lag, but nothing that is wrong', () => {
    expect(chosen({ onlyLagging: true })).toEqual([0, 2, 3]);
    expect(chosen({ onlyLagging: true, allowedLag: 10_000 })).toEqual([2, 3]);
  });
});

describe('explainPartition()', () => {
  test('is undefined for a partition that there is not', () => {
    expect(explainPartition(9, { report: reportOf(growing), samples: growing, options: OPTIONS })).toBeUndefined();
  });

  test('shows the samples and the rule', () => {
    const report = reportOf(growing);
    const explanation = explainPartition(0, { report, samples: growing, options: OPTIONS });
    if (explanation === undefined) throw new Error('nothing to explain');
    const text = formatExplanation(explanation, report);
    expect(text).toContain('t p0: ▲ WARN\n  because the lag grows by 54.0 records/s over 11 moves, more than 5.4');
    expect(text).toContain('moves every 1s; stands still after 20s without a move');
    expect(text.match(/moved/gu)).toHaveLength(11);
    expect(explanationDocument(explanation)).toMatchObject({ schema: 'gbx.lag-explanation/1', gapSeconds: 1, samples: { length: 12 } });
  });
});

test.each([
  [0, '0ms'],
  [999, '999ms'],
  [1_240, '1.2s'],
  [2_000, '2s'],
  [59_400, '59s'],
  [59_600, '1m00s'],
  [250_000, '4m10s'],
  [3_599_600, '1h00m'],
  [11_100_000, '3h05m'],
  [183_600_000, '2d03h'],
])('formatDuration() of %d is %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test('formatAge() says at most, and - for what is not known', () => {
  expect([undefined, 0, 900, 61_000].map(formatAge)).toEqual(['-', '0', '≤1s', '1m01s']);
});
