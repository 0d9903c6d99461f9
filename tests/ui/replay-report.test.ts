import { describe, expect, test } from 'vitest';
import { letterDocument } from '../../src/core/replay/edit.ts';
import { NOTHING_DONE } from '../../src/core/replay/journal.ts';
import { readLetter } from '../../src/core/replay/letter.ts';
import { formatLetter, formatPlanMade, formatRun, formatStatuses } from '../../src/ui/replay-report.ts';
import { createWorld, exposure } from '../core/replay/world.ts';

const ESCAPE = '\u001b';

test('formatLetter() gives a terminal nothing to obey', () => {
  const record = createWorld().letter(`a${ESCAPE}]0;title\u0007\u202eb\n`, {
    of: 1,
    headers: { [`x${ESCAPE}[2J`]: `${ESCAPE}c`, 'gbx-error-message': `${ESCAPE}[31m` },
  });
  const text = formatLetter(letterDocument(record, readLetter(record, 'dlq'), 'c'));
  for (const obeyed of [ESCAPE, '\u0007', '\u202e']) expect(text).not.toContain(obeyed);
  expect(text).toContain('a·]0;title··b·');
});

describe('formatPlanMade()', () => {
  const world = createWorld();
  world.letter(exposure('a'), { of: 1 });
  const facts = { path: '/p/replay-1.plan', beyondLimit: 0, tableAsked: true, range: undefined };

  test('says what is left out and why, and what comes next', () => {
    const text = formatPlanMade(
      { ...world.plan(), duplicates: 2, skipped: { loaded: 1_234, invalid: 1 } },
      { ...facts, tableAsked: false, beyondLimit: 3 },
    );
    for (const part of [
      'would load 1 of 1 dead letters',
      'left out 1,234: in the table already',
      'left out 2:',
      'left out 3: beyond',
      'was not asked',
      'gbx replay run replay-1 --execute',
    ])
      expect(text).toContain(part);
  });

  test('has no next step where there is nothing to load', () => {
    expect(formatPlanMade(world.plan(), { ...facts, path: undefined })).toContain('nothing to load again');
  });
});

test('formatRun() names the verdict, and how to go on', () => {
  const plan = createWorld().plan();
  const outcome = { sent: 1, loaded: 0, failedAgain: 1, pending: 0, codes: { GBX_ROW_REFUSED: 1 } };
  const result = { verdict: 'stopped', why: '1 of 1 failed again', progress: NOTHING_DONE, outcome } as const;
  const text = formatRun(plan, '/elsewhere/p', { result, hasColor: false });
  expect(text).toMatch(/^✗ stopped, as too many failed again: 1 of 1/u);
  expect(text).toContain('gbx replay resume /elsewhere/p');
  expect(formatRun(plan, 'p', { result: { ...result, verdict: 'done', why: undefined }, hasColor: true })).toContain(ESCAPE);
});

test.each([
  ['done', '✓ done: each is in the table', undefined],
  ['sent', '✓ all are sent; nobody has looked', 'gbx replay resume replay-1, which only looks'],
  ['incomplete', '✗ done, but not all are in the table', 'gbx replay stats'],
  ['pending', '! all are sent; not all are in the table yet', 'gbx replay resume replay-1, which only looks'],
  ['stopped', '✗ stopped, as too many failed again', 'once the cause is mended: gbx replay resume replay-1'],
  ['canary-timeout', '✗ stopped, as the first ones are not loaded', 'once the cause is mended: gbx replay resume replay-1'],
  ['cancelled', '- cancelled', undefined],
  ['interrupted', '- interrupted', 'go on: gbx replay resume replay-1'],
] as const)('formatRun() says of a run that is %s what it is, and what comes next', (verdict, words, next) => {
  const outcome = { sent: 1, loaded: 0, failedAgain: 0, pending: 1, codes: {} };
  const result = { verdict, why: undefined, progress: NOTHING_DONE, outcome };
  const [first, , ...others] = formatRun(createWorld().plan(), 'replay-1.plan', { result, hasColor: false }).trimEnd().split('\n');
  expect(first).toMatch(new RegExp(`^${words}`, 'u'));
  expect(others).toEqual(next === undefined ? [] : [expect.stringContaining(next)]);
});

test('formatStatuses() says where it found none', () => {
  expect(formatStatuses([], [], '.gbx/replay')).toBe('no plans in .gbx/replay\n');
  const planned = { path: 'p', plan: createWorld().plan(), progress: NOTHING_DONE, state: 'planned' } as const;
  expect(formatStatuses([planned], [], 'f')).toMatch(/replay-1 +letters +planned/u);
});

test('formatStatuses() lists a plan that cannot be read by its file, with the reason', () => {
  expect(formatStatuses([], [{ path: 'f/torn.plan', why: `it is${ESCAPE} torn` }], 'f')).toMatch(
    /^torn\.plan .*unreadable .*it is· torn$/mu,
  );
});
