// Bars of an eighth of a cell: a sparkline in a table, and the same over several rows as a chart. Pure.

const EIGHTHS = ' ▁▂▃▄▅▆▇█';

type Values = readonly (number | undefined)[];

/** The latest `width` values against the greatest of them; a zero keeps its line, what is not known is blank. */
export function sparkline(values: Values, width: number): string {
  return chart(values, { width, height: 1 })[0] ?? '';
}

interface ChartOptions {
  readonly width: number;
  readonly height: number;
  /** What a full bar stands for; without it the greatest that is shown. */
  readonly most?: number | undefined;
}

/** Rows from the top down, each exactly `width` long; the newest value at the right. */
export function chart(values: Values, { width, height, most: scale }: ChartOptions): readonly string[] {
  const shown = values.slice(Math.max(values.length - width, 0));
  const most = scale ?? greatest(shown);
  const heights = shown.map((value) => {
    if (value === undefined) return 0;
    return most === 0 ? 1 : Math.max(Math.round((value / most) * height * 8), 1);
  });
  return Array.from({ length: height }, (_, row) => {
    const below = (height - 1 - row) * 8;
    return heights
      .map((eighths) => EIGHTHS[Math.min(Math.max(eighths - below, 0), 8)] ?? ' ')
      .join('')
      .padStart(width);
  });
}

export function greatest(values: Values): number {
  return values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
}
