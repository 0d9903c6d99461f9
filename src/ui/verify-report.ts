// The answer of `gbx verify` for people. Exposure ids and places of records only, never whose they are.
import type { Tally } from '../core/verify/account.ts';
import { countLost, countPhantoms, countWaiting } from '../core/verify/document.ts';
import type { Missing } from '../core/verify/findings.ts';
import type { PhantomDoubt, VerifyPlan } from '../core/verify/plan.ts';
import type { VerifyReport } from '../core/verify/verify.ts';

/** Lines of a table by partition or experiment. */
const LINES_MAX = 30;

export function formatVerifyReport(plan: VerifyPlan, report: VerifyReport): string {
  const { totals } = report.account;
  const lines = [
    formatSubject(plan, report),
    `expected  ${count(totals.expected)}${plan.manifest === undefined ? ` in ${count(report.records)} records, ${count(report.invalidRecords)} of them not valid` : ''}`,
    `loaded    ${count(totals.loaded)}, each once and unaltered`,
    ...formatLetters(report),
    ...formatWaiting(report),
    ...formatProblems(report),
    ...formatNotes(report),
    ...formatTables(report),
    formatVerdict(report),
  ];
  return `${lines.join('\n')}\n`;
}

function formatSubject({ scope, manifest }: VerifyPlan, { runId, ranges }: VerifyReport): string {
  if (manifest !== undefined) return `manifest of run ${runId ?? ''}, topic ${scope.topic}, group ${scope.group}`;
  const places = ranges.slice(0, LINES_MAX).map(({ partition, from, to }) => `${partition}:${from}..${to}`);
  return `topic ${scope.topic}, group ${scope.group}, offsets ${places.join(' ')}${ranges.length > LINES_MAX ? ' ...' : ''}`;
}

function formatLetters({ account }: VerifyReport): string[] {
  if (account.totals.deadLettered === 0) return [];
  const reasons = [...account.byCode].map(([code, number]) => `${code} ${count(number)}`);
  return [`given up  ${count(account.totals.deadLettered)} in the dead letters: ${reasons.join(', ')}`];
}

function formatWaiting(report: VerifyReport): string[] {
  const records = countWaiting(report);
  const { waiting } = report.account.totals;
  const lines = records > 0 ? [`waiting   ${count(records)} records that the ledger has not passed: not all loaded yet`] : [];
  if (waiting > 0) lines.push(`waiting   ${count(waiting)} to be tried again: ${list(report.findings.waiting, waiting)}`);
  return lines;
}

function formatProblems(report: VerifyReport): string[] {
  const { account, findings } = report;
  const { missing, doubled, altered } = account.totals;
  const problems = [
    { number: missing, what: 'missing', items: findings.missing.map(formatMissing) },
    { number: doubled, what: 'doubled', items: findings.doubled.map(({ exposureId, rows }) => `${exposureId} (${rows} rows)`) },
    {
      number: altered,
      what: 'altered',
      items: findings.altered.map(({ exposureId, fields }) => `${exposureId}${fields.length > 0 ? ` (${fields.join(', ')})` : ''}`),
    },
    { number: countPhantoms(report), what: 'phantom: a row that nothing accounts for', items: findings.phantom },
    { number: countLost(report), what: 'lost: Kafka removed them before they were loaded', items: [] },
  ];
  return problems.flatMap(({ number, what, items }) => {
    if (number === 0) return [];
    const more = number > items.length && items.length > 0 ? [`    and ${count(number - items.length)} more: see --ids`] : [];
    return [`✗ ${count(number)} ${what}`, ...items.map((item) => `    ${item}`), ...more];
  });
}

function formatMissing({ exposureId, partition, offset, experimentId }: Missing): string {
  const place = partition === undefined ? '' : ` at partition ${partition}, offset ${offset}`;
  if (exposureId === undefined) return `the dead letter of the record${place}`;
  return `${exposureId}${experimentId === undefined ? '' : ` of ${experimentId}`}${place}`;
}

const DOUBTS: Readonly<Record<PhantomDoubt, string>> = {
  manifest: '',
  'part of the topic': 'they may belong to records outside the range',
  'expired records': 'they may belong to records that have expired',
  'other ledgers': 'the ledger knows other topics, groups or clusters that load this table',
  busy: 'more was loaded meanwhile than could be looked at',
};

function formatNotes(report: VerifyReport): string[] {
  const { account, ranges, letters, phantomDoubt, strangeRows } = report;
  const { inBoth, idReused, loadedAgain, absent } = account.totals;
  const expired = report.runId === undefined ? ranges.reduce((sum, range) => sum + Number(range.expired), 0) : 0;
  const notes: [number, string][] = [
    [inBoth, 'in the table and in the dead letters: the row counts'],
    [idReused, 'other exposures under an id that was taken: given up, as they must be'],
    [loadedAgain, 'loaded again, more than 24 hours apart: see docs/delivery.md'],
    [absent, 'not in the table, which is right: refused, or without a clear answer'],
    [expired, 'records of the range, at most, have expired: they could not be seen'],
    [phantomDoubt === undefined ? 0 : strangeRows, `rows from elsewhere could not be judged: ${DOUBTS[phantomDoubt ?? 'manifest']}`],
    [report.crowded, 'more records under ids that 50 others have were not looked at: an id is for one exposure'],
    [report.unexamined, 'too many to look at one by one: counted as what they look like'],
  ];
  const lines = notes.filter(([number, text]) => number > 0 && !text.endsWith(': ')).map(([number, text]) => `- ${count(number)} ${text}`);
  lines.push(...explainMissing(report));
  if (letters.kind === 'no-topic') lines.push('- there is no dead-letter topic');
  if (letters.kind === 'unreadable') lines.push('- the dead letters may not be read: nothing that is in the table needs them');
  if (letters.kind === 'read' && letters.expired > 0)
    lines.push(`- ${count(letters.expired)} dead letters have expired: what they were shows as missing`);
  return lines;
}

/** What missing exposures may be, that only a person can know. */
function explainMissing({ account, runId, mayHaveBegunAt }: VerifyReport): string[] {
  if (account.totals.missing === 0) return [];
  if (runId !== undefined) {
    return ['- what is missing may be on its way still: in a spool of gbx serve, or written since the topic was read. Verify again later'];
  }
  if (mayHaveBegunAt === undefined) return [];
  const places = [...mayHaveBegunAt].map(([partition, offset]) => `${partition}:${offset}`).join(',');
  return [
    '- all that is missing lies before what was loaded. Where gbx consume began there (--start-from latest, a cut-over):',
    `    gbx verify --from ${places}`,
  ];
}

/** Where something is wrong, where it is. */
function formatTables({ account, isExact }: VerifyReport): string[] {
  if (isExact) return [];
  return [...formatTable('partition', account.byPartition), ...formatTable('experiment', account.byExperiment)];
}

function formatTable(name: string, tallied: ReadonlyMap<number | string, Tally>): string[] {
  const wrong = [...tallied].filter(([, { missing, doubled, altered }]) => missing + doubled + altered > 0);
  if (wrong.length === 0) return [];
  const rows = wrong
    .slice(0, LINES_MAX)
    .map(([key, { expected, loaded, missing, doubled, altered }]) => [
      String(key),
      ...[expected, loaded, missing, doubled, altered].map(count),
    ]);
  const table = [[name, 'expected', 'loaded', 'missing', 'doubled', 'altered'], ...rows];
  const widths = (table[0] ?? []).map((_, at) => Math.max(...table.map((row) => row[at]?.length ?? 0)));
  return table.map((row) => row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  '));
}

function formatVerdict({ isExact, account, durationMs }: VerifyReport): string {
  const time = `${(durationMs / 1000).toFixed(1)} s`;
  if (!isExact) return `✗ not exactly once, seen in ${time}`;
  if (account.totals.expected === 0) return `- there was nothing to verify, seen in ${time}`;
  return `✓ everything was loaded exactly once, or given up with a reason, seen in ${time}`;
}

function list(ids: readonly string[], total: number): string {
  return `${ids.join(', ')}${total > ids.length ? ' ...' : ''}`;
}

function count(number: number): string {
  return number.toLocaleString('en');
}
