import { expect, test } from 'vitest';
import { bytesText, fail, ok, plural, timeText, unknown, warn, worstOf } from '../../../src/core/doctor/check.ts';

test('worstOf() gives the words of all that are as bad as the worst, and its first next step', () => {
  const findings = [ok('a'), warn('b', 'do b'), unknown('c'), warn('d', 'do d')];
  expect(worstOf(findings, ok('all'))).toEqual(warn('b; d', 'do b'));
  expect(worstOf([...findings, fail('e', 'do e')], ok('all'))).toEqual(fail('e', 'do e'));
  expect(worstOf([ok('a'), unknown('c')], ok('all'))).toEqual(unknown('c'));
  expect(worstOf([ok('a')], ok('all'))).toEqual(ok('all'));
});

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1_000, '1 second'],
  [90_000, '90 seconds'],
  [7_200_000, '2 hours'],
  [604_800_000, '7 days'],
])('timeText() of %i ms is %s', (ms, text) => {
  expect(timeText(ms)).toBe(text);
});

test.each([
  [12, '12 bytes'],
  [69_631, '69.6 kB'],
  [8_000_000, '8 MB'],
  [25_300_000_000, '25.3 GB'],
])('bytesText() of %i is %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});

test('plural() counts', () => {
  expect([plural(1, 'broker'), plural(0n, 'record'), plural(1n, 'record')]).toEqual(['1 broker', '0 records', '1 record']);
});
