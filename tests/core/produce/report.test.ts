// Books of a run to its report: tally.ts, trust.ts and report.ts together.
import { describe, expect, test } from 'vitest';
import type { SendOutcome } from '../../../src/core/accept/ports.ts';
import { GbxError } from '../../../src/core/errors.ts';
import type { Outgoing } from '../../../src/core/produce/outgoing.ts';
import { exitCodeOf, makeReport, type Report, type RunFacts, toDocument } from '../../../src/core/produce/report.ts';
import { createTally } from '../../../src/core/produce/tally.ts';
import { parseThresholds } from '../../../src/core/produce/thresholds.ts';
import { achievedRate, doubts } from '../../../src/core/produce/trust.ts';
import { createTraffic } from '../../../src/core/traffic/traffic.ts';

const FACTS: RunFacts = {
  runId: 'r',
  seed: 's',
  target: { kind: 'kafka', where: 'topic t' },
  asked: { rate: '100/s' },
  warmupMs: 0,
  thresholds: [],
  experiments: [],
  skippedLines: 0,
  manifest: undefined,
};
const traffic = createTraffic({ seed: 's', startMs: 0 });
const ACKED: SendOutcome = { kind: 'acked' };

interface Changes {
  readonly facts?: Partial<RunFacts>;
  readonly outcomes?: readonly SendOutcome[];
  readonly kinds?: readonly Outgoing['kind'][];
  readonly problem?: GbxError;
  readonly slipMs?: number;
  readonly inputWaitMs?: number;
  readonly loopP99Ms?: number;
}

/** A hundred exposures, one each 10 ms, each settled 5 ms after it was due. */
function reportOf({ facts = {}, outcomes = [], kinds = [], problem, slipMs = 1, inputWaitMs = 0, loopP99Ms = 1 }: Changes = {}): Report {
  const tally = createTally(0);
  for (let i = 0; i < 100; i++) {
    const items: Outgoing[] = [{ kind: kinds[i] ?? 'plain', exposure: traffic.exposureAt(i), value: '{}' }];
    const duesMs = [i * 10];
    tally.handed(items);
    tally.slipped(duesMs, i * 10 + slipMs, 0);
    tally.settled({ items, duesMs, handedMs: i * 10 + 1, settledMs: i * 10 + 5, outcomes: [outcomes[i] ?? ACKED], retries: 0 });
  }
  tally.waitedForInput(500, 500 + inputWaitMs);
  const result = { problem, durationMs: 1000, asked: { count: 100, firstMs: 0, lastMs: 990 } };
  return makeReport({ ...FACTS, ...facts }, { tally, result, loopDelay: { p99Ms: loopP99Ms, maxMs: loopP99Ms }, isInterrupted: false });
}

describe('exitCodeOf()', () => {
  test('is that of the problem that ended the run', () => {
    const report = reportOf({ problem: new GbxError('GBX_INPUT_INVALID', 'line 3 is not JSON') });
    expect([exitCodeOf(report), report.verdict]).toEqual([65, 'failed']);
  });

  test.each([
    ['unknown', { kind: 'unknown', reason: 'no answer' }],
    ['not-sent', { kind: 'not-sent', reason: 'down' }],
    ['refused', { kind: 'refused', reason: 'too large' }],
  ] as const)('is 1 for a single exposure that is %s, unless a threshold allows it', (_, outcome) => {
    expect(exitCodeOf(reportOf({ outcomes: [outcome] }))).toBe(1);
    const thresholds = parseThresholds('--threshold', 'errors<=1%');
    expect(exitCodeOf(reportOf({ outcomes: [outcome], facts: { thresholds } }))).toBe(0);
  });

  test('is 1 for a threshold that is not reached', () => {
    expect(exitCodeOf(reportOf({ facts: { thresholds: parseThresholds('--threshold', 'p99<5ms,errors<1%') } }))).toBe(1);
  });

  test('is 0 when all is in, and for malformed ones that were refused as they should be', () => {
    expect(exitCodeOf(reportOf())).toBe(0);
    const report = reportOf({ kinds: ['malformed'], outcomes: [{ kind: 'refused', reason: 'invalid' }] });
    expect([exitCodeOf(report), report.counts.refusedAsMeant, report.counts.refused, report.errorShare]).toEqual([0, 1, 0, 0]);
  });
});

describe('doubts', () => {
  test('are raised by a generator that was late itself, and by a busy machine', () => {
    expect(reportOf({ slipMs: 30 }).doubts).toEqual([expect.stringContaining('late itself: slip p99 30')]);
    expect(reportOf({ loopP99Ms: 80 }).doubts).toEqual([expect.stringContaining('event loop delay p99 80 ms')]);
  });

  test('are raised by an input that was late, and not by the moments that any takes', () => {
    expect(reportOf({ inputWaitMs: 400 }).doubts).toEqual(['the input was late: 0.4 s were spent waiting for it']);
    expect(reportOf({ inputWaitMs: 10 }).doubts).toEqual([]);
  });

  test('are raised when less was achieved than asked for', () => {
    const outcomes = Array.from({ length: 10 }, (): SendOutcome => ({ kind: 'unknown', reason: 'x' }));
    expect(reportOf({ outcomes }).doubts).toEqual([expect.stringContaining('asked for 100/s, achieved')]);
  });

  test('are raised where nothing was measured', () => {
    const tally = createTally(0);
    const achieved = achievedRate({ measured: tally.measured, warmupMs: 0, asked: undefined });
    const none = { inputWaitMs: 0, durationMs: 1000, loopDelay: { p99Ms: 0, maxMs: 0 } };
    expect(doubts({ ...tally, ...none, achieved })).toEqual(['nothing was measured']);
  });

  test('are none when all went as asked', () => {
    expect(reportOf().doubts).toEqual([]);
  });
});

describe('achievedRate()', () => {
  test('does not take what came in before everything failed for the whole', () => {
    const asked = { count: 100, firstMs: 0, lastMs: 990 };
    expect(achievedRate({ measured: { count: 50, lastMs: 495 }, warmupMs: 0, asked }).share).toBe(0.5);
    expect(achievedRate({ measured: { count: 100, lastMs: 1990 }, warmupMs: 0, asked }).share).toBe(0.5);
    expect(achievedRate({ measured: { count: 0, lastMs: 0 }, warmupMs: 0, asked }).share).toBe(0);
  });
});

test('toDocument() has the schema, and refuses a p99.9 of few values', () => {
  const document = toDocument(reportOf({ outcomes: [{ kind: 'unknown', reason: 'no answer' }] }));
  expect(document).toMatchObject({
    schema: 'gbx.produce/1',
    verdict: 'done',
    counts: { sent: 100, ok: 99, unknown: 1 },
    errors: [{ reason: 'no answer', count: 1 }],
    latencyMs: { count: 99, p99: 5, p999: null },
    trusted: true,
  });
  expect(JSON.parse(JSON.stringify(document))).toEqual(document);
});

test('a tally tells twenty reasons apart, and no more', () => {
  const tally = createTally(0);
  for (let i = 0; i < 50; i++) {
    const items: Outgoing[] = [{ kind: 'plain', exposure: traffic.exposureAt(i), value: '' }];
    const outcomes: SendOutcome[] = [{ kind: 'unknown', reason: `reason ${i}` }];
    tally.settled({ items, duesMs: undefined, handedMs: 0, settledMs: 0, outcomes, retries: 0 });
  }
  expect(tally.reasons.size).toBe(21);
  expect(tally.reasons.get('other reasons')).toBe(30);
});
