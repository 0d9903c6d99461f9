import { expect, test } from 'vitest';
import { createAccount } from '../../../src/core/verify/account.ts';

test('createAccount() counts each fate in all, by partition, by experiment and by reason', () => {
  const { add, totals, byPartition, byExperiment, byCode } = createAccount();
  add({ kind: 'loaded', reused: 2, isInBoth: true, isAgain: true }, { partition: 0, experiment: 'e' });
  add({ kind: 'wrong', isDoubled: true, isAltered: true }, { partition: 0, experiment: 'e' });
  add({ kind: 'missing' }, { partition: 1, experiment: 'e' });
  add({ kind: 'dead-lettered', code: 'GBX_NOT_JSON' }, { partition: 1, experiment: '' });
  add({ kind: 'waiting' }, { partition: undefined, experiment: '' });
  add({ kind: 'unexpected' }, { partition: undefined, experiment: '' });
  add({ kind: 'absent' }, { partition: undefined, experiment: '' });
  expect(totals).toEqual({
    ...{ expected: 7, loaded: 1, missing: 1, doubled: 1, altered: 1, deadLettered: 1, waiting: 1 },
    ...{ unexpected: 1, absent: 1, idReused: 2, inBoth: 1, loadedAgain: 1 },
  });
  expect([...byPartition].map(([partition, { expected }]) => [partition, expected])).toEqual([
    [0, 2],
    [1, 2],
  ]);
  expect([...byExperiment].map(([name, { expected, missing }]) => [name, expected, missing])).toEqual([['e', 3, 1]]);
  expect([...byCode]).toEqual([['GBX_NOT_JSON', 1]]);
});
