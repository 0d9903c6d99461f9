import { expect, test } from 'vitest';
import { createFindings } from '../../../src/core/verify/findings.ts';

test('createFindings() keeps the first of each kind up to the limit, also when that is none', () => {
  const findings = createFindings(2);
  for (const id of ['a', 'b', 'c']) findings.add(findings.phantom, id);
  findings.add(findings.waiting, 'd');
  expect([findings.phantom, findings.waiting]).toEqual([['a', 'b'], ['d']]);
  const none = createFindings(0);
  none.add(none.phantom, 'a');
  expect(none.phantom).toEqual([]);
});
