// `gbx smoke`: for CI and operators after a deployment. Posts exposures to a running serve and waits until each is in the
// warehouse, once, with the same content.
import { warehouseConnection } from '../connections.ts';
import { EXIT } from '../core/errors.ts';
import { formatManifest } from '../core/traffic/manifest.ts';
import { quantile } from '../core/verify/quantile.ts';
import { POLL_MS, runSmoke, type SmokeResult } from '../core/verify/smoke.ts';
import { writeManifest } from '../files/write-manifest.ts';
import { createPoster } from '../http/post-exposures.ts';
import type { CommandContext } from '../run-command.ts';
import { openReader } from '../warehouse/open-reader.ts';

/** Longer than serve itself waits for Kafka by default. */
const POST_TIMEOUT_MS = 10_000;
const IDS_SHOWN_MAX = 10;

/** What is printed. */
interface Report extends SmokeResult {
  readonly runId: string;
  readonly url: string;
  readonly count: number;
  readonly timeoutMs: number;
}

// Interrupted: what ends it says so, and cli.ts gives the exit code of the signal instead.
const TIMEOUT_MS = 120_000;
const EXIT_CODES = { passed: EXIT.done, failed: EXIT.no, timeout: EXIT.timeout, interrupted: EXIT.done } as const;

/** @returns 0 all there, 1 some missing, doubled or altered, 124 nothing came in time. @throws {GbxError} exit 69 when not reachable */
export async function run(context: CommandContext): Promise<number> {
  const { options, clock, random, signal, stdout } = context;
  const url = String(options['url']);
  const count = Number(options['count']);
  const timeoutMs = typeof options['timeout'] === 'number' ? options['timeout'] : TIMEOUT_MS;
  const manifestPath = typeof options['manifest'] === 'string' ? options['manifest'] : undefined;
  const post = createPoster({ url, timeoutMs: Math.min(POST_TIMEOUT_MS, timeoutMs), fetch, clock });
  const runId = createRunId(context);

  await using reader = openReader(warehouseConnection(context, { clientId: 'gbx-smoke' }));
  const result = await runSmoke(
    { runId, count, timeoutMs },
    {
      post,
      readByIds: (ids, limits) => reader.byIds(ids, limits),
      onSent: (manifest) => {
        if (manifestPath !== undefined) writeManifest(manifestPath, formatManifest(manifest));
      },
      clock,
      random,
      signal,
    },
  );
  const report = { ...result, runId, url, count, timeoutMs };
  stdout.write(options['json'] === true ? `${JSON.stringify(toDocument(report))}\n` : formatReport(report));
  return EXIT_CODES[result.verdict];
}

/** `smoke-20260131T120000Z-1a2b3c4d`: read in the table, it says when. */
function createRunId({ clock, random }: Pick<CommandContext, 'clock' | 'random'>): string {
  const time = new Date(clock.now()).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const tail = Math.floor(random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
  return `smoke-${time}-${tail}`;
}

function toDocument(report: Report): Record<string, unknown> {
  const { comparison, acceptMs, loadMs } = report;
  return {
    schema: 'gbx.smoke/1',
    verdict: report.verdict,
    runId: report.runId,
    url: report.url,
    count: report.count,
    accepted: report.acceptedCount,
    loaded: comparison.loaded.length,
    missing: comparison.missing,
    doubled: comparison.doubled,
    altered: comparison.altered.map((exposureId) => ({ exposureId, fields: report.alteredFields.get(exposureId) ?? [] })),
    unexpected: comparison.unexpected,
    unknown: comparison.unknownAbsent,
    refused: [...report.refused].map(([exposureId, reason]) => ({ exposureId, reason })),
    accept: { p50Ms: round(quantile(acceptMs, 0.5)), p99Ms: round(quantile(acceptMs, 0.99)) },
    load: { p50Ms: round(quantile(loadMs, 0.5)), p99Ms: round(quantile(loadMs, 0.99)) },
    durationMs: round(report.durationMs),
  };
}

function round(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 10) / 10;
}

function formatReport(report: Report): string {
  const { comparison, count, acceptMs, loadMs } = report;
  const lines = [
    `run ${report.runId}: ${count} exposures to ${report.url}`,
    `accepted  ${report.acceptedCount} of ${count}${formatTimes(acceptMs)}`,
    `loaded    ${comparison.loaded.length} of ${count}${formatTimes(loadMs)}${loadMs.length > 0 ? `   from the answer until it can be read, to ${POLL_MS} ms` : ''}`,
    ...formatFindings(report),
    formatVerdict(report),
  ];
  return `${lines.join('\n')}\n`;
}

function formatFindings({ comparison, alteredFields, refused }: Report): string[] {
  const doubled = comparison.doubled.map(({ exposureId, rows }) => `${exposureId} (${rows} rows)`);
  const altered = comparison.altered.map((id) => `${id} (${(alteredFields.get(id) ?? []).join(', ')})`);
  const findings = [
    ['missing', comparison.missing],
    ['doubled', doubled],
    ['altered', altered],
    ['in the table although refused', comparison.unexpected],
    ['without a clear answer, and not in the table', comparison.unknownAbsent],
    ['refused', [...refused].map(([id, reason]) => `${id} (${reason})`)],
  ] as const;
  return findings.flatMap(([what, found]) => {
    if (found.length === 0) return [];
    const more = found.length > IDS_SHOWN_MAX ? `\n    and ${found.length - IDS_SHOWN_MAX} more: see them all with --json` : '';
    return [
      `✗ ${found.length} ${what}:${found
        .slice(0, IDS_SHOWN_MAX)
        .map((text) => `\n    ${text}`)
        .join('')}${more}`,
    ];
  });
}

function formatVerdict({ verdict, timeoutMs, acceptedCount }: Report): string {
  switch (verdict) {
    case 'passed':
      return '✓ each is in the warehouse, once, with the same content';
    case 'failed':
      return '✗ not all are in the warehouse, once, with the same content';
    case 'timeout':
      return `✗ none came within ${timeoutMs / 1000} s\n  try: is gbx consume running, and loading the same topic into the same table? its log and /readyz say`;
    case 'interrupted':
      return `- interrupted: ${acceptedCount} were accepted and may still be loaded`;
  }
}

function formatTimes(values: readonly number[]): string {
  const p50 = quantile(values, 0.5);
  const p99 = quantile(values, 0.99);
  return p50 === undefined || p99 === undefined ? '' : `   p50 ${formatMs(p50)}  p99 ${formatMs(p99)}`;
}

function formatMs(ms: number): string {
  return ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
