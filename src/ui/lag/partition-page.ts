// One partition: its numbers, the rule behind its verdict, lag and rates over the last looks, the last changes of its
// verdict. Pure.
import type { PartitionReport } from '../../core/lag/assess.ts';
import { formatAge, formatDuration } from '../../core/lag/format-duration.ts';
import { formatEta, formatRate, formatWhole, GLYPHS } from '../../core/lag/format-table.ts';
import { chart, greatest } from './chart.ts';
import { shownOf } from './gaze.ts';
import { clean, cut, fitParts, type Line, plain, span, wrap } from './line.ts';
import { roleOf } from './live-changes.ts';
import { clock, type HistoryPoint, type LiveState } from './live-state.ts';

interface PageOptions {
  readonly width: number;
  readonly rows: number;
}

const SCALE_WIDTH = 9;
const LAG_ROWS = { min: 2, max: 12 } as const;
const CHANGES_ROWS = { min: 2, max: 20 } as const;

/** Exactly `rows` lines. */
export function layoutPartition(state: LiveState, { width, rows }: PageOptions): readonly Line[] {
  const shown = shownOf(state);
  const one = shown.report.partitions.find(({ sample }) => sample.partition === state.gaze.selected);
  const facts = one === undefined ? [plain(`p${state.gaze.selected} is not there any more`, 'warn')] : factLines(one, width);
  const changes = changeLines(state);
  const left = Math.max(rows - facts.length, 0);
  const changeRows = Math.min(Math.max(Math.floor(left / 4), CHANGES_ROWS.min), changes.length, CHANGES_ROWS.max);
  const chartRows = left - changeRows;
  const lines = [...facts, ...chartLines(state.gaze.selected, shown.history, { width, rows: chartRows }), ...changes.slice(0, changeRows)];
  return Array.from({ length: rows }, (_, row) => cut(lines[row] ?? [], width));
}

function factLines(one: PartitionReport, width: number): Line[] {
  const { sample, verdict, severity, because, lag, lost, inPerSecond, outPerSecond, etaSeconds, groupLag, retentionShare, hotness } = one;
  const { partition, start, end, loaded, committed, member, by } = sample;
  const part = (text: string, priority: number): { readonly line: Line; readonly priority: number } => ({ line: plain(text), priority });
  const [first = '', ...more] = wrap(clean(because), { width: Math.max(width - verdict.length - 12, 10), linesMax: 2 });
  const title: Line = [
    span(`p${partition}`, 'strong'),
    span(`  ${GLYPHS[verdict]} ${verdict === 'UNKNOWN' ? '' : verdict}  `, roleOf(severity)),
    span(first),
  ];
  return [
    title,
    ...more.map((text) => plain(`      ${text}`)),
    fitParts(
      [
        part(`lag ${formatWhole(lag)}`, 0),
        part(`behind ${lag === 0 ? '0' : formatAge(sample.timeLag?.maxMs)}`, 1),
        part(`in ${formatRate(inPerSecond)}/s`, 2),
        part(`out ${formatRate(outPerSecond)}/s`, 2),
        part(`ETA ${formatEta(etaSeconds)}`, 3),
        part(lost > 0 ? `✖ lost ${formatWhole(lost)}` : '', 0),
        part(hotness === undefined ? '' : `hot ×${hotness.toFixed(1)}`, 4),
        part(retentionShare === undefined ? '' : `${Math.round(retentionShare * 100)} % of its log`, 5),
      ],
      width,
    ),
    fitParts(
      [
        part(`by ${by}`, 4),
        part(loaded === undefined ? '' : `ledger ${formatWhole(loaded)}`, 0),
        part(`committed ${formatWhole(committed)}`, 1),
        part(groupLag === lag ? '' : `lag by it ${formatWhole(groupLag)}`, 3),
        part(`log ${formatWhole(start)} to ${formatWhole(end)}`, 2),
      ],
      width,
    ),
    plain(
      member === undefined ? 'no member' : `member ${clean(member.clientId)} at ${clean(member.host)}`,
      member === undefined ? 'warn' : 'dim',
    ),
  ];
}

/** Lag above, in and out below it, on the same looks. */
function chartLines(partition: number, history: readonly HistoryPoint[], { width, rows }: PageOptions): readonly Line[] {
  const columns = width - SCALE_WIDTH - 1;
  if (rows < LAG_ROWS.min || columns < 10) return [];
  const looks = history.slice(-columns);
  const points = looks.map(({ partitions }) => partitions.get(partition));
  const rateRows = rows >= 8 ? Math.min(Math.floor((rows - 2) / 4), 6) : rows >= 5 ? 1 : 0;
  const lagRows = Math.min(rows - 1 - 2 * rateRows, LAG_ROWS.max);
  const rates = { in: points.map((point) => point?.inPerSecond), out: points.map((point) => point?.outPerSecond) };
  const size = { width: columns, height: rateRows };
  const most = greatest([...rates.in, ...rates.out]);
  return [
    ...scaled(
      points.map((point) => point?.lag),
      { width: columns, height: lagRows },
      { name: 'lag', role: 'info' },
    ),
    ...(rateRows === 0
      ? []
      : [...scaled(rates.in, size, { name: 'in/s', role: 'ok', most }), ...scaled(rates.out, size, { name: 'out/s', role: 'warn', most })]),
    plain(`${' '.repeat(SCALE_WIDTH)}└${axis(looks, columns)}`, 'dim'),
  ];
}

interface ChartSize {
  readonly width: number;
  readonly height: number;
}

interface Series {
  readonly name: string;
  readonly role: 'info' | 'ok' | 'warn';
  /** Of the scale, where two share one. */
  readonly most?: number;
}

function scaled(values: readonly (number | undefined)[], size: ChartSize, { name, role, most }: Series): Line[] {
  const top = most ?? greatest(values.slice(-size.width));
  const rows = chart(values, { ...size, most });
  return rows.map((row, at) => {
    const label = at === 0 ? `${name} ${compact(top)}` : '';
    return [span(`${label.padStart(SCALE_WIDTH).slice(-SCALE_WIDTH)}│`, 'dim'), span(row, role)];
  });
}

function axis(looks: readonly HistoryPoint[], columns: number): string {
  const [first, last] = [looks[0], looks.at(-1)];
  if (first === undefined || last === undefined) return '';
  const text = ` ${counted(looks.length)} over ${formatDuration(last.atMs - first.atMs)}, to ${clock(last.atMs)}Z `;
  return text.length > columns ? '─'.repeat(columns) : text.padStart(columns, '─');
}

function counted(looks: number): string {
  return looks === 1 ? '1 look' : `${looks} looks`;
}

function changeLines({ changes, gaze }: LiveState): readonly Line[] {
  const own = changes.filter(({ partition }) => partition === gaze.selected).reverse();
  if (own.length === 0) return [plain('no change of its verdict since the start', 'dim')];
  return own.map(({ atMs, from, to, because }) => plain(`${clock(atMs)}  ${from ?? '?'} → ${GLYPHS[to]} ${to}  ${clean(because)}`));
}

/** For a scale: `950`, `15.8k`, `3.2M`. */
export function compact(value: number): string {
  if (value < 1_000) return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : String(Math.round(value));
  const [size, letter] = value < 1_000_000 ? [1_000, 'k'] : value < 1_000_000_000 ? [1_000_000, 'M'] : [1_000_000_000, 'G'];
  const scaledDown = value / Number(size);
  return `${scaledDown < 100 ? scaledDown.toFixed(1) : Math.round(scaledDown)}${letter}`;
}
