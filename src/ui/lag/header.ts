// The lines above the table: whose lag it is and how fresh, the pipeline from Kafka to the table, what is slowest, what is
// wrong. Pure. Parts of a line go by priority where there is no room.
import type { LagReport } from '../../core/lag/assess.ts';
import { formatAge, formatDuration } from '../../core/lag/format-duration.ts';
import { counted, formatEta, formatRate, formatTotal, formatWhole, GLYPHS } from '../../core/lag/format-table.ts';
import { slowestStage } from '../../core/lag/slowest-stage.ts';
import { greatest, sparkline } from './chart.ts';
import { shownOf } from './gaze.ts';
import { clean, cut, fitParts, justify, type Line, plain, span, wrap } from './line.ts';
import { roleOf } from './live-changes.ts';
import { clock, type LiveState, staleMs } from './live-state.ts';

interface HeaderOptions {
  readonly width: number;
  /** At most; the most important come first. */
  readonly rows: number;
  /** Monotonic. */
  readonly elapsedMs: number;
}

export function layoutHeader(state: LiveState, { width, rows, elapsedMs }: HeaderOptions): readonly Line[] {
  const { report, breaches } = shownOf(state);
  const stale = staleMs(state, elapsedMs);
  const troubles: Line[] = [
    ...(stale === undefined ? [] : staleLines(state, { ms: stale, width })),
    ...breaches.map((text) => plain(`✗ ${text}`, 'error')),
    ...report.warnings.map((text) => plain(`! ${clean(text)}`, 'warn')),
  ];
  const title = titleLine(state, { width, elapsedMs, isStale: stale !== undefined });
  const lag = lagLine(state, width);
  const sides = sidesLine(report, width);
  const slowest = slowestLine(report);
  // Where there is little room, trouble comes before what is fine.
  const isShort = rows < 5 || width < 40;
  const ordered = isShort ? [title, lag, ...troubles.slice(0, 1), slowest, sides] : [title, lag, sides, slowest, ...troubles];
  return ordered
    .filter((line) => line.length > 0)
    .slice(0, Math.max(rows, 1))
    .map((line) => cut(line, width));
}

interface TitleOptions {
  readonly width: number;
  readonly elapsedMs: number;
  readonly isStale: boolean;
}

function titleLine(state: LiveState, { width, elapsedMs, isStale }: TitleOptions): Line {
  const { sample } = shownOf(state).report;
  const { group, topic } = sample.target;
  const left = fitParts(
    [
      { line: plain(clean(group), 'strong'), priority: 0 },
      { line: plain(clean(topic)), priority: 3 },
      { line: plain(clean(sample.state), sample.state === 'Stable' ? 'ok' : 'warn'), priority: 1 },
      { line: plain(counted(sample.members.length, 'member')), priority: 2 },
      { line: plain(`broker ${clean(sample.brokers.join(', '))}`, 'dim'), priority: 4 },
    ],
    width < 40 ? width - 2 : Math.max(width - 31, Math.floor(width / 2)),
  );
  return justify(left, statusOf(state, { width, elapsedMs, isStale }), width);
}

/** Whether the picture is live, and of when it is. */
function statusOf(state: LiveState, { width, elapsedMs, isStale }: TitleOptions): Line {
  const { report } = shownOf(state);
  const at = span(width < 50 ? '' : ` ${clock(report.sample.atMs)}Z`, 'dim');
  const isNarrow = width < 40;
  if (isNarrow && isStale) return plain('!', 'warn');
  if (isNarrow) return state.frozen === undefined ? plain('●', 'ok') : plain('=', 'info');
  if (state.frozen !== undefined) return [span(`= paused ${seconds(elapsedMs - state.frozen.sinceMs)}`, 'info'), at];
  if (isStale) return [span(`! stale ${seconds(elapsedMs - state.goodAtMs)}`, 'warn'), at];
  return [span('● live', 'ok'), span(` every ${formatDuration(state.gaze.intervalMs)}`, 'dim'), at];
}

function staleLines(state: LiveState, { ms, width }: { readonly ms: number; readonly width: number }): readonly Line[] {
  const why = state.failure === undefined ? 'no answer yet' : clean(state.failure.message);
  const text = `! stale ${seconds(ms)}, these are the last good numbers: ${why}`;
  return wrap(text, { width, linesMax: width < 60 ? 1 : 2 }).map((line) => plain(line, 'warn'));
}

const TREND_WIDTH = 16;

function lagLine(state: LiveState, width: number): Line {
  const { report, before, history } = shownOf(state);
  const { total, partitions } = report;
  const lags = history.slice(-TREND_WIDTH).map(({ lag }) => lag);
  const role = roleOf(total.severity);
  const worst = total.worst === undefined || !/warn|error/u.test(total.severity) || partitions.length < 2 ? '' : ` p${total.worst}`;
  const arrow = arrowOf(total.lag, before?.total.lag);
  return fitParts(
    [
      { line: plain(`${GLYPHS[total.verdict]}${total.verdict === 'UNKNOWN' ? '' : ` ${total.verdict}`}${worst}`, role), priority: 0 },
      { line: [span('lag '), span(formatTotal(total.lag, total.lagAtLeast), 'strong'), ...arrow], priority: 0 },
      { line: lags.length < 2 ? [] : plain(sparkline(lags, Math.min(lags.length, TREND_WIDTH)), 'info'), priority: 5 },
      { line: [span('behind '), span(formatAge(total.behindMs), 'strong')], priority: 1 },
      { line: [span('accepted '), span(`${formatRate(total.inPerSecond)}/s`, 'strong')], priority: 2 },
      { line: [span('loaded '), span(`${formatRate(total.outPerSecond)}/s`, 'strong')], priority: 3 },
      { line: plain(`ETA ${formatEta(total.etaSeconds)}`), priority: 4 },
      { line: history.length < 2 ? [] : plain(`max ${formatWhole(greatest(history.map(({ lag }) => lag)))}`, 'dim'), priority: 6 },
    ],
    width,
  );
}

function arrowOf(value: number | undefined, before: number | undefined): Line {
  if (value === undefined || before === undefined || value === before) return [];
  return value > before ? [span('↑', 'error')] : [span('↓', 'ok')];
}

function sidesLine({ deadLetters, sample, freshness, freshnessMs, total }: LagReport, width: number): Line {
  const { records, newestAgeMs, perMinute } = deadLetters;
  const grown = perMinute === undefined ? '' : ` +${Math.round(perMinute)}/min`;
  const newest = newestAgeMs === undefined ? '' : `, newest ${formatDuration(newestAgeMs)} ago`;
  const lettersRole = (perMinute ?? 0) > 0 ? 'warn' : 'plain';
  const delay = freshness?.loadDelayMs;
  return fitParts(
    [
      { line: plain(`retries ${retriesText(sample.retries?.records, sample.retries !== undefined)}`), priority: 2 },
      { line: plain(`${lettersRole === 'warn' ? '▲ ' : ''}dead letters ${formatWhole(records)}${grown}`, lettersRole), priority: 0 },
      { line: newest === '' ? [] : plain(newest.slice(2), 'dim'), priority: 4 },
      { line: plain(`table ${tableText(sample.warehouse.kind, freshnessMs)}`), priority: 1 },
      {
        line: delay === undefined ? [] : plain(`load delay p50 ${formatDuration(delay.p50)} p95 ${formatDuration(delay.p95)}`),
        priority: 3,
      },
      { line: total.lost > 0 ? plain(`✖ lost ${formatWhole(total.lost)}`, 'error') : [], priority: 0 },
    ],
    width,
  );
}

/** Without a topic of their own, rows to be tried again stand in the main topic and count as lag. */
function retriesText(records: number | undefined, hasTopic: boolean): string {
  return hasTopic ? formatWhole(records) : 'in the lag';
}

function tableText(kind: 'off' | 'read' | 'failed', freshnessMs: number | undefined): string {
  if (kind === 'off') return 'not asked';
  if (kind === 'failed') return 'no answer';
  return freshnessMs === undefined ? 'no new row' : `${formatDuration(freshnessMs)} old`;
}

function slowestLine(report: LagReport): Line {
  const { stage, because, isTrouble } = slowestStage(report);
  return [span('slowest '), span(stage, isTrouble ? 'warn' : 'strong'), span(`: ${clean(because)}`, isTrouble ? 'plain' : 'dim')];
}

/** Whole ones: this counts up once a second. */
function seconds(ms: number): string {
  return ms < 60_000 ? `${Math.floor(ms / 1000)} s` : formatDuration(ms);
}
