// What the program counts: names, help and labels as data. src/telemetry renders it as Prometheus text.
// Names follow prometheus.io/docs/practices/naming: base units, `_total` on counters.

interface MetricEntry {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Label name -> its closed set of values; an empty list means values come at run time (routes, partitions). */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** Upper bounds, histograms only. */
  readonly buckets?: readonly number[];
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export const METRICS = {
  gbx_exposures_accepted_total: { kind: 'counter', help: 'Exposures answered as accepted.', labels: {} },
  gbx_exposures_rejected_total: {
    kind: 'counter',
    help: 'Exposures refused by the HTTP API.',
    labels: { reason: ['invalid', 'unavailable', 'outcome_unknown', 'too_large'] },
  },
  gbx_exposures_future_total: {
    kind: 'counter',
    help: 'Exposures whose time lay ahead and was set to the time of acceptance.',
    labels: {},
  },
  gbx_http_request_duration_seconds: {
    kind: 'histogram',
    help: 'Time to answer.',
    labels: { route: [], method: [], code: [] },
    buckets: SECONDS,
  },
  gbx_kafka_send_duration_seconds: { kind: 'histogram', help: 'Time of one produce, all acknowledged.', labels: {}, buckets: SECONDS },
  gbx_kafka_send_records: { kind: 'histogram', help: 'Records sent together.', labels: {}, buckets: [1, 2, 5, 10, 50, 100, 500, 1000] },
  gbx_spool_bytes: { kind: 'gauge', help: 'Bytes in the folder of the spool, what was set aside included.', labels: {} },
  gbx_spool_records: { kind: 'gauge', help: 'Records in the spool that Kafka has not acknowledged yet.', labels: {} },
  gbx_spool_oldest_age_seconds: { kind: 'gauge', help: 'Age of the oldest record that Kafka has not acknowledged yet.', labels: {} },
  gbx_spool_records_cut_total: {
    kind: 'counter',
    help: 'Records of the spool that could not be read back, at least; 0 is expected. tail: the end of a file, as a power cut leaves it.',
    labels: { where: ['tail', 'middle'] },
  },
  gbx_spool_records_refused_total: { kind: 'counter', help: 'Records that Kafka refuses for themselves, kept in refused/.', labels: {} },
  gbx_spool_fsync_duration_seconds: { kind: 'histogram', help: 'Time of one fsync of the spool.', labels: {}, buckets: SECONDS },
  gbx_kafka_records_consumed_total: { kind: 'counter', help: 'Records taken from the topic.', labels: {} },
  gbx_kafka_rebalances_total: { kind: 'counter', help: 'Times this member joined its group.', labels: {} },
  gbx_kafka_client_rebuilds_total: {
    kind: 'counter',
    help: 'Times the Kafka client was thrown away and made anew, by reason.',
    labels: { reason: ['crash', 'stall', 'evicted'] },
  },
  gbx_kafka_consumer_lag_records: { kind: 'gauge', help: 'Records in the log not yet loaded, by the ledger.', labels: { partition: [] } },
  gbx_kafka_commit_failures_total: { kind: 'counter', help: 'Offset commits to Kafka that failed; nothing is lost by them.', labels: {} },
  gbx_rows_loaded_total: { kind: 'counter', help: 'Rows inserted into the table.', labels: {} },
  gbx_records_deduplicated_total: {
    kind: 'counter',
    help: 'Records whose exposure was there already.',
    labels: { where: ['batch', 'table'] },
  },
  gbx_records_dead_lettered_total: {
    kind: 'counter',
    help: 'Records given up, with a reason, into the dead-letter topic.',
    labels: { reason: [] },
  },
  gbx_rows_refused_total: { kind: 'counter', help: 'Rows that the warehouse refused for themselves, each time.', labels: {} },
  gbx_records_requeued_total: {
    kind: 'counter',
    help: 'Records written to the retry topic again. not_due: unchanged, as there was no room to hold them back.',
    labels: { reason: ['refused', 'not_due'] },
  },
  gbx_retry_held_records: { kind: 'gauge', help: 'Records held back in memory until they are due.', labels: {} },
  gbx_oldest_waiting_record_age_seconds: {
    kind: 'gauge',
    help: 'Age in the log of the oldest record that was read and is not loaded; 0 where none waits.',
    labels: {},
  },
  gbx_retention_used_ratio: {
    kind: 'gauge',
    help: 'That age against the retention of the topic: at 1 records are lost. Absent where the retention is not known.',
    labels: {},
  },
  gbx_records_expired_total: { kind: 'counter', help: 'Records that the log dropped before they were loaded.', labels: {} },
  gbx_batch_rows: {
    kind: 'histogram',
    help: 'Records of one flush.',
    labels: {},
    buckets: [1, 10, 100, 1_000, 5_000, 10_000, 20_000, 50_000],
  },
  gbx_flush_duration_seconds: {
    kind: 'histogram',
    help: 'Time of one flush by step.',
    labels: { step: ['stage', 'lock', 'insert', 'commit'] },
    buckets: SECONDS,
  },
  gbx_flush_failures_total: {
    kind: 'counter',
    help: 'Attempts to claim or to flush that did not come through, by class of failure.',
    labels: { failure: ['transient', 'contention', 'ambiguous', 'systemic', 'row', 'fenced'] },
  },
  gbx_circuit_open: {
    kind: 'gauge',
    help: '1 while the consumer holds: the warehouse or the dead-letter topic does not take its batch.',
    labels: {},
  },
  gbx_warehouse_last_commit_timestamp_seconds: { kind: 'gauge', help: 'When the last flush was committed.', labels: {} },
} as const satisfies Record<string, MetricEntry>;

export type MetricName = keyof typeof METRICS;
export type CounterName = { [N in MetricName]: (typeof METRICS)[N]['kind'] extends 'counter' ? N : never }[MetricName];
export type GaugeName = { [N in MetricName]: (typeof METRICS)[N]['kind'] extends 'gauge' ? N : never }[MetricName];
export type HistogramName = { [N in MetricName]: (typeof METRICS)[N]['kind'] extends 'histogram' ? N : never }[MetricName];
type Labels = Readonly<Record<string, string>>;

export interface Metrics {
  count(name: CounterName, by?: number, labels?: Labels): void;
  set(name: GaugeName, value: number, labels?: Labels): void;
  /** Takes the series away: its value is not known here any more. */
  unset(name: GaugeName, labels: Labels): void;
  observe(name: HistogramName, value: number, labels?: Labels): void;
}
