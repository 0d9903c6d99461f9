import { describe, expect, it } from 'vitest';
import { createProgressView, type ProduceProgress } from '../../src/ui/produce-progress.ts';

const PROGRESS: ProduceProgress = {
  elapsedMs: 2_500,
  sent: 12_345,
  total: 24_690,
  ok: 12_300,
  errors: 5,
  okPerSecond: 4_999.6,
  inFlight: 2,
  p50Ms: 3.21,
  p99Ms: 14.2,
  slipP99Ms: 1.2,
};

function setUp(isTty: boolean, columns = 120) {
  const writes: string[] = [];
  const view = createProgressView({ isTty, columns, write: (text) => void writes.push(text) });
  return { view, writes };
}

describe('createProgressView()', () => {
  it('writes whole plain lines, seldom, where it is no terminal', () => {
    const { view, writes } = setUp(false);
    view.show(PROGRESS);
    view.show({ ...PROGRESS, total: undefined, errors: 0, p50Ms: undefined, p99Ms: undefined, slipP99Ms: undefined });
    view.clear();
    expect(view.everyMs).toBeGreaterThanOrEqual(5_000);
    expect(writes).toEqual([
      '2.5 s  sent 12,345 of 24,690  ok 12,300  ✗ errors 5  5,000/s  latency p50 3.2 ms p99 14 ms  slip p99 1.2 ms  on the way 2\n',
      '2.5 s  sent 12,345  ok 12,300  5,000/s  latency p50 - p99 -  on the way 2\n',
    ]);
  });

  it('draws the same two lines anew on a terminal, ten times a second at most, each time in one write, and takes them away', () => {
    const { view, writes } = setUp(true);
    view.show(PROGRESS);
    view.show(PROGRESS);
    view.clear();
    view.clear();
    expect(view.everyMs).toBeGreaterThanOrEqual(100);
    expect(writes).toHaveLength(3);
    expect(writes[0]?.split('\n')).toHaveLength(3);
    expect(writes[0]).toContain('50 %');
    expect(writes[1]).toBe(`\r\u001b[2A\u001b[J${writes[0]}`);
    expect(writes[2]).toBe('\r\u001b[2A\u001b[J');
  });

  it.each([20, 40, 80])('keeps within %d columns', (columns) => {
    const { view, writes } = setUp(true, columns);
    view.show(PROGRESS);
    for (const line of writes.join('').split('\n')) expect(line.length).toBeLessThan(columns);
  });
});
