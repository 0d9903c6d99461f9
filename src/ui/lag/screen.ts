// The terminal as the live view uses it: the alternate screen, drawn line by line, only lines that differ, in one write a
// frame; given back as it was found. Ink's own writer clears all of it where a frame is as tall as the terminal, which
// flickers, so Ink renders into `frames` here (docs/decisions/0013-live-view.md).
import { Writable } from 'node:stream';
import type { Size } from './view-model.ts';

/** The part of a terminal's stream that is needed; process.stdout fits. */
export interface TerminalOutput {
  write(text: string): unknown;
  readonly columns: number;
  readonly rows: number;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

export interface Screen extends Disposable {
  /** What Ink writes to: whole frames. */
  readonly frames: NodeJS.WriteStream;
  size(): Size;
  onResize(listener: () => void): void;
  /** Gives the terminal back until `enter()`; frames meanwhile are not written. */
  leave(): void;
  /** Takes it, as it may look like anything by now, and draws the whole of the last frame. */
  enter(): void;
}

const ENTER = '\u001b[?1049h\u001b[?7l\u001b[?25l\u001b[2J';
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l';
/** A terminal that knows them shows what is between them at once. */
const BEGIN_FRAME = '\u001b[?2026h';
const END_FRAME = '\u001b[?2026l';

/** @param toLines a frame as it was written -> the lines to draw */
export function openScreen(output: TerminalOutput, toLines: (frame: string) => readonly string[]): Screen {
  let drawn: readonly string[] = [];
  let mustClear = false;
  let isOpen = true;
  let isAway = false;
  let last: readonly string[] = [];
  const listeners = new Set<() => void>();
  // A terminal that does not tell its size, as some consoles: 0.
  const size = (): Size => ({ columns: output.columns || 80, rows: output.rows || 24 });
  const draw = (frame: string): void => {
    last = toLines(frame);
    show();
  };
  const show = (): void => {
    if (!isOpen || isAway) return;
    const { columns, rows } = size();
    const lines = last.slice(0, rows);
    const changed = Array.from({ length: rows }, (_, row) => {
      const line = lines[row] ?? '';
      if (line === (drawn[row] ?? '')) return '';
      // Behind a full line the cursor stands on its last cell, and erasing would take that.
      const erase = widthOf(line) < columns ? '\u001b[K' : '';
      return `\u001b[${row + 1};1H${line}\u001b[0m${erase}`;
    });
    const text = `${mustClear ? '\u001b[2J' : ''}${changed.join('')}`;
    drawn = lines;
    mustClear = false;
    if (text !== '') output.write(`${BEGIN_FRAME}${text}${END_FRAME}`);
  };
  const resized = (): void => {
    drawn = [];
    mustClear = true;
    for (const listener of listeners) listener();
  };
  const frames = new Writable({
    decodeStrings: false,
    write: (chunk, _encoding, done) => {
      draw(String(chunk));
      done();
    },
  });
  output.write(ENTER);
  output.on('resize', resized);
  return {
    frames: asTerminal(frames, size),
    size,
    onResize: (listener) => void listeners.add(listener),
    leave: () => {
      if (isOpen && !isAway) output.write(LEAVE);
      isAway = true;
    },
    enter: () => {
      if (!isOpen) return;
      isAway = false;
      drawn = [];
      output.write(ENTER);
      show();
    },
    [Symbol.dispose]: () => {
      if (!isOpen) return;
      isOpen = false;
      output.off('resize', resized);
      if (!isAway) output.write(LEAVE);
    },
  };
}

/** Ink asks a stream for its size. A mark a row is one column: cells beside it would only be made and thrown away. */
function asTerminal(stream: Writable, size: () => Size): NodeJS.WriteStream {
  Object.defineProperties(stream, {
    columns: { value: 1 },
    rows: { get: () => size().rows },
    isTTY: { value: true },
  });
  return stream as unknown as NodeJS.WriteStream;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences that take no cell.
const SEQUENCES = /\u001b\[[0-9;]*m/gu;

/** paint.ts makes lines of which each character takes one cell. */
function widthOf(line: string): number {
  return line.replaceAll(SEQUENCES, '').length;
}
