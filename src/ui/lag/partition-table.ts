// The table of partitions for a width: the cells are those of `gbx lag` (core/lag/format-table.ts), with arrows and
// sparklines; columns go by priority where there is no room. Pure.
import type { LagReport, PartitionReport } from '../../core/lag/assess.ts';
import { formatTotal, formatWhole, LAG_COLUMNS, type LagColumn } from '../../core/lag/format-table.ts';
import { sparkline } from './chart.ts';
import { shownOf, visiblePartitions } from './gaze.ts';
import { clean, cut, type Line, pad, plain, span, widthOf } from './line.ts';
import { roleOf } from './live-changes.ts';
import type { LiveState } from './live-state.ts';

interface Column {
  readonly head: string;
  readonly isLeft: boolean;
  /** The highest go first. */
  readonly priority: number;
  readonly cell: (one: PartitionReport) => Line;
  readonly total: Line;
}

/** With the width of what is in sight: others would cost, and say nothing here. */
interface Measured extends Column {
  readonly width: number;
}

/**
 * START, HOST, COMMITTED and GROUP-LAG are left to the page of a partition: between two looks at the ledger, they would come and
 * go. In place of LEDGER stands what the lag is counted from.
 */
const PRIORITIES: Readonly<Record<string, number>> = {
  PART: 0,
  LAG: 1,
  STATE: 2,
  BEHIND: 3,
  LOST: 4,
  'IN/s': 5,
  'OUT/s': 6,
  ETA: 8,
  END: 11,
  LOADED: 10,
  MEMBER: 13,
  ERROR: 4,
};
const LOADED: LagColumn = { head: 'LOADED', cell: ({ sample }) => formatWhole(sample.position) };
const TREND_PRIORITY = 7;
const TREND_WIDTHS = { min: 8, max: 24 } as const;
const TEXT_WIDTH_MAX = 40;
const NARROW_WIDTH = 34;
const GAP = '  ';
/** For the mark of the line that is selected. */
const MARK_WIDTH = 2;

interface TableOptions {
  readonly width: number;
  /** Of all lines, heads and total included. */
  readonly rows: number;
  readonly hasTotal: boolean;
}

/** Exactly `rows` lines. */
export function layoutTable(state: LiveState, { width, rows, hasTotal }: TableOptions): readonly Line[] {
  const partitions = visiblePartitions(state);
  const room = Math.max(rows - (hasTotal ? 2 : 1), 1);
  const index = Math.max(
    partitions.findIndex(({ sample }) => sample.partition === state.gaze.selected),
    0,
  );
  const top = Math.min(Math.max(index - Math.floor(room / 2), 0), Math.max(partitions.length - room, 0));
  const inView = partitions.slice(top, top + room);
  const columns = columnsFor(state, { inView, width: width - MARK_WIDTH, hasTotal });
  const format = formatter(columns);
  const lines: Line[] = [cut([span('  '), ...format((column) => plain(column.head, 'dim'))], width)];
  for (const [nth, one] of inView.entries()) {
    const isSelected = top + nth === index;
    const cells = format((column) => column.cell(one));
    lines.push(cut([span(isSelected ? '▌ ' : '  ', 'strong'), ...(isSelected ? cells.map(strongly) : cells)], width));
  }
  if (partitions.length === 0) lines.push(cut(plain(nothing(state), 'dim'), width));
  if (hasTotal) lines.push(cut([span('  '), ...format((column) => column.total)], width));
  while (lines.length < rows) lines.push([]);
  return notedEnds(lines.slice(0, rows), { above: top, below: partitions.length - top - inView.length, width, room });
}

/** What is out of sight is said on the first and the last line in sight. */
function notedEnds(
  lines: Line[],
  { above, below, width, room }: { readonly above: number; readonly below: number; readonly width: number; readonly room: number },
): readonly Line[] {
  const note = (at: number, text: string): void => {
    const line = lines[at];
    if (line === undefined || width < 40) return;
    lines[at] = [...pad(cut(line, width - text.length - 1), { width: width - text.length }), span(text, 'dim')];
  };
  if (above > 0) note(1, ` ↑ ${above}`);
  if (below > 0) note(room, ` ↓ ${below}`);
  return lines;
}

function strongly({ text, role }: Line[number]): Line[number] {
  return { text, role: role === 'plain' ? 'strong' : role };
}

function nothing({ gaze, now }: LiveState): string {
  if (gaze.filter !== '') return `  no partition matches ${gaze.filter}`;
  return now.report.partitions.length === 0 ? '  the topic has no partitions' : '  no partition lags';
}

function formatter(columns: readonly Measured[]): (cell: (column: Column) => Line) => Line {
  return (cell) =>
    columns.flatMap((column, at) => {
      const padded = pad(cell(column), column);
      return at === 0 ? padded : [span(GAP), ...padded];
    });
}

function measured(column: Column, inView: readonly PartitionReport[]): Measured {
  const width = Math.max(column.head.length, widthOf(column.total), ...inView.map((one) => widthOf(column.cell(one))));
  return { ...column, width };
}

interface ColumnsOptions {
  readonly inView: readonly PartitionReport[];
  readonly width: number;
  readonly hasTotal: boolean;
}

function columnsFor(state: LiveState, { inView, width, hasTotal }: ColumnsOptions): readonly Measured[] {
  const { report } = shownOf(state);
  const shared = LAG_COLUMNS.filter(({ head, when }) => head in PRIORITIES && (when === undefined || when(report.partitions)));
  const kept = shared
    .flatMap((column) => (column.head === 'END' ? [LOADED, column] : column))
    .map((column) => plainColumn(column, { report, isNarrow: width < NARROW_WIDTH }))
    .flatMap((column) => (column.head === 'LAG' ? [lagColumn(state), trendColumn(state, TREND_WIDTHS.min)] : column))
    .map((column) => measured(hasTotal ? column : { ...column, total: [] }, inView));
  const widthOfAll = (): number => kept.reduce((sum, column) => sum + column.width + GAP.length, -GAP.length);
  while (kept.length > 1 && widthOfAll() > width) {
    const least = Math.max(...kept.map(({ priority }) => priority));
    kept.splice(
      kept.findLastIndex(({ priority }) => priority === least),
      1,
    );
  }
  const grown = Math.min(TREND_WIDTHS.min + Math.max(width - widthOfAll(), 0), TREND_WIDTHS.max);
  return kept.map((column) => (column.head === 'TREND' ? measured(trendColumn(state, grown), inView) : column));
}

interface PlainOptions {
  readonly report: LagReport;
  /** Of a verdict, its glyph alone. */
  readonly isNarrow: boolean;
}

function plainColumn({ head, isLeft, cell, total }: LagColumn, { report, isNarrow }: PlainOptions): Column {
  const isState = head === 'STATE';
  const shorten = (text: string): string => (isState && isNarrow ? text.slice(0, 1) : text);
  // Which one is the worst stands in the header.
  const totalText = (total?.(report) ?? '').replace(/ worst .*/u, '');
  return {
    head: shorten(head),
    isLeft: isLeft === true,
    priority: PRIORITIES[head] ?? 0,
    cell: (one) => cut(plain(clean(shorten(cell(one))), isState ? roleOf(one.severity) : 'plain'), TEXT_WIDTH_MAX),
    total: plain(shorten(totalText), isState ? roleOf(report.total.severity) : 'plain'),
  };
}

/** With an arrow for what the last look changed; or the change since the start. */
function lagColumn(state: LiveState): Column {
  const { report, before } = shownOf(state);
  const { first, gaze } = state;
  const cell = (lag: number | undefined, lagBefore: number | undefined, lagFirst: number | undefined): Line => {
    const text = gaze.isDelta ? signed(lag, lagFirst) : formatWhole(lag);
    if (lag === undefined || lagBefore === undefined || lag === lagBefore) return [span(text), span(' ')];
    return [span(text), lag > lagBefore ? span('↑', 'error') : span('↓', 'ok')];
  };
  const { total } = report;
  const isPartial = total.lag === undefined && !gaze.isDelta;
  const lagsBefore = lagsOf(before);
  const lagsFirst = lagsOf(first);
  return {
    head: gaze.isDelta ? '±LAG ' : 'LAG ',
    isLeft: false,
    priority: PRIORITIES['LAG'] ?? 0,
    cell: ({ lag, sample: { partition } }) => cell(lag, lagsBefore.get(partition), lagsFirst.get(partition)),
    total: isPartial ? [span(formatTotal(total.lag, total.lagAtLeast)), span(' ')] : cell(total.lag, before?.total.lag, first.total.lag),
  };
}

function lagsOf(report: LagReport | undefined): ReadonlyMap<number, number | undefined> {
  return new Map(report?.partitions.map(({ sample, lag }) => [sample.partition, lag]));
}

export function signed(value: number | undefined, from: number | undefined): string {
  if (value === undefined || from === undefined) return '-';
  const change = value - from;
  return `${change > 0 ? '+' : ''}${formatWhole(change)}`;
}

function trendColumn(state: LiveState, width: number): Column {
  const { history } = shownOf(state);
  return {
    head: 'TREND',
    isLeft: true,
    priority: TREND_PRIORITY,
    cell: ({ sample: { partition } }) => {
      const values = history.slice(-width).map(({ partitions }) => partitions.get(partition)?.lag);
      return plain(sparkline(values, width), 'info');
    },
    total: plain(
      sparkline(
        history.map(({ lag }) => lag),
        width,
      ),
      'info',
    ),
  };
}
