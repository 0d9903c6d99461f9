import { expect, test } from 'vitest';
import { createMetrics } from '../../src/telemetry/create-metrics.ts';

test('createMetrics() has counters at 0 for every closed label, and no gauge before its value is known', async () => {
  const metrics = createMetrics();
  const before = await metrics.render();
  expect(before).toContain('gbx_exposures_accepted_total 0');
  for (const reason of ['invalid', 'unavailable', 'outcome_unknown', 'too_large']) {
    expect(before).toContain(`gbx_exposures_rejected_total{reason="${reason}"} 0`);
  }
  expect(before).not.toMatch(/^gbx_(circuit_open|kafka_consumer_lag_records)/mu);
  metrics.set('gbx_circuit_open', 1);
  metrics.set('gbx_kafka_consumer_lag_records', 7, { partition: '2' });
  const after = await metrics.render();
  expect(after).toContain('gbx_circuit_open 1');
  expect(after).toContain('gbx_kafka_consumer_lag_records{partition="2"} 7');
});

test('createMetrics() counts and observes', async () => {
  const metrics = createMetrics();
  metrics.count('gbx_rows_loaded_total', 5);
  metrics.count('gbx_rows_loaded_total');
  metrics.count('gbx_records_dead_lettered_total', 2, { reason: 'GBX_NOT_JSON' });
  metrics.observe('gbx_flush_duration_seconds', 0.02, { step: 'commit' });
  const text = await metrics.render();
  expect(text).toContain('gbx_rows_loaded_total 6');
  expect(text).toContain('gbx_records_dead_lettered_total{reason="GBX_NOT_JSON"} 2');
  expect(text).toContain('gbx_flush_duration_seconds_bucket{le="0.025",step="commit"} 1');
});

test('createMetrics() tells of the process, and two registries share nothing', async () => {
  const first = createMetrics();
  const second = createMetrics();
  first.count('gbx_rows_loaded_total', 5);
  expect(await second.render()).toContain('gbx_rows_loaded_total 0');
  expect(await first.render()).toContain('process_resident_memory_bytes');
});
