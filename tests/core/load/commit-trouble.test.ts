import { expect, test } from 'vitest';
import { createCommitTrouble } from '../../../src/core/load/commit-trouble.ts';
import { manualClock } from '../../support/clock.ts';
import { collectingLog } from '../../support/log.ts';

test('createCommitTrouble() says the first failure at once, the others each 30 s with their number, and the end once', async () => {
  const log = collectingLog();
  const clock = manualClock();
  const trouble = createCommitTrouble({ log, clock });
  trouble.worked();
  for (let second = 0; second < 45; second++) {
    for (let n = 0; n < 70; n++) trouble.failed('no answer');
    await clock.advance(1_000);
  }
  trouble.worked();
  trouble.worked();
  expect(log.lines.map(({ event, fields }) => [event, fields['failures']])).toEqual([
    ['group.commit_failed', 1],
    ['group.commit_failed', 30 * 70 + 1],
    ['group.commits_again', 45 * 70],
  ]);
  trouble.failed('again');
  expect(log.events().at(-1)).toBe('group.commit_failed');
});
