// Which spans of time the rows of one flush cover. Each span becomes one anti-join with tight bounds, so that a handful
// of late exposures does not make the warehouse read months of the table for all of them.
import type { Exposure } from '../exposure/exposure.ts';
import type { TimeWindow } from './ports.ts';

const DAY_MICROS = 86_400_000_000;
/** Spans closer than this are read together: the anti-join looks a day to either side of each row anyway. */
const GAP_DAYS = 3;
const WINDOWS_MAX = 4;

interface DaySpan {
  firstDay: number;
  lastDay: number;
  fromMicros: number;
  toMicros: number;
}

/** The windows that cover all rows: disjoint, in order of time, at most four; none for no rows. */
export function coverRows(rows: readonly Exposure[]): TimeWindow[] {
  const spans = mergeNear(spanByDay(rows));
  while (spans.length > WINDOWS_MAX) mergeAt(spans, narrowestGap(spans));
  return spans.map(({ fromMicros, toMicros }) => ({ fromMicros, toMicros }));
}

function spanByDay(rows: readonly Exposure[]): DaySpan[] {
  const days = new Map<number, DaySpan>();
  for (const { tsMicros } of rows) {
    const day = Math.floor(tsMicros / DAY_MICROS);
    const span = days.get(day);
    if (span === undefined) days.set(day, { firstDay: day, lastDay: day, fromMicros: tsMicros, toMicros: tsMicros });
    else if (tsMicros < span.fromMicros) span.fromMicros = tsMicros;
    else if (tsMicros > span.toMicros) span.toMicros = tsMicros;
  }
  return [...days.values()].sort((a, b) => a.firstDay - b.firstDay);
}

function mergeNear(days: readonly DaySpan[]): DaySpan[] {
  const spans: DaySpan[] = [];
  for (const day of days) {
    const last = spans.at(-1);
    if (last !== undefined && day.firstDay - last.lastDay <= GAP_DAYS) extend(last, day);
    else spans.push({ ...day });
  }
  return spans;
}

function narrowestGap(spans: readonly DaySpan[]): number {
  let narrowest = 0;
  let gapMin = Number.POSITIVE_INFINITY;
  for (const [index, span] of spans.entries()) {
    const next = spans[index + 1];
    if (next === undefined || next.firstDay - span.lastDay >= gapMin) continue;
    gapMin = next.firstDay - span.lastDay;
    narrowest = index;
  }
  return narrowest;
}

function mergeAt(spans: DaySpan[], index: number): void {
  const [span, next] = [spans[index], spans[index + 1]];
  if (span === undefined || next === undefined) return;
  extend(span, next);
  spans.splice(index + 1, 1);
}

function extend(span: DaySpan, by: DaySpan): void {
  span.lastDay = by.lastDay;
  span.toMicros = by.toMicros;
}
