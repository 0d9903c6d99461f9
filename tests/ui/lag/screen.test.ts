import { expect, test } from 'vitest';
import { openScreen } from '../../../src/ui/lag/screen.ts';
import { fakeTerminal } from './fake-terminal.ts';

test('openScreen() draws only lines that differ, all of a frame in one write, and the whole after a resize', () => {
  const terminal = fakeTerminal({ columns: 10, rows: 3 });
  const screen = openScreen(terminal.output, (frame) => frame.split('\n'));
  terminal.take();
  screen.frames.write('one\ntwo\nthree');
  screen.frames.write('one\nTWO is full\nthree\nbelow the screen');
  screen.frames.write('one\nTWO is full\nthree\nbelow the screen');
  expect(terminal.take()).toEqual([
    '\u001b[?2026h\u001b[1;1Hone\u001b[0m\u001b[K\u001b[2;1Htwo\u001b[0m\u001b[K\u001b[3;1Hthree\u001b[0m\u001b[K\u001b[?2026l',
    // A full line is not erased behind: that would take its last cell.
    '\u001b[?2026h\u001b[2;1HTWO is full\u001b[0m\u001b[?2026l',
  ]);
  terminal.resize({ columns: 20, rows: 2 });
  screen.frames.write('one\ntwo\nthree');
  expect(terminal.take()).toEqual(['\u001b[?2026h\u001b[2J\u001b[1;1Hone\u001b[0m\u001b[K\u001b[2;1Htwo\u001b[0m\u001b[K\u001b[?2026l']);
  expect(screen.frames).toMatchObject({ columns: 1, rows: 2, isTTY: true });
});

test('openScreen() takes the alternate screen and gives it back once, with cursor and line wrap; later frames go nowhere', () => {
  const terminal = fakeTerminal({ columns: 10, rows: 3 });
  const screen = openScreen(terminal.output, (frame) => frame.split('\n'));
  expect(terminal.take()).toEqual(['\u001b[?1049h\u001b[?7l\u001b[?25l\u001b[2J']);
  screen[Symbol.dispose]();
  screen[Symbol.dispose]();
  screen.frames.write('late');
  expect(terminal.take()).toEqual(['\u001b[?7h\u001b[?25h\u001b[?1049l']);
  expect(terminal.listeners()).toBe(0);
});

test('openScreen() given back for a while writes nothing, then takes it again and draws all of the last frame', () => {
  const terminal = fakeTerminal({ columns: 10, rows: 3 });
  const screen = openScreen(terminal.output, (frame) => frame.split('\n'));
  screen.frames.write('one\ntwo');
  terminal.take();
  screen.leave();
  screen.leave();
  expect(terminal.take()).toEqual(['\u001b[?7h\u001b[?25h\u001b[?1049l']);
  screen.frames.write('one\nTWO');
  expect(terminal.take()).toEqual([]);
  screen.enter();
  expect(terminal.take()).toEqual([
    '\u001b[?1049h\u001b[?7l\u001b[?25l\u001b[2J',
    '\u001b[?2026h\u001b[1;1Hone\u001b[0m\u001b[K\u001b[2;1HTWO\u001b[0m\u001b[K\u001b[?2026l',
  ]);
  // Nothing told of this stop: what it looks like is not known all the same.
  screen.enter();
  expect(terminal.take().join('')).toContain('TWO');
  screen.leave();
  screen[Symbol.dispose]();
  screen.enter();
  expect(terminal.take()).toEqual(['\u001b[?7h\u001b[?25h\u001b[?1049l']);
});
