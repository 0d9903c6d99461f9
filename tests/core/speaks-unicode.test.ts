import { expect, test } from 'vitest';
import { speaksUnicode } from '../../src/core/speaks-unicode.ts';

test.each([
  [{}, 'linux', false],
  [{}, 'win32', true],
  [{ LANG: 'C' }, 'linux', false],
  [{ LANG: 'de_DE.UTF-8' }, 'linux', true],
  [{ LANG: 'C.utf8' }, 'linux', true],
  [{ LANG: 'de_DE.ISO-8859-1' }, 'darwin', false],
  [{ LANG: 'en_US.UTF-8', LC_CTYPE: 'POSIX' }, 'linux', false],
  [{ LANG: 'en_US.UTF-8', LC_CTYPE: 'en_US.UTF-8', LC_ALL: 'C' }, 'linux', false],
  [{ LANG: 'C', LC_CTYPE: '', LC_ALL: 'C.UTF-8' }, 'linux', true],
])('speaksUnicode() with %j on %s is %s', (env, platform, expected) => {
  expect(speaksUnicode(env, platform)).toBe(expected);
});
