import { expect, test } from 'vitest';
import { createAccount } from '../../../src/core/verify/account.ts';
import { createExpected, expectSent, noteRow } from '../../../src/core/verify/expect.ts';
import { judgeAll } from '../../../src/core/verify/judge.ts';
import { exposure, sentOf } from './world.ts';

const ALL = { pass: 0, passes: 1 };

/** Four right ones, then one missing, one doubled, one altered, one refused and there all the same. */
function expectedOf() {
  const expected = createExpected(100);
  for (const id of ['r1', 'r2', 'r3', 'doubled', 'altered', 'missing']) expectSent(expected, sentOf(exposure(id)), ALL);
  expectSent(expected, sentOf(exposure('unknown'), 'unknown'), ALL);
  expectSent(expected, sentOf(exposure('refused'), 'refused'), ALL);
  for (const id of ['r1', 'r2', 'r3', 'doubled', 'doubled', 'refused']) noteRow(expected, exposure(id), ALL);
  noteRow(expected, exposure('altered', { source: 'x' }), ALL);
  return expected;
}

test('judgeAll() counts what is plainly right, and makes suspects of all others', () => {
  const account = createAccount();
  const suspects = judgeAll(expectedOf(), account, { suspectsMax: 10, isEachAsked: false });
  expect([suspects.slots.length, suspects.unexamined]).toEqual([4, 0]);
  expect(account.totals).toMatchObject({ expected: 4, loaded: 3, absent: 1, missing: 0, doubled: 0, altered: 0 });
});

test('judgeAll() counts suspects beyond the limit as what they look like', () => {
  const account = createAccount();
  expect(judgeAll(expectedOf(), account, { suspectsMax: 0, isEachAsked: false })).toEqual({ slots: [], unexamined: 4, crowded: 0 });
  expect(account.totals).toMatchObject({ expected: 8, loaded: 3, missing: 1, doubled: 1, altered: 1, unexpected: 1 });
});

test('judgeAll() makes a suspect of everything where no row was read', () => {
  const account = createAccount();
  expect(judgeAll(expectedOf(), account, { suspectsMax: 10, isEachAsked: true }).slots).toHaveLength(8);
  expect(account.totals.expected).toBe(0);
});
