// The whole picture for a size: header, table or partition or help, events, keys. Pure: state and size -> exactly as many
// lines as there are rows, none wider than the columns. frame.tsx shows it.

import { layoutHeader } from './header.ts';
import { layoutHelpAlone, layoutHelpBeside } from './help-page.ts';
import { HELP_KEYS } from './keys.ts';
import { clean, cut, fitParts, type Line, plain, span } from './line.ts';
import type { LiveEvent } from './live-changes.ts';
import { clock, type LiveState } from './live-state.ts';
import { layoutPartition } from './partition-page.ts';
import { layoutTable } from './partition-table.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

interface Now {
  /** Monotonic. */
  readonly elapsedMs: number;
}

/** Below this no key bar and no event line: the numbers need the room. */
const SMALL_ROWS = 12;
const HEADER_ROWS_MAX = 7;
const TOTAL_FROM_ROWS = 20;
const EVENTS_MAX = 5;

export function layoutScreen(state: LiveState, { columns, rows }: Size, { elapsedMs }: Now): readonly Line[] {
  const isSmall = rows < SMALL_ROWS;
  const headerRows = Math.min(Math.max(Math.floor(rows / 3), 2), HEADER_ROWS_MAX);
  const header = layoutHeader(state, { width: columns, rows: headerRows, elapsedMs });
  const foot = isSmall && !state.gaze.isTyping ? [] : [keyBar(state, columns)];
  const rule: readonly Line[] = isSmall ? [] : [plain('─'.repeat(columns), 'dim')];
  const left = rows - header.length - rule.length - foot.length;
  const eventRows = isSmall ? 0 : eventRowsOf(state, left);
  const body = layoutBody(state, { columns, rows: Math.max(left - eventRows, 1) }, rows);
  // Where it does not fit beside the numbers it takes their place, but for whose they are and how fresh.
  if (body === undefined) {
    const title = layoutHeader(state, { width: columns, rows: 1, elapsedMs });
    const help = layoutHelpAlone(state.gaze.helpTop ?? 0, { columns, rows: rows - title.length });
    return filled([...title, ...help], { columns, rows });
  }
  const lines = [...header, ...rule, ...body, ...layoutEvents(state.events, { columns, rows: eventRows }), ...foot];
  return filled(lines, { columns, rows });
}

function filled(lines: readonly Line[], { columns, rows }: Size): readonly Line[] {
  return Array.from({ length: rows }, (_, row) => cut(lines[row] ?? [], columns));
}

/** Lines of the body, as PgUp and PgDn need them. */
export function pageRowsOf(rows: number): number {
  return Math.max(rows - HEADER_ROWS_MAX - 4, 1);
}

/** One line always, more where the table leaves them free. */
function eventRowsOf({ gaze, now, events }: LiveState, left: number): number {
  const needed = gaze.page === 'table' && !gaze.isHelp ? now.report.partitions.length + 2 : left;
  return Math.min(Math.max(left - needed, 1), EVENTS_MAX, Math.max(events.length, 1));
}

/** As many lines as there are rows; undefined where the help needs more. */
function layoutBody(state: LiveState, { columns, rows }: Size, screenRows: number): readonly Line[] | undefined {
  if (state.gaze.isHelp) {
    const help = layoutHelpBeside({ columns, rows });
    return help && filled(help, { columns, rows });
  }
  if (state.gaze.page === 'partition') return layoutPartition(state, { width: columns, rows });
  return layoutTable(state, { width: columns, rows, hasTotal: screenRows >= TOTAL_FROM_ROWS && columns >= 40 });
}

function layoutEvents(events: readonly LiveEvent[], { columns, rows }: Size): readonly Line[] {
  const latest = events.slice(-Math.max(rows, 1)).reverse();
  const lines = latest.map(({ atMs, text, role }) => cut([span(`${clock(atMs)}  `, 'dim'), span(clean(text), role)], columns));
  const nothing = plain('no events yet', 'dim');
  return Array.from({ length: rows }, (_, row) => lines[row] ?? (row === 0 ? nothing : []));
}

/** The keys; what was chosen with them stands first, as it changes what is seen. */
function keyBar({ gaze }: LiveState, columns: number): Line {
  if (gaze.isTyping) return [span('/', 'strong'), span(gaze.filter), span('_', 'dim'), span('  Enter keeps it, Esc clears it', 'dim')];
  const order = `${gaze.sort}${gaze.isReversed ? ' reversed' : ''}`;
  const chosen = [
    gaze.filter === '' ? '' : `/${gaze.filter}`,
    gaze.onlyLagging ? 'only lagging' : '',
    gaze.isDelta ? 'change since start' : '',
    order === 'partition' ? '' : `by ${order}`,
  ].filter((text) => text !== '');
  const isInside = gaze.page === 'partition';
  const keys = [
    ...HELP_KEYS.filter(({ short }) => short !== undefined && !(isInside && short === 'open')),
    ...(isInside ? [{ keys: 'Esc', short: 'back' }] : []),
  ];
  return fitParts(
    [
      ...chosen.map((text) => ({ line: plain(text, 'info'), priority: 1 })),
      ...keys.map(({ keys: key, short = '' }, at) => {
        const first = key.startsWith('↑') ? '↑↓' : (key.split(' ')[0] ?? key);
        return {
          line: [span(short === 'interval' ? '+-' : first, 'strong'), span(` ${short}`, 'dim')],
          priority: short === 'back' ? 1 : 2 + at,
        };
      }),
    ],
    columns,
  );
}
