import { expect, test } from 'vitest';
import { wantsColor } from '../../src/core/wants-color.ts';

test.each([
  [{}, false, false],
  [{}, true, true],
  [{ TERM: 'dumb' }, true, false],
  [{ NO_COLOR: '1' }, true, false],
  [{ NO_COLOR: '' }, true, true],
  [{ FORCE_COLOR: '1' }, false, true],
  [{ FORCE_COLOR: '1', NO_COLOR: '1', TERM: 'dumb' }, false, true],
  [{ FORCE_COLOR: '0' }, true, false],
  [{ FORCE_COLOR: 'false' }, true, false],
  [{ FORCE_COLOR: '' }, true, true],
])('wantsColor() for %j on a terminal: %s is %s', (env, isTty, wanted) => {
  expect(wantsColor(env, isTty)).toBe(wanted);
});
