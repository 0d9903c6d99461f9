// The keys, in the room there is: columns side by side, one below the other where that is too wide, and a part of them that keys
// move where that is too long. Pure; view-model.ts puts it on the screen.
import { HELP_KEYS } from './keys.ts';
import { type Line, pad, plain, span, widthOf, wrap } from './line.ts';

interface Room {
  readonly columns: number;
  readonly rows: number;
}

const GAP = 3;
const INDENT = '   ';

/** All of it beside the numbers; undefined where it does not fit. */
export function layoutHelpBeside({ columns, rows }: Room): readonly Line[] | undefined {
  const lines = helpLines({ columns, rows });
  return lines.length <= rows ? lines : undefined;
}

/** As much as fits, from a line on; the last row says what is out of sight. @param room below the title */
export function layoutHelpAlone(from: number, { columns, rows }: Room): readonly Line[] {
  const inSight = Math.max(rows, 1);
  const lines = helpLines({ columns, rows: inSight });
  if (lines.length <= inSight) return lines;
  const shown = linesInSight(inSight);
  const top = Math.min(from, lines.length - shown);
  const below = lines.length - shown - top;
  const texts = [top > 0 ? `↑ ${top}` : '', below > 0 ? `↓ ${below}` : ''].filter((text) => text !== '');
  return [...lines.slice(top, top + shown), plain(`${texts.join('  ')}${texts.length > 1 ? '' : ' more'}: j k`, 'dim')];
}

interface HelpReach {
  /** The last line that it can begin with. */
  readonly topMax: number;
  /** Lines in sight. */
  readonly rows: number;
}

/** How far keys can move it; undefined where all of it is in sight. @param room the whole screen */
export function helpReach({ columns, rows }: Room): HelpReach | undefined {
  const inSight = Math.max(rows - 1, 1);
  const { length } = helpLines({ columns, rows: inSight });
  const shown = linesInSight(inSight);
  return length <= inSight ? undefined : { topMax: length - shown, rows: shown };
}

function linesInSight(rows: number): number {
  return Math.max(rows - 1, 1);
}

function helpLines({ columns, rows }: Room): readonly Line[] {
  const keyWidth = Math.max(...HELP_KEYS.map(({ keys }) => keys.length));
  const entries = HELP_KEYS.map(({ keys, about }) => [...pad(plain(keys, 'strong'), { width: keyWidth }), span(`  ${about}`)]);
  const width = Math.max(...entries.map(widthOf)) + GAP;
  if (columns < width - GAP) return HELP_KEYS.flatMap((entry) => wrapped(entry, columns));
  const across = Math.max(Math.min(Math.floor((columns + GAP) / width), Math.ceil(entries.length / Math.max(rows, 1))), 1);
  const down = Math.ceil(entries.length / across);
  return Array.from({ length: down }, (_, row) =>
    Array.from({ length: across }, (__, column) => pad(entries[column * down + row] ?? [], { width })).flat(),
  );
}

function wrapped({ keys, about }: { readonly keys: string; readonly about: string }, columns: number): readonly Line[] {
  const [first = '', ...more] = wrap(`${keys}  ${about}`, { width: columns - INDENT.length, linesMax: Number.POSITIVE_INFINITY });
  return [[span(keys, 'strong'), span(first.slice(keys.length))], ...more.map((text) => plain(`${INDENT}${text}`))];
}
