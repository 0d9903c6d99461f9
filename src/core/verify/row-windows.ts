// Which spans of `ts` of the table are read: the days of the exposures that must be there and a day to either side, cut into
// statements that end within their time limit. An exposure that lies elsewhere is looked for by its id.
import type { RowWindow } from './ports.ts';

const DAY_MICROS = 86_400_000_000;
/** Rows that one statement is to read, as far as the topic tells. */
const ROWS_PER_WINDOW = 1_000_000;
/** Days closer than this are read as one span. */
const GAP_DAYS = 3;

/**
 * @param days exposures by day since the epoch
 * @param options.isWhole the first window begins and the last one ends without a bound, and nothing between them is left out
 */
export function rowWindows(days: ReadonlyMap<number, number>, { isWhole }: { readonly isWhole: boolean }): readonly RowWindow[] {
  const sorted = [...days].sort(([one], [other]) => one - other);
  const windows: { fromMicros: number | undefined; toMicros: number | undefined }[] = [];
  let rows = 0;
  for (const [day, count] of sorted) {
    const last = windows.at(-1);
    const lastDay = last?.toMicros === undefined ? undefined : last.toMicros / DAY_MICROS;
    const isNear = lastDay !== undefined && (isWhole || day - 1 - lastDay <= GAP_DAYS);
    if (last !== undefined && isNear && rows + count <= ROWS_PER_WINDOW) {
      last.toMicros = (day + 2) * DAY_MICROS;
      rows += count;
      continue;
    }
    const fromDay = lastDay === undefined ? day - 1 : isNear ? lastDay : day - 1;
    windows.push({ fromMicros: fromDay * DAY_MICROS, toMicros: Math.max(fromDay, day + 2) * DAY_MICROS });
    rows = count;
  }
  if (!isWhole) return windows;
  const [first, last] = [windows[0], windows.at(-1)];
  if (first === undefined || last === undefined) return [{ fromMicros: undefined, toMicros: undefined }];
  first.fromMicros = undefined;
  last.toMicros = undefined;
  return windows;
}
