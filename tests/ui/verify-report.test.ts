import { expect, test } from 'vitest';
import { createAccount } from '../../src/core/verify/account.ts';
import { createFindings } from '../../src/core/verify/findings.ts';
import type { VerifyPlan } from '../../src/core/verify/plan.ts';
import type { VerifyReport } from '../../src/core/verify/verify.ts';
import { formatVerifyReport } from '../../src/ui/verify-report.ts';

const PLAN: VerifyPlan = {
  scope: { clusterId: 'c', group: 'g', topic: 't' },
  deadLetterTopic: 'dlq',
  ...{ retryTopic: undefined, from: undefined, to: undefined, manifest: undefined },
  idsMax: 1,
};

function report(over: Partial<VerifyReport> = {}): VerifyReport {
  return {
    ...{ kind: 'done', isExact: true, runId: undefined, records: 0, invalidRecords: 0, strangeRows: 0, phantomDoubt: undefined },
    ...{
      unexamined: 0,
      crowded: 0,
      mayHaveBegunAt: undefined,
      passes: 1,
      durationMs: 1_240,
      account: createAccount(),
      findings: createFindings(1),
    },
    ranges: [
      { partition: 0, from: 0n, to: 1_500n, ledger: 1_500n, start: 0n, end: 1_600n, waiting: 100n, expired: 0n, expiredUnloaded: 0n },
    ],
    letters: { kind: 'read', records: 1, expired: 0 },
    ...over,
  };
}

test('formatVerifyReport() lists what is wrong, how much more there is, and where', () => {
  const account = createAccount();
  const findings = createFindings(1);
  const whose = { partition: 0, experiment: 'checkout' };
  for (const kind of ['loaded', 'missing', 'missing'] as const) account.add({ kind }, whose);
  account.add({ kind: 'wrong', isDoubled: true, isAltered: true }, whose);
  account.add({ kind: 'dead-lettered', code: 'GBX_NOT_JSON' }, { partition: 0, experiment: '' });
  findings.add(findings.missing, { exposureId: 'm-1', partition: 0, offset: 7n, experimentId: 'checkout' });
  findings.add(findings.doubled, { exposureId: 'd-1', rows: 2 });
  findings.add(findings.altered, { exposureId: 'd-1', fields: ['source'] });
  const wrong = report({
    isExact: false,
    account,
    findings,
    records: 1_500,
    invalidRecords: 1,
    strangeRows: 3,
    phantomDoubt: 'other ledgers',
  });
  expect(formatVerifyReport(PLAN, wrong)).toBe(`topic t, group g, offsets 0:0..1500
expected  5 in 1,500 records, 1 of them not valid
loaded    1, each once and unaltered
given up  1 in the dead letters: GBX_NOT_JSON 1
waiting   100 records that the ledger has not passed: not all loaded yet
✗ 2 missing
    m-1 of checkout at partition 0, offset 7
    and 1 more: see --ids
✗ 1 doubled
    d-1 (2 rows)
✗ 1 altered
    d-1 (source)
- 3 rows from elsewhere could not be judged: the ledger knows other topics, groups or clusters that load this table
partition  expected  loaded  missing  doubled  altered
0                 5       1        2        1        1
experiment  expected  loaded  missing  doubled  altered
checkout           4       1        2        1        1
✗ not exactly once, seen in 1.2 s
`);
});

test('formatVerifyReport() does not call nothing a success, and says what it could not see', () => {
  expect(formatVerifyReport(PLAN, report())).toContain('- there was nothing to verify, seen in 1.2 s');
  const account = createAccount();
  account.add({ kind: 'loaded' }, { partition: 0, experiment: 'e' });
  const unseen = { account, letters: { kind: 'read', records: 0, expired: 4 } as const, unexamined: 5 };
  const text = formatVerifyReport(PLAN, report({ ...unseen, ranges: report().ranges.map((range) => ({ ...range, expired: 9n })) }));
  for (const part of [
    '9 records of the range, at most, have expired',
    '4 dead letters have expired',
    '5 too many to look at',
    '✓ everything',
  ]) {
    expect(text).toContain(part);
  }
});

test('formatVerifyReport() says what else missing exposures may mean: a later beginning, or a post that is still on its way', () => {
  const account = createAccount();
  account.add({ kind: 'missing' }, { partition: 0, experiment: 'e' });
  const begun = formatVerifyReport(
    PLAN,
    report({
      isExact: false,
      account,
      mayHaveBegunAt: new Map([
        [0, 120n],
        [1, 7n],
      ]),
    }),
  );
  expect(begun).toContain('gbx verify --from 0:120,1:7');
  const sent = { ...PLAN, manifest: async function* () {} };
  expect(formatVerifyReport(sent, report({ isExact: false, account, runId: 'r' }))).toContain('spool');
  expect(formatVerifyReport(sent, report({ runId: 'r', crowded: 12 }))).not.toContain('spool');
  expect(formatVerifyReport(PLAN, report({ crowded: 12 }))).toContain('12 more records under ids that 50 others have');
});
