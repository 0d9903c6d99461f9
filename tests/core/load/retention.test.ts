import { describe, expect, it } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import { joined, recordsEvent, start } from './fakes.ts';
import { quickBench, span } from './retry-fakes.ts';

describe('the oldest record that waits', () => {
  it('is shown with its age against the retention, and warned of from half of it on, every ten minutes', async () => {
    const retentionMs = 4 * 3_600_000;
    const one = quickBench({ retentionMs });
    for (let i = 0; i < 100_000; i++) one.warehouse.answers.push(new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'down'));
    const running = start(one);
    joined(one);
    const timestampMs = one.clock.now() - retentionMs / 4;
    one.source.give(recordsEvent(span(0, 2).map((record) => ({ ...record, timestampMs }))));
    await running.pass(5_000);
    expect(one.metrics.values.get('gbx_retention_used_ratio')).toBeCloseTo(0.25, 2);
    expect(one.log.events()).not.toContain('retention.half_used');
    await one.clock.advance(retentionMs / 4);
    await running.pass(2_000);
    expect(one.metrics.values.get('gbx_oldest_waiting_record_age_seconds')).toBeGreaterThan(7_200);
    const warnings = (): number => one.log.events().filter((event) => event === 'retention.half_used').length;
    expect(warnings()).toBe(1);
    await running.pass(11 * 60_000);
    expect(warnings()).toBe(2);
    await running.stop();
  });
});
