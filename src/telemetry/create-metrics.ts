// The Metrics of core/metrics over prom-client: every process makes one, and serves it under /metrics.
// A counter with closed label values stands at 0 from the start; a gauge is absent until its value is known.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS, type MetricName, type Metrics } from '../core/metrics.ts';

export interface RenderedMetrics {
  /** The whole registry in Prometheus' text form. */
  render(): Promise<string>;
  readonly contentType: string;
}

type Labels = Readonly<Record<string, string>>;

export function createMetrics(): Metrics & RenderedMetrics {
  const registry = new Registry();
  const counters = new Map<MetricName, Counter>();
  const gauges = new Map<MetricName, Gauge>();
  const histograms = new Map<MetricName, Histogram>();
  for (const name of metricNames()) {
    if (METRICS[name].kind === 'counter') counters.set(name, createCounter(name, registry));
    if (METRICS[name].kind === 'histogram') histograms.set(name, createHistogram(name, registry));
  }
  collectDefaultMetrics({ register: registry });

  return {
    count(name, by = 1, labels) {
      if (labels === undefined) counters.get(name)?.inc(by);
      else counters.get(name)?.inc(labels, by);
    },
    set(name, value, labels) {
      const gauge = gauges.get(name) ?? createGauge(name, registry);
      gauges.set(name, gauge);
      if (labels === undefined) gauge.set(value);
      else gauge.set(labels, value);
    },
    unset(name, labels) {
      gauges.get(name)?.remove(labels);
    },
    observe(name, value, labels) {
      if (labels === undefined) histograms.get(name)?.observe(value);
      else histograms.get(name)?.observe(labels, value);
    },
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function metricNames(): readonly MetricName[] {
  return Object.keys(METRICS) as MetricName[];
}

function describe(name: MetricName, registry: Registry) {
  const { help, labels } = METRICS[name];
  return { name, help, labelNames: Object.keys(labels), registers: [registry] };
}

function createCounter(name: MetricName, registry: Registry): Counter {
  const counter = new Counter(describe(name, registry));
  for (const labels of closedCombinations(METRICS[name].labels)) counter.inc(labels, 0);
  return counter;
}

function createGauge(name: MetricName, registry: Registry): Gauge {
  return new Gauge(describe(name, registry));
}

function createHistogram(name: MetricName, registry: Registry): Histogram {
  const metric = METRICS[name];
  const buckets = 'buckets' in metric ? { buckets: [...metric.buckets] } : {};
  return new Histogram({ ...describe(name, registry), ...buckets });
}

/** Every combination of label values; none when some label's values come at run time only. */
function closedCombinations(labels: Readonly<Record<string, readonly string[]>>): readonly Labels[] {
  let combinations: Labels[] = [{}];
  for (const [label, values] of Object.entries(labels)) {
    combinations = combinations.flatMap((before) => values.map((value) => ({ ...before, [label]: value })));
  }
  return combinations;
}
