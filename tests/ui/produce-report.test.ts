import { describe, expect, it } from 'vitest';
import type { SendOutcome } from '../../src/core/accept/ports.ts';
import type { Outgoing } from '../../src/core/produce/outgoing.ts';
import { makeReport, type RunFacts } from '../../src/core/produce/report.ts';
import { createTally } from '../../src/core/produce/tally.ts';
import { parseThresholds } from '../../src/core/produce/thresholds.ts';
import { createTraffic } from '../../src/core/traffic/traffic.ts';
import { formatProduceReport } from '../../src/ui/produce-report.ts';

const FACTS: RunFacts = {
  runId: 'run-1',
  seed: 'run-1',
  target: { kind: 'kafka', where: 'topic exposures at 127.0.0.1:9092' },
  asked: {},
  warmupMs: 0,
  thresholds: parseThresholds('--threshold', 'p99<4ms,achieved>98%'),
  experiments: [],
  skippedLines: 0,
  manifest: 'run.ndjson',
};

function report(outcome: SendOutcome, experimentId = 'checkout', hasColor = false): string {
  const tally = createTally(0);
  const exposure = { ...createTraffic({ seed: 's', startMs: 0 }).exposureAt(0), experimentId };
  for (let i = 0; i < 50; i++) {
    const items: Outgoing[] = [{ kind: 'plain', exposure, value: '{}' }];
    tally.handed(items);
    tally.settled({ items, duesMs: [i * 10], handedMs: i * 10, settledMs: i * 10 + 5, outcomes: [outcome], retries: 0 });
  }
  const result = { problem: undefined, durationMs: 500, asked: { count: 50, firstMs: 0, lastMs: 490 } };
  const loopDelay = { p99Ms: 0, maxMs: 0 };
  return formatProduceReport(makeReport(FACTS, { tally, result, loopDelay, isInterrupted: false }), { hasColor });
}

describe('formatProduceReport()', () => {
  it('says what failed and why, with a glyph, and colour only where it is wanted', () => {
    const text = report({ kind: 'unknown', reason: 'no answer came' });
    expect(text).toContain('unknown 50');
    expect(text).toContain('✗ 50: no answer came');
    expect(text).not.toContain('\u001b');
    expect(report({ kind: 'acked' }, 'checkout', true)).toContain('\u001b[32m');
  });

  it('never lets a name from a file steer the terminal', () => {
    expect(report({ kind: 'acked' }, 'e\u001b[2Jx')).not.toContain('\u001b');
  });

  it('shows each threshold with its value, and what to do next', () => {
    const text = report({ kind: 'acked' });
    expect(text).toContain('✗ p99<4ms  (5.0 ms)');
    expect(text).toContain('✓ achieved>98%  (99.');
    expect(text).toContain('next: gbx verify --manifest run.ndjson');
  });
});
