// `gbx lag --explain <partition>`: what was seen of it, sample by sample, and the rule that fired.
import type { AssessOptions, LagReport } from './assess.ts';
import { formatDuration } from './format-duration.ts';
import { GLYPHS } from './format-table.ts';
import { stallAfterMs } from './judge.ts';
import type { LagSample } from './sample.ts';
import { gapOf, type Point, pointsOf } from './window.ts';

export interface Explanation {
  readonly partition: number;
  readonly verdict: string;
  readonly because: string;
  readonly severity: string;
  /** Between two moves; undefined as long as it is not learned. */
  readonly gapMs: number | undefined;
  readonly stallAfterMs: number;
  /** Oldest first. */
  readonly points: readonly Point[];
  /** Of the group, one a sample. */
  readonly states: readonly string[];
}

/** Undefined where the topic has no such partition. */
export function explainPartition(
  partition: number,
  { report, samples, options }: { readonly report: LagReport; readonly samples: readonly LagSample[]; readonly options: AssessOptions },
): Explanation | undefined {
  const one = report.partitions.find(({ sample }) => sample.partition === partition);
  if (one === undefined) return undefined;
  const points = pointsOf(samples, partition);
  const states = points.map(({ elapsedMs }) => samples.find((sample) => sample.elapsedMs === elapsedMs)?.state ?? '');
  const { verdict, because, severity } = one;
  return { partition, verdict, because, severity, gapMs: gapOf(points), stallAfterMs: stallAfterMs(points, options), points, states };
}

export function formatExplanation(explanation: Explanation, report: LagReport): string {
  const { partition, because, gapMs, points, states } = explanation;
  const one = report.partitions.find(({ sample }) => sample.partition === partition);
  const glyph = one === undefined ? '' : `${GLYPHS[one.verdict]} `;
  const lines = [`${report.sample.target.topic} p${partition}: ${glyph}${explanation.verdict}`, `  because ${because}`];
  if (one !== undefined) {
    const { by, committed, loaded, start, end, timeLag, member } = one.sample;
    lines.push(`  counts from the ${by}: ledger ${loaded ?? '-'}, committed ${committed ?? '-'}, log ${start ?? '-'} to ${end ?? '-'}`);
    if (timeLag !== undefined)
      lines.push(`  first record not loaded: ${formatDuration(timeLag.minMs)} to ${formatDuration(timeLag.maxMs)} old`);
    lines.push(`  member: ${member === undefined ? 'none' : `${member.clientId} at ${member.host}`}`);
  }
  const rhythm = gapMs === undefined ? 'how often it moves is not learned yet' : `moves every ${formatDuration(gapMs)}`;
  lines.push(`  ${rhythm}; stands still after ${formatDuration(explanation.stallAfterMs)} without a move`, '');
  const rows = points.map(({ atMs, position, end, lag, hasMoved }, index) => [
    new Date(atMs).toISOString().slice(11, 23),
    String(position),
    String(end),
    String(lag),
    hasMoved ? 'moved' : '',
    states[index] ?? '',
  ]);
  const all = [['TIME', 'POSITION', 'END', 'LAG', '', 'GROUP'], ...rows];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  for (const row of all)
    lines.push(
      `  ${row.map((cell, column) => (column < 4 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join('  ')}`.trimEnd(),
    );
  return `${lines.join('\n')}\n`;
}

/** For --json. */
export function explanationDocument({
  gapMs,
  stallAfterMs: stallMs,
  points,
  states,
  ...said
}: Explanation): Readonly<Record<string, unknown>> {
  return {
    schema: 'gbx.lag-explanation/1',
    ...said,
    gapSeconds: gapMs === undefined ? null : gapMs / 1000,
    stallAfterSeconds: stallMs / 1000,
    samples: points.map(({ atMs, position, end, lag, hasMoved }, index) => ({
      at: new Date(atMs).toISOString(),
      position,
      end,
      lag,
      hasMoved,
      groupState: states[index] ?? null,
    })),
  };
}
