// The figures as Markdown: each that has to be reached stands with what it has to reach.

import { medianBoot } from './boot.ts';
import { ceilingRates, type DrainCase, type DrainFigures } from './drain.ts';
import type { HttpFigures } from './http.ts';
import { atLeast, below, goalTable, ms, percent, rate, seconds, spread, table, whole } from './markdown.ts';
import { median } from './median.ts';
import type { StartFigures } from './start.ts';

const RSS_MB_MAX = 250;
const P99_MS_MAX = 25;
const FIRST_BOOT_SECONDS_MAX = 20;
const SECOND_BOOT_SECONDS_MAX = 8;

export function drainTables(figures: DrainFigures): string {
  const { records, runs, ceilings, cases } = figures;
  const { kafka, copy, insert } = ceilingRates(ceilings);
  const ceilingTable = table(
    ['ceiling', 'records/s', 'runs'],
    [
      ['(a) bare kafkajs: read and `JSON.parse`', rate(kafka), spread(ceilings.kafka)],
      ['(b) `COPY` into a temporary table, `INSERT .. SELECT`', rate(copy), spread(ceilings.copy)],
      ['(c) `INSERT` of 1,000 rows by bind parameters', rate(insert), spread(ceilings.insert)],
      ['to be known: (c) as a prepared statement', rate(median(ceilings.prepared)), spread(ceilings.prepared)],
    ],
  );
  const caseTable = table(
    ['dialect', 'key', 'rows before', 'records/s', 'runs', 'CPU s per 100,000', 'peak RSS', 'batches', 'stage / lock / insert / commit'],
    cases.map((one) => [
      one.dialect,
      one.hasKey ? 'yes' : 'no',
      whole(one.rowsBefore),
      rate(one.drain.recordsPerSecond),
      spread(one.recordsPerSecond),
      one.drain.cpuSecondsPer100k.toFixed(2),
      `${whole(one.rssPeakMb)} MB`,
      whole(one.drain.batches),
      Object.values(one.drain.stepShares).map(percent).join(' / '),
    ]),
  );
  const head = `${whole(records)} records, ${runs === 1 ? 'one run' : `medians of ${runs} runs`}.`;
  return [head, ceilingTable, caseTable, drainGoals(figures, { kafka, copy, insert })].join('\n\n');
}

interface Rates {
  readonly kafka: number;
  readonly copy: number;
  readonly insert: number;
}

function drainGoals({ cases, rows, backlog }: DrainFigures, { kafka, copy, insert }: Rates): string {
  const rateOf = (wanted: Pick<DrainCase, 'dialect' | 'hasKey' | 'rowsBefore'>): number =>
    cases.find((one) => one.dialect === wanted.dialect && one.hasKey === wanted.hasKey && one.rowsBefore === wanted.rowsBefore)?.drain
      .recordsPerSecond ?? Number.NaN;
  const postgres = rateOf({ dialect: 'postgres', hasKey: false, rowsBefore: 0 });
  const redshift = rateOf({ dialect: 'redshift', hasKey: false, rowsBefore: 0 });
  const goals = [
    atLeast('PostgreSQL dialect, no key, empty / lower of (a) and (b)', postgres / Math.min(kafka, copy), 0.3),
    atLeast('PostgreSQL dialect, no key, empty / (c)', postgres / insert, 0.7),
    atLeast('Redshift dialect, no key, empty / (c)', redshift / insert, 0.5),
  ];
  if (rows > 0) {
    for (const dialect of ['postgres', 'redshift'] as const) {
      for (const hasKey of [false, true]) {
        const ratio = rateOf({ dialect, hasKey, rowsBefore: rows }) / rateOf({ dialect, hasKey, rowsBefore: 0 });
        goals.push(atLeast(`${dialect}, ${hasKey ? 'key' : 'no key'}: ${whole(rows)} rows / empty`, ratio, 0.5));
      }
    }
  }
  const rss = Math.max(...cases.map((one) => one.rssPeakMb));
  goals.push(below('peak RSS of all runs of all cases', rss, { max: RSS_MB_MAX, unit: 'MB' }));
  if (backlog !== undefined) {
    const { drain } = backlog;
    goals.push(
      below(`peak RSS, backlog of ${whole(backlog.records)} (${rate(drain.recordsPerSecond)} records/s)`, drain.rssPeakMb, {
        max: RSS_MB_MAX,
        unit: 'MB',
      }),
    );
  }
  return goalTable(goals);
}

export function httpTables({ seconds: length, bare, serve, openLoop, serveRssPeakMb }: HttpFigures): string {
  const rowOf = (name: string, one: HttpFigures['bare']): string[] => [
    name,
    rate(median(one.requestsPerSecond)),
    spread(one.requestsPerSecond),
    ms(median(one.p50Ms)),
    ms(median(one.p99Ms)),
    median(one.cpuMsPer1000).toFixed(0),
  ];
  const ratio = median(serve.requestsPerSecond) / median(bare.requestsPerSecond);
  return [
    `Closed loop, 256 connections, ${length} s each.`,
    table(
      ['server', 'requests/s', 'runs', 'p50', 'p99', 'CPU ms per 1,000'],
      [rowOf('bare Fastify route', bare), rowOf('`gbx serve`, acknowledged by Kafka', serve)],
    ),
    `Open loop, 256 connections, ${rate(openLoop.perSecond)} posts/s; latencies count from when a post was due. Runs: p99 ${openLoop.p99sMs.map(ms).join(', ')}.`,
    table(
      ['p50', 'p99', 'p99.9', 'max', 'load generator late by at most', 'peak RSS of serve'],
      [
        [
          ms(openLoop.p50Ms),
          ms(openLoop.p99Ms),
          ms(openLoop.p999Ms),
          ms(openLoop.maxMs),
          ms(openLoop.ownLateMs),
          `${whole(serveRssPeakMb)} MB`,
        ],
      ],
    ),
    goalTable([
      atLeast('`gbx serve` / bare route, requests/s', ratio, 0.4),
      below('p99 at half load, open loop', openLoop.p99Ms, { max: P99_MS_MAX, unit: 'ms' }),
    ]),
  ].join('\n\n');
}

export function startTables({ rounds, nothing, version, help, boot }: StartFigures): string {
  const { first, second } = medianBoot(boot);
  return [
    `Medians of ${rounds} alternated runs: \`node -e 0\` ${ms(nothing)}, \`gbx --version\` ${ms(version)}, \`gbx --help\` ${ms(help)}.`,
    `\`npm start\` until the row: ${boot.first.map(seconds).join(', ')} at the first start, ${boot.second.map(seconds).join(', ')} at the second.`,
    goalTable([
      {
        name: '`gbx --version` / `node -e 0`',
        value: (version / nothing).toFixed(2),
        goal: 'at most 2.0',
        isReached: version / nothing <= 2,
      },
      below('`npm start`, first: exposure in the table', first, { max: FIRST_BOOT_SECONDS_MAX, unit: 's' }),
      below('`npm start`, second: exposure in the table', second, { max: SECOND_BOOT_SECONDS_MAX, unit: 's' }),
    ]),
  ].join('\n\n');
}
