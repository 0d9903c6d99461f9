// Lines -> text for the terminal: colour where it is wanted, ASCII where the locale has no more. The last step before Ink.
import { Chalk } from 'chalk';
import type { Line, Role } from './line.ts';

export interface Look {
  readonly hasColor: boolean;
  readonly isUnicode: boolean;
}

/** One character for one, so that no width changes. */
const ASCII: Readonly<Record<string, string>> = {
  '●': '*',
  '○': 'o',
  '◌': '~',
  '■': '#',
  '▲': '!',
  '▼': 'v',
  '✖': 'X',
  '✗': 'X',
  '✓': '+',
  '↺': '<',
  '↑': '^',
  '↓': 'v',
  '→': '>',
  '…': '~',
  '≤': '<',
  '≥': '>',
  '×': 'x',
  '·': '.',
  '–': '-',
  '│': '|',
  '└': '+',
  '─': '-',
  '▌': '>',
  '±': '~',
  '▁': '_',
  '▂': '.',
  '▃': ':',
  '▄': '-',
  '▅': '=',
  '▆': '+',
  '▇': '#',
  '█': '#',
};

export function toAscii(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all that is not ASCII is looked for.
  return text.replaceAll(/[^\u0000-\u007f]/gu, (character) => ASCII[character] ?? '?');
}

const CHALK = new Chalk({ level: 1 });

const PAINTS: Readonly<Record<Role, (text: string) => string>> = {
  plain: (text) => text,
  ok: CHALK.green,
  info: CHALK.blue,
  warn: CHALK.yellow,
  error: CHALK.red,
  dim: CHALK.dim,
  strong: CHALK.bold,
  selected: CHALK.inverse,
};

export function paint(line: Line, { hasColor, isUnicode }: Look): string {
  return line
    .map(({ text, role }) => {
      const shown = isUnicode ? text : toAscii(text);
      return hasColor && shown !== '' ? PAINTS[role](shown) : shown;
    })
    .join('');
}
