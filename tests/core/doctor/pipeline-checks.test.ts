import { describe, expect, test } from 'vitest';
import type { Check, Finding } from '../../../src/core/doctor/check.ts';
import { clockChecks, judgeGroup, judgeLedger, judgeSkew, olderThan, pipelineChecks } from '../../../src/core/doctor/pipeline-checks.ts';
import type { KafkaProbe } from '../../../src/core/doctor/ports.ts';
import type { LedgerRow } from '../../../src/core/load/ports.ts';
import { parseConfig } from '../../../src/core/parse-config.ts';
import { fixedClock } from '../../support/clock.ts';

function row(partition: number, nextOffset: bigint): LedgerRow {
  return { partition, nextOffset, epoch: 1, owner: 'o', host: 'h', lastRecord: undefined };
}

const range = { partition: 0, start: 10n, end: 20n };

test.each([
  ['nothing', [], 'ok', 'nothing of t was loaded yet'],
  ['the start', [row(0, 10n)], 'ok', '1 partition in the ledger, 10 records to load'],
  ['the end', [row(0, 20n)], 'ok', '0 records to load'],
  ['beyond the end', [row(0, 21n)], 'fail', 'its log ends at 20'],
  ['before the start', [row(0, 7n)], 'fail', 'Kafka removed 3 records'],
  ['a strange partition', [row(0, 10n), row(4, 1n)], 'fail', 't/4 stands in the ledger and is no partition'],
] as const)('judgeLedger() with %s', (_, rows, state, found) => {
  const finding = judgeLedger(rows, [range], 't');
  expect(finding.state).toBe(state);
  expect(finding.found).toContain(found);
});

test.each([
  [15n, 'ok', 'stands where the ledger does'],
  [undefined, 'ok', 'stands where the ledger does'],
  [12n, 'ok', 'behind the ledger in 1 partition'],
  [16n, 'fail', 'partition 0 at 16, the ledger at 15'],
])('judgeGroup() with %s committed and the ledger at 15 is %s', (committed, state, found) => {
  const offsets = new Map(committed === undefined ? [] : [[0, committed]]);
  const finding = judgeGroup([row(0, 15n)], offsets, 'g');
  expect(finding.state).toBe(state);
  expect(finding.found).toContain(found);
});

describe('olderThan()', () => {
  test.each([
    ['nothing waits', 20n, 15n, []],
    ['all that waits is younger', 15n, 15n, []],
    ['something older waits', 14n, 15n, [0]],
    ['what was older is removed already', 3n, 10n, []],
    ['all that waits is older', 15n, undefined, [0]],
    ['the broker says -1 for none', 15n, -1n, [0]],
  ])('where %s', (_, next, young, expected) => {
    const since = new Map(young === undefined ? [] : [[0, young]]);
    expect(olderThan([row(0, next)], { ranges: [range], since })).toEqual(expected);
  });

  test('leaves out a partition that the ledger does not know', () => {
    expect(olderThan([], { ranges: [range], since: new Map() })).toEqual([]);
  });
});

test.each([
  [0, 5, 'ok'],
  [2_500, 1_000, 'ok'],
  [2_500, 10, 'warn'],
  [-2_500, 10, 'warn'],
  [90_000, 10, 'fail'],
])('judgeSkew() of %i ms, sure to %i ms, is %s', (skewMs, skewErrorMs, state) => {
  expect(judgeSkew({ skewMs, skewErrorMs }).state).toBe(state);
});

test('judgeSkew() says in which direction', () => {
  expect(judgeSkew({ skewMs: -5_000, skewErrorMs: 1 }).found).toBe("the warehouse's clock is 5 seconds behind this one");
});

const { config: CONFIG } = parseConfig({ flags: {}, env: {}, dotEnv: undefined, readSecretFile: () => '' });
const NOW_MS = Date.UTC(2026, 0, 15, 12);
const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

/** What a check says of topics whose partitions hold records of these ages, in this order: answered as Kafka's index of times does. */
async function askOfAges(id: string, agesMs: readonly (readonly number[])[]): Promise<Finding> {
  const kafka: Pick<KafkaProbe, 'logRanges' | 'offsetsAtTimestamp'> = {
    logRanges: async () => agesMs.map((ages, partition) => ({ partition, start: 0n, end: BigInt(ages.length) })),
    offsetsAtTimestamp: async (_, timestampMs) => {
      const first = agesMs.map((ages) => ages.findIndex((ageMs) => NOW_MS - ageMs >= timestampMs));
      return new Map(first.map((offset, partition) => [partition, BigInt(offset)]));
    },
  };
  const deps = { config: CONFIG, clock: fixedClock(NOW_MS), kafka: () => kafka as KafkaProbe, warehouse: never };
  const check: Check | undefined = [...pipelineChecks(deps), ...clockChecks(deps)].find((one) => one.id === id);
  return check === undefined ? never() : check.ask(new AbortController().signal);
}

function never(): never {
  throw new Error('not asked');
}

test.each([
  ['none', [[], []], 'ok', 'is empty'],
  ['old ones only', [[], [200 * HOUR_MS]], 'warn', '1 dead letter in exposures.dlq, none in the last 7 days'],
  // All that stand behind a new one are counted as new by nobody.
  [
    'a new one before older ones',
    [[HOUR_MS / 2, 90 * HOUR_MS, 90 * HOUR_MS]],
    'warn',
    '3 dead letters in exposures.dlq, the newest of them in the last 60 minutes',
  ],
  [
    'some of this week',
    [[90 * HOUR_MS], [200 * HOUR_MS]],
    'warn',
    '2 dead letters in exposures.dlq, the newest of them in the last 7 days',
  ],
] as const)('pipeline.dead_letters says of %s what is known of their age', async (_, ages, state, found) => {
  const finding = await askOfAges('pipeline.dead_letters', ages);
  expect(finding.state).toBe(state);
  expect(finding.found).toContain(found);
  if (state === 'warn') expect(finding.todo).toContain('docs/dead-letters.md');
});

test.each([
  ['nothing', [[], []], 'unknown', 'holds no record'],
  ['records of now', [[SECOND_MS], [-SECOND_MS]], 'ok', 'no record is ahead'],
  ['one ahead before others', [[5], [-HOUR_MS, 3, 2]], 'warn', 'holds records more than 2 seconds ahead of this clock, in partition 1'],
] as const)('clocks.kafka says of a topic with %s which partitions are ahead', async (_, ages, state, found) => {
  const finding = await askOfAges('clocks.kafka', ages);
  expect(finding.state).toBe(state);
  expect(finding.found).toContain(found);
});
