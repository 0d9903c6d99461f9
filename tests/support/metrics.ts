// Metrics for tests: one that forgets, one that keeps counters.
import type { Metrics } from '../../src/core/metrics.ts';

export const noMetrics: Metrics = { count: () => undefined, set: () => undefined, unset: () => undefined, observe: () => undefined };

/** `values` holds counters and gauges by name and labels, e.g. `gbx_circuit_open` or `x_total{reason=invalid}`. */
export function collectingMetrics(): Metrics & { readonly values: ReadonlyMap<string, number> } {
  const values = new Map<string, number>();
  const name = (metric: string, labels: Readonly<Record<string, string>> = {}): string => {
    const pairs = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
    return pairs.length === 0 ? metric : `${metric}{${pairs.join(',')}}`;
  };
  return {
    values,
    count: (metric, by = 1, labels) => void values.set(name(metric, labels), (values.get(name(metric, labels)) ?? 0) + by),
    set: (metric, value, labels) => void values.set(name(metric, labels), value),
    unset: (metric, labels) => void values.delete(name(metric, labels)),
    observe: () => undefined,
  };
}
