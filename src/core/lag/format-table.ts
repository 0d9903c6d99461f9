// A report as people read it: one line a partition, then what stands beside it. Colour only with a glyph and a word, nothing
// cut off. Columns that no line needs are left out.
import type { LagReport, PartitionReport } from './assess.ts';
import { formatAge, formatDuration } from './format-duration.ts';
import type { Breach } from './limits.ts';
import type { Severity, Verdict } from './verdict.ts';

export interface TableOptions {
  /** Those that are shown, in their order. */
  readonly partitions: readonly PartitionReport[];
  readonly breaches: readonly Breach[];
  readonly isWide: boolean;
  readonly hasHeader: boolean;
  readonly hasColor: boolean;
}

export const GLYPHS: Readonly<Record<Verdict, string>> = {
  LOST: '✖',
  AHEAD: '✖',
  NEW: '○',
  OK: '●',
  REWIND: '↺',
  STOP: '■',
  STALL: '■',
  REBAL: '◌',
  WARN: '▲',
  DRAIN: '▼',
  ERROR: '✖',
  UNKNOWN: '?',
};

export interface LagColumn {
  readonly head: string;
  readonly isLeft?: true;
  readonly cell: (one: PartitionReport) => string;
  readonly total?: (report: LagReport) => string;
  /** Only where some line needs it, or all columns are wanted. */
  readonly when?: (partitions: readonly PartitionReport[]) => boolean;
}

/** In their order; the live view takes its cells from here too, so that all say the same. */
export const LAG_COLUMNS: readonly LagColumn[] = [
  { head: 'PART', cell: ({ sample }) => String(sample.partition), total: () => 'total' },
  { head: 'START', cell: ({ sample }) => formatWhole(sample.start), when: () => false },
  {
    head: 'LEDGER',
    cell: ({ sample }) => formatWhole(sample.loaded),
    when: (all) => all.some(({ sample }) => sample.loaded !== undefined),
  },
  { head: 'COMMITTED', cell: ({ sample }) => formatWhole(sample.committed), when: (all) => all.some(groupDiffers) },
  { head: 'END', cell: ({ sample }) => formatWhole(sample.end) },
  { head: 'LAG', cell: ({ lag }) => formatWhole(lag), total: ({ total }) => formatTotal(total.lag, total.lagAtLeast) },
  {
    head: 'GROUP-LAG',
    cell: ({ groupLag }) => formatWhole(groupLag),
    total: ({ total }) => formatTotal(total.groupLag, total.groupLagAtLeast),
    when: (all) => all.some(groupLagDiffers),
  },
  {
    head: 'LOST',
    cell: ({ lost }) => formatWhole(lost),
    total: ({ total }) => formatWhole(total.lost),
    when: (all) => all.some(({ lost }) => lost > 0),
  },
  { head: 'BEHIND', cell: behindOf, total: ({ total }) => formatAge(total.behindMs) },
  { head: 'IN/s', cell: ({ inPerSecond }) => formatRate(inPerSecond), total: ({ total }) => formatRate(total.inPerSecond) },
  { head: 'OUT/s', cell: ({ outPerSecond }) => formatRate(outPerSecond), total: ({ total }) => formatRate(total.outPerSecond) },
  { head: 'ETA', cell: ({ etaSeconds }) => formatEta(etaSeconds), total: ({ total }) => formatEta(total.etaSeconds) },
  { head: 'STATE', isLeft: true, cell: stateOf, total: totalState },
  {
    head: 'MEMBER',
    isLeft: true,
    cell: ({ sample }) => sample.member?.clientId ?? '-',
    when: (all) => all.some(({ sample }) => sample.member !== undefined),
  },
  { head: 'HOST', isLeft: true, cell: ({ sample }) => sample.member?.host ?? '-', when: () => false },
  {
    head: 'ERROR',
    isLeft: true,
    cell: ({ sample }) => sample.error ?? '',
    when: (all) => all.some(({ sample }) => sample.error !== undefined),
  },
];

function groupDiffers({ sample }: PartitionReport): boolean {
  return sample.by === 'group' || sample.committed !== sample.loaded;
}

function groupLagDiffers({ sample, lag, groupLag }: PartitionReport): boolean {
  return sample.by === 'ledger' && groupLag !== lag;
}

export function formatTable(report: LagReport, options: TableOptions): string {
  const { sample, warnings } = report;
  const members = counted(sample.members.length, 'member');
  const head = `${sample.target.group}   ${sample.state}   ${members}   ${sample.target.topic}   broker ${sample.brokers.join(', ')}   ${time(sample.atMs)}`;
  const lines = [...(options.hasHeader ? [head] : []), ...formatRows(report, options), ...formatSides(report)];
  for (const warning of warnings) lines.push(paint(`! ${warning}`, 'warn', options));
  for (const breach of options.breaches) lines.push(paint(`✗ ${describeBreach(breach)}`, 'error', options));
  return `${lines.join('\n')}\n`;
}

function formatRows(report: LagReport, { partitions, isWide, hasHeader, hasColor }: TableOptions): string[] {
  const columns = LAG_COLUMNS.filter(({ when }) => when === undefined || isWide || when(report.partitions));
  const rows = partitions.map((one) => ({ cells: columns.map(({ cell }) => cell(one)), severity: one.severity }));
  const total = columns.map((column) => column.total?.(report) ?? '');
  const all = [...(hasHeader ? [columns.map(({ head }) => head)] : []), ...rows.map(({ cells }) => cells), total];
  const widths = columns.map((_, index) => Math.max(...all.map((cells) => cells[index]?.length ?? 0)));
  const format = (cells: readonly string[], severity: Severity): string =>
    cells
      .map((cell, index) => {
        const column = columns[index];
        const text = column?.isLeft ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0);
        return column?.head === 'STATE' ? paint(text, severity, { hasColor }) : text;
      })
      .join('  ')
      .trimEnd();
  const lines = hasHeader
    ? [
        format(
          columns.map(({ head }) => head),
          'ok',
        ),
      ]
    : [];
  // A header is no state.
  if (hasHeader)
    lines[0] = columns
      .map(({ head, isLeft }, index) => (isLeft ? head.padEnd(widths[index] ?? 0) : head.padStart(widths[index] ?? 0)))
      .join('  ')
      .trimEnd();
  for (const { cells, severity } of rows) lines.push(format(cells, severity));
  lines.push(format(total, report.total.severity));
  return lines;
}

function formatSides({ sample, deadLetters, freshness, freshnessMs }: LagReport): string[] {
  const lines: string[] = [];
  const { records, newestAgeMs, perMinute } = deadLetters;
  const newest = newestAgeMs === undefined ? '' : `, newest ${formatDuration(newestAgeMs)} ago`;
  const grown = perMinute === undefined ? '' : `, +${Math.round(perMinute)}/min`;
  lines.push(
    `dead letters  ${deadLetters.topic}  ${records === undefined ? 'not there, or not to be seen' : `${counted(records, 'record')}${newest}${grown}`}`,
  );
  if (sample.retries !== undefined) lines.push(`retries       ${sample.retries.topic}  ${formatWhole(sample.retries.records)} waiting`);
  if (freshness !== undefined) {
    const { loadDelayMs } = freshness;
    const delay =
      loadDelayMs === undefined ? '' : `, load delay p50 ${formatDuration(loadDelayMs.p50)}, p95 ${formatDuration(loadDelayMs.p95)}`;
    lines.push(
      `table         ${freshnessMs === undefined ? 'no row of the last 30 days' : `newest row ${formatDuration(freshnessMs)} old${delay}`}`,
    );
  }
  return lines;
}

export function describeBreach({ rule, limit, actual, partition }: Breach): string {
  const where = partition === undefined ? '' : ` p${partition}`;
  return `--${rule} ${limit}:${where} ${actual ?? 'none at all'}`;
}

function stateOf({ verdict, hotness }: PartitionReport): string {
  const hot = hotness === undefined ? '' : ` hot ×${hotness.toFixed(1)}`;
  return `${GLYPHS[verdict]} ${verdict === 'UNKNOWN' ? '' : verdict}${hot}`.trimEnd();
}

function totalState({ total, partitions }: LagReport): string {
  const word = total.verdict === 'UNKNOWN' ? '' : ` ${total.verdict}`;
  const where = total.worst === undefined || total.severity === 'ok' || partitions.length < 2 ? '' : ` worst p${total.worst}`;
  return `${GLYPHS[total.verdict]}${word}${where}`;
}

function behindOf({ sample: { timeLag }, lag }: PartitionReport): string {
  return lag === 0 ? '0' : formatAge(timeLag?.maxMs);
}

export function formatRate(value: number | undefined): string {
  if (value === undefined) return '-';
  return value < 10 && value > 0 ? value.toFixed(1) : formatWhole(Math.round(value));
}

export function formatEta(seconds: number | undefined): string {
  if (seconds === undefined) return '-';
  return Number.isFinite(seconds) ? formatDuration(seconds * 1000) : 'never';
}

export function counted(count: number, noun: string): string {
  return `${formatWhole(count)} ${noun}${count === 1 ? '' : 's'}`;
}

export function formatWhole(value: number | bigint | undefined): string {
  return value === undefined ? '-' : value.toLocaleString('en-US');
}

/** `≥ 1,200` where more may be: the lag of some partition is not known. */
export function formatTotal(value: number | undefined, atLeast: number | undefined): string {
  return value === undefined && atLeast !== undefined ? `≥ ${formatWhole(atLeast)}` : formatWhole(value);
}

function time(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

const COLORS: Readonly<Record<Severity, number | undefined>> = { none: undefined, ok: 32, info: 34, warn: 33, error: 31 };

function paint(text: string, severity: Severity, { hasColor }: Pick<TableOptions, 'hasColor'>): string {
  const color = COLORS[severity];
  return hasColor && color !== undefined ? `\u001B[${color}m${text}\u001B[39m` : text;
}
