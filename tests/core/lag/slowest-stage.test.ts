import { expect, test } from 'vitest';
import { assessLag, type LagReport } from '../../../src/core/lag/assess.ts';
import { slowestStage } from '../../../src/core/lag/slowest-stage.ts';
import { history, OPTIONS, START_MS } from './samples.ts';

const report = (samples: Parameters<typeof assessLag>[0]['samples']): LagReport => assessLag({ samples }, OPTIONS);
const healthy = report(
  history([
    [0, 5],
    [10, 15],
    [20, 25],
    [30, 35],
    [40, 40],
  ]),
);
const retries = (records: number) => ({ retries: { topic: 'r', records, newestAgeMs: undefined } });

test.each<[string, LagReport, string, string]>([
  ['one look', report(history([[0, 5]])), 'unknown', 'one look does not tell'],
  ['all loaded and moving', healthy, 'none', 'all keep up'],
  [
    'nothing sent',
    report(
      history([
        [5, 5],
        [5, 5],
      ]),
    ),
    'accept',
    'nothing comes in',
  ],
  [
    'a partition that stands still',
    report(history([[0, 5], ...Array.from({ length: 30 }, () => [0, 5] as const)])),
    'load',
    'p0 STALL: it has lag',
  ],
  ['dead letters that grow', { ...healthy, deadLetters: { ...healthy.deadLetters, perMinute: 12.4 } }, 'dead letters', '12 more a minute'],
  ['more retries than lag', { ...healthy, sample: { ...healthy.sample, ...retries(1_200) } }, 'retries', '1,200 wait for another try'],
  ['an old table though all is loaded', { ...healthy, freshnessMs: 300_000 }, 'accept', 'the newest row is 5m00s old'],
  [
    'lag that is worked off',
    { ...healthy, total: { ...healthy.total, lag: 9, lagAtLeast: 9, behindMs: 2_500 } },
    'load',
    '2.5s behind, and keeping up',
  ],
])('slowestStage() with %s is %s', (_, given, stage, because) => {
  const found = slowestStage(given);
  expect(found.stage).toBe(stage);
  expect(found.because).toContain(because);
});

test('assessLag() dates freshness by when the table was read, not by a later sample that carries it', () => {
  const freshness = { newestTsMs: START_MS - 1_000, loadDelayMs: undefined };
  const samples = history(
    [
      [0, 5],
      [0, 5],
    ],
    { warehouse: { kind: 'read', freshness, readAtMs: START_MS } },
  );
  expect(report(samples).freshnessMs).toBe(1_000);
});
