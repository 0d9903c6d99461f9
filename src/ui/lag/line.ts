// A line of the live view before it is painted: pieces of text with the part each plays. Widths are counted in characters,
// which `clean` makes right: what comes from outside keeps only characters of one cell.

/** What a piece is, not how it looks: paint.ts decides that, and colour never says anything alone. */
export type Role = 'plain' | 'ok' | 'info' | 'warn' | 'error' | 'dim' | 'strong' | 'selected';

export interface Span {
  readonly text: string;
  readonly role: Role;
}

export type Line = readonly Span[];

export function span(text: string, role: Role = 'plain'): Span {
  return { text, role };
}

export function plain(text: string, role: Role = 'plain'): Line {
  return [span(text, role)];
}

export function widthOf(line: Line): number {
  return line.reduce((sum, { text }) => sum + text.length, 0);
}

/** Never wider than `width`; what is cut off ends in `…`. */
export function cut(line: Line, width: number): Line {
  if (widthOf(line) <= width) return line;
  const kept: Span[] = [];
  let left = Math.max(width - 1, 0);
  for (const { text, role } of line) {
    if (left === 0) break;
    kept.push({ text: text.slice(0, left), role });
    left -= Math.min(text.length, left);
  }
  return width > 0 ? [...kept, span('…', 'dim')] : [];
}

export function pad(line: Line, { width, isLeft = true }: { readonly width: number; readonly isLeft?: boolean }): Line {
  const missing = width - widthOf(line);
  if (missing <= 0) return line;
  const blank = span(' '.repeat(missing));
  return isLeft ? [...line, blank] : [blank, ...line];
}

/** The parts side by side; where they do not cut, those of the highest number go, the last of them first. */
export function fitParts(parts: readonly { readonly line: Line; readonly priority: number }[], width: number, gap = '  '): Line {
  const kept = parts.filter(({ line }) => widthOf(line) > 0);
  const widthOfAll = (): number => kept.reduce((sum, { line }) => sum + widthOf(line), 0) + gap.length * Math.max(kept.length - 1, 0);
  while (kept.length > 1 && widthOfAll() > width) {
    const least = Math.max(...kept.map(({ priority }) => priority));
    kept.splice(
      kept.findLastIndex(({ priority }) => priority === least),
      1,
    );
  }
  return cut(
    kept.flatMap(({ line }, index) => (index === 0 ? line : [span(gap), ...line])),
    width,
  );
}

/** One to the left and one to the right; the left one gives way. */
export function justify(left: Line, right: Line, width: number): Line {
  const room = width - widthOf(right) - 1;
  if (room < 8) return cut(left, width);
  return [...pad(cut(left, room), { width: room + 1 }), ...right];
}

/** Words of a sentence on lines of at most `width`; the last of `linesMax` is cut. */
export function wrap(text: string, { width, linesMax }: { readonly width: number; readonly linesMax: number }): readonly string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    if (current !== '' && current.length + 1 + word.length > width && lines.length < linesMax - 1) {
      lines.push(current);
      current = word;
    } else current = current === '' ? word : `${current} ${word}`;
  }
  lines.push(current);
  return lines.map((line) => (line.length > width ? `${line.slice(0, Math.max(width - 1, 0))}…` : line));
}

/** Names come from outside: nothing in them steers the terminal, and each character takes one cell. */
export function clean(text: string): string {
  if (/^[\x20-\x7e]*$/u.test(text)) return text;
  return text
    .replaceAll(/\p{C}/gu, '·')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[\u1100-\u115f\u2329-\u232a\u2e80-\uffff]|[\u{10000}-\u{10ffff}]|\p{Emoji_Presentation}/gu, '?');
}
