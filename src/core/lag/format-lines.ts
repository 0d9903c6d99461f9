// The machine forms beside JSON: CSV, Prometheus text, and the one line a poll of a watch that is not on a terminal. All are
// made from the JSON document or the same report, so that all say the same.
import type { LagReport } from './assess.ts';
import type { LagDocument } from './document.ts';
import { formatAge } from './format-duration.ts';

const CSV_COLUMNS = [
  'at',
  'group',
  'topic',
  'partition',
  'log_start',
  'log_end',
  'committed',
  'loaded',
  'position',
  'by',
  'lag',
  'group_lag',
  'lost',
  'behind_seconds',
  'in_per_second',
  'out_per_second',
  'eta_seconds',
  'verdict',
  'client_id',
  'host',
  'error',
] as const;

/** Unknown fields are empty. Quoted by RFC 4180 where needed. */
export function formatCsv(document: LagDocument, { hasHeader }: { readonly hasHeader: boolean }): string {
  const rows = document.partitions.map((one) => {
    const behind = one['behind'] as { readonly seconds: number } | null;
    const member = one['member'] as { readonly clientId: string; readonly host: string } | null;
    const cells: readonly unknown[] = [
      document['at'],
      (document['group'] as { readonly name: string }).name,
      (document['topic'] as { readonly name: string }).name,
      one['partition'],
      one['logStart'],
      one['logEnd'],
      one['committed'],
      one['loaded'],
      one['position'],
      one['by'],
      one['lag'],
      one['groupLag'],
      one['lost'],
      behind?.seconds,
      one['inPerSecond'],
      one['outPerSecond'],
      one['etaSeconds'],
      one['verdict'],
      member?.clientId,
      member?.host,
      one['error'],
    ];
    return cells.map(csvCell).join(',');
  });
  return `${[...(hasHeader ? [CSV_COLUMNS.join(',')] : []), ...rows].join('\n')}\n`;
}

function csvCell(value: unknown): string {
  const text = value === null || value === undefined ? '' : String(value);
  return /[",\n\r]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

interface Series {
  readonly name: string;
  readonly help: string;
  /** Label text and value; what is not known is left out, for an absent series is no zero. */
  readonly values: readonly (readonly [string, number | undefined])[];
}

/** The text format of Prometheus, e.g. for the textfile collector of a node exporter. */
export function formatPrometheus(report: LagReport): string {
  const { sample, partitions, total, deadLetters } = report;
  const scope = `group="${label(sample.target.group)}",topic="${label(sample.target.topic)}"`;
  const each = (value: (one: (typeof partitions)[number]) => number | undefined): Series['values'] =>
    partitions.map((one) => [`${scope},partition="${one.sample.partition}"`, value(one)] as const);
  const behind = (one: (typeof partitions)[number]): number | undefined => (one.lag === 0 ? 0 : secondsOf(one.sample.timeLag?.maxMs));
  const series: readonly Series[] = [
    { name: 'gbx_lag_records', help: 'Records not yet loaded.', values: each(({ lag }) => lag) },
    { name: 'gbx_lag_group_records', help: 'The same by the committed offsets of the group.', values: each(({ groupLag }) => groupLag) },
    { name: 'gbx_lag_seconds', help: 'Age of the first record not yet loaded.', values: each(behind) },
    { name: 'gbx_lag_lost_records', help: 'Records that expired before they were loaded.', values: each(({ lost }) => lost) },
    {
      name: 'gbx_lag_verdict',
      help: 'The verdict on each partition: always 1.',
      values: partitions.map((one) => [
        `${scope},partition="${one.sample.partition}",verdict="${one.verdict}",severity="${one.severity}"`,
        1,
      ]),
    },
    { name: 'gbx_lag_total_records', help: 'Records not yet loaded, of all partitions.', values: [[scope, total.lag]] },
    { name: 'gbx_lag_members', help: 'Members of the group.', values: [[scope, sample.members.length]] },
    {
      name: 'gbx_lag_dead_letters',
      help: 'Records in the dead-letter topic.',
      values: [[`topic="${label(deadLetters.topic)}"`, deadLetters.records]],
    },
    { name: 'gbx_lag_freshness_seconds', help: 'Now minus the newest loaded ts.', values: [[scope, secondsOf(report.freshnessMs)]] },
    { name: 'gbx_lag_read_timestamp_seconds', help: 'When this was read.', values: [[scope, sample.atMs / 1000]] },
  ];
  return series.map(formatSeries).join('');
}

function formatSeries({ name, help, values }: Series): string {
  const known = values.filter(([, value]) => value !== undefined);
  if (known.length === 0) return '';
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${known.map(([labels, value]) => `${name}{${labels}} ${value}\n`).join('')}`;
}

function label(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function secondsOf(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

/**
 * `14:10:03 lag=15805 behind=4m10s in=146/s out=92/s WARN`; what is not known is `-`.
 * @param breaches limits that are broken, one sentence each
 */
export function formatPollLine({ sample, total, deadLetters, freshnessMs }: LagReport, breaches: readonly string[]): string {
  const rate = (value: number | undefined): string => (value === undefined ? '-' : `${Math.round(value)}/s`);
  const worst = total.worst === undefined || total.severity === 'ok' ? '' : ` p${total.worst}`;
  const parts = [
    new Date(sample.atMs).toISOString().slice(11, 19),
    `lag=${total.lag ?? (total.lagAtLeast === undefined ? '-' : `≥${total.lagAtLeast}`)}`,
    `behind=${formatAge(total.behindMs)}`,
    `in=${rate(total.inPerSecond)}`,
    `out=${rate(total.outPerSecond)}`,
    `dlq=${deadLetters.records ?? '-'}`,
    ...(sample.warehouse.kind === 'read' ? [`fresh=${formatAge(freshnessMs)}`] : []),
    `${total.verdict}${worst}`,
    ...breaches.map((text) => `✗ ${text}`),
  ];
  return `${parts.join(' ')}\n`;
}
