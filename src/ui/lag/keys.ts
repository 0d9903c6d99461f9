// The keys of the live view: what was pressed -> what is wanted, and the same table as its help. Pure.

export type KeyAction =
  | { readonly kind: 'quit'; readonly isInterrupt: boolean }
  | { readonly kind: 'help' | 'filter' | 'enter' | 'back' | 'erase' | 'pause' | 'only-lagging' | 'delta' | 'reverse' | 'poll' | 'stop' }
  | { readonly kind: 'type'; readonly text: string }
  | { readonly kind: 'move'; readonly by: number }
  | { readonly kind: 'page'; readonly by: 1 | -1 }
  | { readonly kind: 'edge'; readonly to: 'first' | 'last' }
  | { readonly kind: 'sort'; readonly by: 1 | -1 }
  | { readonly kind: 'interval'; readonly times: 2 | 0.5 };

/** The part of Ink's key that is looked at. */
export interface PressedKey {
  readonly upArrow: boolean;
  readonly downArrow: boolean;
  readonly pageUp: boolean;
  readonly pageDown: boolean;
  readonly home: boolean;
  readonly end: boolean;
  readonly return: boolean;
  readonly escape: boolean;
  readonly ctrl: boolean;
  readonly meta: boolean;
  readonly backspace: boolean;
  readonly delete: boolean;
}

const LETTERS: Readonly<Record<string, KeyAction>> = {
  q: { kind: 'quit', isInterrupt: false },
  '?': { kind: 'help' },
  '/': { kind: 'filter' },
  j: { kind: 'move', by: 1 },
  k: { kind: 'move', by: -1 },
  g: { kind: 'edge', to: 'first' },
  G: { kind: 'edge', to: 'last' },
  s: { kind: 'sort', by: 1 },
  S: { kind: 'sort', by: -1 },
  r: { kind: 'reverse' },
  p: { kind: 'pause' },
  ' ': { kind: 'pause' },
  '+': { kind: 'interval', times: 2 },
  '=': { kind: 'interval', times: 2 },
  '-': { kind: 'interval', times: 0.5 },
  l: { kind: 'only-lagging' },
  d: { kind: 'delta' },
  R: { kind: 'poll' },
};

/** As they come within a read of several keys, where nobody has named them. */
const CONTROLS: Readonly<Record<string, KeyAction>> = {
  '\r': { kind: 'enter' },
  '\n': { kind: 'enter' },
  '\b': { kind: 'erase' },
  '\u007f': { kind: 'erase' },
  '\u0003': { kind: 'quit', isInterrupt: true },
  '\u001a': { kind: 'stop' },
};

/** As Ink names them with `ctrl`. */
const CONTROL_LETTERS: Readonly<Record<string, KeyAction>> = { c: { kind: 'quit', isInterrupt: true }, z: { kind: 'stop' } };

export interface HelpKey {
  readonly keys: string;
  readonly about: string;
  /** For the key bar; absent: only in the help. */
  readonly short?: string;
}

export const HELP_KEYS: readonly HelpKey[] = [
  { keys: 'q', about: 'quit (Ctrl-C: exit 130)', short: 'quit' },
  { keys: '?', about: 'this help', short: 'help' },
  { keys: '↑↓ j k', about: 'move', short: 'move' },
  { keys: 'PgUp PgDn', about: 'move a page' },
  { keys: 'g G', about: 'first, last' },
  { keys: 'Enter', about: 'look into a partition', short: 'open' },
  { keys: 'Esc', about: 'back; clear the filter' },
  { keys: '/', about: 'filter; ! inverts', short: 'filter' },
  { keys: 's S', about: 'next, previous order', short: 'sort' },
  { keys: 'r', about: 'the other way round' },
  { keys: 'l', about: 'only what lags', short: 'lagging' },
  { keys: 'd', about: 'lag, or its change since the start', short: 'delta' },
  { keys: 'p Space', about: 'hold the picture; looks go on', short: 'pause' },
  { keys: '+ -', about: 'pause between looks x2, /2', short: 'interval' },
  { keys: 'R', about: 'look now' },
  { keys: 'Ctrl-Z', about: 'stop; fg goes on' },
];

/** What a key wants; undefined: nothing. While a filter is typed, letters are text. */
export function readKey(input: string, key: PressedKey, { isTyping }: { readonly isTyping: boolean }): KeyAction | undefined {
  const control = CONTROLS[input];
  if (control !== undefined) return control;
  if (key.ctrl) return CONTROL_LETTERS[input];
  if (key.return) return { kind: 'enter' };
  if (key.escape) return { kind: 'back' };
  if (key.upArrow) return { kind: 'move', by: -1 };
  if (key.downArrow) return { kind: 'move', by: 1 };
  if (key.pageUp) return { kind: 'page', by: -1 };
  if (key.pageDown) return { kind: 'page', by: 1 };
  if (key.home) return { kind: 'edge', to: 'first' };
  if (key.end) return { kind: 'edge', to: 'last' };
  if (isTyping) return readText(input, key);
  return key.meta ? undefined : LETTERS[input];
}

function readText(input: string, key: PressedKey): KeyAction | undefined {
  if (key.backspace || key.delete) return { kind: 'erase' };
  const text = input.replaceAll(/[^\x20-\x7e]/gu, '');
  return text === '' || key.meta ? undefined : { kind: 'type', text };
}
