import { describe, expect, test } from 'vitest';
import { afterKey, visiblePartitions } from '../../../src/ui/lag/gaze.ts';
import { type PressedKey, readKey } from '../../../src/ui/lag/keys.ts';
import type { LiveState } from '../../../src/ui/lag/live-state.ts';
import { samplesOf, stateOf } from './states.ts';

const NO_KEY: PressedKey = {
  ...{ upArrow: false, downArrow: false, pageUp: false, pageDown: false, home: false, end: false },
  ...{ return: false, escape: false, ctrl: false, meta: false, backspace: false, delete: false },
};
const NAMED: Readonly<Record<string, Partial<PressedKey>>> = {
  Up: { upArrow: true },
  Down: { downArrow: true },
  PgUp: { pageUp: true },
  PgDn: { pageDown: true },
  Home: { home: true },
  End: { end: true },
  Enter: { return: true },
  Esc: { escape: true, meta: true },
  Back: { backspace: true },
};

/** Presses one after the other; pages have five lines. */
function press(state: LiveState, ...keys: readonly string[]): LiveState {
  return keys.reduce((before, name) => {
    const named = NAMED[name];
    const action = readKey(named === undefined ? name : '', { ...NO_KEY, ...named }, before.gaze);
    return action === undefined ? before : afterKey(before, action, { pageRows: 5, elapsedMs: 1_000 });
  }, state);
}

const TWENTY = stateOf(samplesOf([Array.from({ length: 20 }, (_, partition) => (partition % 3) * 100)]));
const shown = (state: LiveState): number[] => visiblePartitions(state).map(({ sample }) => sample.partition);

describe('keys', () => {
  test('that mean nothing change nothing', () => {
    expect(press(TWENTY, 'x', 'Tab', 'é', '')).toBe(TWENTY);
    expect(readKey('y', { ...NO_KEY, ctrl: true }, { isTyping: false })).toBeUndefined();
  });

  test('q and Ctrl-C quit, also while a filter is typed where q is a letter', () => {
    expect(readKey('q', NO_KEY, { isTyping: false })).toEqual({ kind: 'quit', isInterrupt: false });
    expect(readKey('q', NO_KEY, { isTyping: true })).toEqual({ kind: 'type', text: 'q' });
    for (const isTyping of [true, false]) {
      expect(readKey('c', { ...NO_KEY, ctrl: true }, { isTyping })).toEqual({ kind: 'quit', isInterrupt: true });
      expect(readKey('\u0003', NO_KEY, { isTyping })).toEqual({ kind: 'quit', isInterrupt: true });
    }
  });

  test('Ctrl-Z stops it, also while a filter is typed, and changes nothing of the picture', () => {
    for (const isTyping of [true, false]) {
      expect(readKey('z', { ...NO_KEY, ctrl: true }, { isTyping })).toEqual({ kind: 'stop' });
      expect(readKey('\u001a', NO_KEY, { isTyping })).toEqual({ kind: 'stop' });
    }
    expect(press(TWENTY, '\u001a')).toBe(TWENTY);
  });

  test('that move move the help where not all of it is in sight, and nothing beyond its ends', () => {
    const where = { pageRows: 1, elapsedMs: 0, help: { topMax: 7, rows: 5 } };
    const pressed = (state: LiveState, ...names: readonly string[]): LiveState =>
      names.reduce((before, name) => {
        const action = readKey(NAMED[name] === undefined ? name : '', { ...NO_KEY, ...NAMED[name] }, before.gaze);
        return action === undefined ? before : afterKey(before, action, where);
      }, state);
    const help = pressed(TWENTY, '?');
    const topAfter = (...names: readonly string[]): number | undefined => pressed(help, ...names).gaze.helpTop;
    expect([
      topAfter('k'),
      topAfter('j', 'Down', 'k'),
      topAfter('PgDn'),
      topAfter('PgDn', 'PgDn'),
      topAfter('G'),
      topAfter('G', 'g'),
    ]).toEqual([0, 1, 4, 7, 7, 0]);
    expect(pressed(help, 'j', 'j').gaze).toMatchObject({ isHelp: true, selected: 0 });
    expect(pressed(help, 'G', '?', '?').gaze).toMatchObject({ isHelp: true, helpTop: 0 });
    // All of it is in sight: they move in the table.
    expect(press(help, 'j').gaze).toMatchObject({ isHelp: false, selected: 1 });
  });

  test.each([
    [['j', 'Down'], 2],
    [['k', 'Up'], 0],
    [['PgDn'], 4],
    [['PgDn', 'PgUp', 'j'], 1],
    [['G'], 19],
    [['End', 'j'], 19],
    [['G', 'g'], 0],
    [['End', 'Home'], 0],
  ])('%j select partition %d', (keys, selected) => {
    expect(press(TWENTY, ...keys).gaze.selected).toBe(selected);
  });

  test('a filter is a regular expression, plain text where it is none, and ! inverts it', () => {
    const typed = press(TWENTY, '/', ...'p1[23]', 'Enter');
    expect({ shown: shown(typed), isTyping: typed.gaze.isTyping }).toEqual({ shown: [12, 13], isTyping: false });
    expect(shown(press(TWENTY, '/', ...'!p1'))).toEqual([0, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(shown(press(TWENTY, '/', ...'loader-7('))).toEqual([]);
    expect(shown(press(TWENTY, '/', ...'loader-7(', 'Back'))).toEqual([7]);
    expect(shown(press(typed, 'Esc'))).toHaveLength(20);
  });

  test('Enter opens the selected partition or the first that is shown; Esc goes back one step at a time', () => {
    const opened = press(TWENTY, '/', ...'p1[23]', 'Enter', 'Enter', '?');
    expect(opened.gaze).toMatchObject({ page: 'partition', selected: 12, isHelp: true });
    expect(press(opened, 'Esc').gaze).toMatchObject({ page: 'partition', isHelp: false });
    expect(press(opened, 'Esc', 'Esc').gaze).toMatchObject({ page: 'table', filter: 'p1[23]' });
    expect(press(opened, 'Esc', 'Esc', 'Esc').gaze).toMatchObject({ page: 'table', filter: '' });
    expect(press(TWENTY, '/', ...'none', 'Enter', 'Enter').gaze.page).toBe('table');
  });

  test('s, S and r change the order, l leaves out what does not lag', () => {
    expect(press(TWENTY, 's').gaze.sort).toBe('lag');
    expect(press(TWENTY, 'S').gaze.sort).toBe('state');
    expect(shown(press(TWENTY, 's')).slice(0, 3)).toEqual([2, 5, 8]);
    expect(shown(press(TWENTY, 'r'))[0]).toBe(19);
    expect(shown(press(TWENTY, 'l')).slice(0, 3)).toEqual([1, 2, 4]);
  });

  test('+ and - stay between half a second and a minute', () => {
    expect(press(TWENTY, '+').gaze.intervalMs).toBe(4_000);
    expect(press(TWENTY, ...'++++++++').gaze.intervalMs).toBe(60_000);
    expect(press(TWENTY, ...'-----').gaze.intervalMs).toBe(500);
  });

  test('p and Space hold the picture and let it go', () => {
    expect(press(TWENTY, 'p').frozen).toEqual({ shown: TWENTY.now, sinceMs: 1_000 });
    expect(press(TWENTY, 'p', ' ').frozen).toBeUndefined();
  });
});
