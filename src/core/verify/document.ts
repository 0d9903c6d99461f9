// The answer of `gbx verify --json` (docs/verify.md): one document, schema gbx.verify/1.
import type { Tally } from './account.ts';
import type { VerifyPlan } from './plan.ts';
import type { LettersSeen } from './scan.ts';
import type { VerifyReport } from './verify.ts';

export function toVerifyDocument({ scope, deadLetterTopic, manifest }: VerifyPlan, report: VerifyReport): Record<string, unknown> {
  const { account, findings, ranges, phantomDoubt } = report;
  const { totals } = account;
  return {
    schema: 'gbx.verify/1',
    verdict: report.isExact ? 'exact' : 'not_exact',
    ...{ topic: scope.topic, group: scope.group, clusterId: scope.clusterId, deadLetterTopic },
    manifest: manifest === undefined ? null : { runId: report.runId ?? null },
    records: manifest === undefined ? report.records : null,
    invalidRecords: manifest === undefined ? report.invalidRecords : null,
    expected: totals.expected,
    loaded: totals.loaded,
    missing: totals.missing,
    doubled: totals.doubled,
    altered: totals.altered,
    phantom: countPhantoms(report),
    deadLettered: totals.deadLettered,
    deadLetterReasons: Object.fromEntries(account.byCode),
    waiting: { records: countWaiting(report), retries: totals.waiting },
    inTableAndDeadLetters: totals.inBoth,
    idReused: totals.idReused,
    loadedAgain: totals.loadedAgain,
    absent: totals.absent,
    expired: {
      records: manifest === undefined ? sum(report, ({ expired }) => expired) : null,
      beforeLoaded: countLost(report),
      deadLetters: report.letters.kind === 'read' ? report.letters.expired : null,
    },
    unjudged: {
      rowsFromElsewhere: phantomDoubt === undefined ? 0 : report.strangeRows,
      reason: phantomDoubt ?? null,
      notExamined: report.unexamined,
      crowdedIds: report.crowded,
      deadLetterTopic: lettersState(report.letters),
    },
    ids: {
      missing: findings.missing.map(({ exposureId = null, partition = null, offset, experimentId = null }) => ({
        ...{ exposureId, partition, experimentId },
        offset: offset === undefined ? null : Number(offset),
      })),
      doubled: findings.doubled,
      altered: findings.altered,
      phantom: findings.phantom,
      waiting: findings.waiting,
    },
    ranges: ranges.map(({ partition, from, to, ledger, end, waiting }) => ({
      partition,
      from: Number(from),
      to: Number(to),
      ledger: ledger === undefined ? null : Number(ledger),
      end: Number(end),
      waiting: Number(waiting),
    })),
    mayHaveBegunAt:
      report.mayHaveBegunAt === undefined
        ? null
        : [...report.mayHaveBegunAt].map(([partition, offset]) => ({ partition, offset: Number(offset) })),
    partitions: tallies(account.byPartition, 'partition'),
    experiments: tallies(account.byExperiment, 'experiment'),
    passes: report.passes,
    durationMs: Math.round(report.durationMs),
  };
}

export function countPhantoms({ account, strangeRows, phantomDoubt }: VerifyReport): number {
  return account.totals.unexpected + (phantomDoubt === undefined ? strangeRows : 0);
}

export function countWaiting(report: VerifyReport): number {
  return sum(report, ({ waiting }) => waiting);
}

/** Records that were gone before the ledger passed them. */
export function countLost(report: VerifyReport): number {
  return sum(report, ({ expiredUnloaded }) => expiredUnloaded);
}

function sum({ ranges }: VerifyReport, of: (range: VerifyReport['ranges'][number]) => bigint): number {
  return ranges.reduce((total, range) => total + Number(of(range)), 0);
}

function lettersState(letters: LettersSeen): string {
  return letters.kind === 'read' ? 'read' : letters.kind === 'no-topic' ? 'no such topic' : 'not permitted';
}

function tallies<Key extends number | string>(tallied: ReadonlyMap<Key, Tally>, name: string): Record<string, unknown>[] {
  return [...tallied].sort(([one], [other]) => (one < other ? -1 : 1)).map(([key, tally]) => ({ [name]: key, ...tally }));
}
