import { describe, expect, test } from 'vitest';
import { createPlanId, formatPlan, parsePlan } from '../../../src/core/replay/plan.ts';
import { createWorld, exposure, NOON_MS } from './world.ts';

function planText(): { text: string; plan: ReturnType<typeof formatPlan>['plan'] } {
  const world = createWorld();
  for (let of = 0; of < 3; of++) world.letter(exposure(`e${of}`), { of });
  const { entries, hash: _hash, ...head } = world.plan();
  const [first, ...rest] = entries;
  if (first === undefined) throw new Error('no entry');
  return formatPlan(head, [{ ...first, edited: { key: 'u', value: '{"ß":1}\n' } }, ...rest]);
}

describe('parsePlan()', () => {
  test('refuses what is torn, was changed, or is no plan', () => {
    const { text } = planText();
    const torn = Array.from({ length: text.length - 1 }, (_, length) => text.slice(0, length));
    for (const wrong of [
      ...torn,
      text.replace('"o":"1"', '"o":"2"'),
      text.replace('"o":"1"', '"o":1'),
      `${text}{}\n`,
      text.replace('plan-file/1', 'plan-file/2'),
    ])
      expect(() => parsePlan(wrong, 'p')).toThrow('Cannot take p for a plan');
  });

  test('gives back what formatPlan() was given', () => {
    const { text, plan } = planText();
    expect(parsePlan(text, 'p')).toEqual(plan);
    expect(plan.entries.map(({ offset }) => offset)).toEqual([0n, 1n, 2n]);
  });
});

test('createPlanId() says when', () => {
  expect(createPlanId(NOON_MS, () => 0.5)).toBe('replay-20260115T120000Z-8000');
});
