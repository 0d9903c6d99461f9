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

  it('is known on, and the lag with it, where the group shifts while the warehouse is away, until the partitions are claimed', async () => {
    const retentionMs = 4 * 3_600_000;
    const one = quickBench({ retentionMs });
    const { metrics, clock, warehouse, log, source } = one;
    const running = start(one);
    joined(one);
    await running.pass(1_000);
    const claim = warehouse.claim.bind(warehouse);
    const down = new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'down');
    Object.assign(warehouse, { claim: () => Promise.reject(down), flush: () => Promise.reject(down) });
    const timestampMs = clock.now() - retentionMs / 4;
    source.give(recordsEvent(span(0, 2).map((record) => ({ ...record, timestampMs }))));
    await running.pass(5_000);
    joined(one);
    await running.pass(5_000);
    const [ratio, lag] = ['gbx_retention_used_ratio', 'gbx_kafka_consumer_lag_records{partition=0}'];
    expect([metrics.values.get(ratio), metrics.values.get(lag)]).toEqual([expect.closeTo(0.25, 2), 100]);
    expect(log.events()).not.toContain('retention.half_used');
    await clock.advance(retentionMs / 4);
    await running.pass(5_000);
    joined(one);
    await running.pass(11 * 60_000);
    expect(metrics.values.get(ratio)).toBeGreaterThan(0.5);
    expect(log.events().filter((event) => event === 'retention.half_used')).toHaveLength(2);
    // Back; and the partition is another member's.
    Object.assign(warehouse, { claim });
    source.give({ kind: 'joined', partitions: [] });
    await running.pass(5_000);
    expect([metrics.values.get(ratio), metrics.values.get(lag)]).toEqual([0, undefined]);
    await running.stop();
  });
});
