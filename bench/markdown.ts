// Tables and figures as Markdown, for the reports of all parts.

export interface Goal {
  readonly name: string;
  readonly value: string;
  readonly goal: string;
  readonly isReached: boolean;
}

export function atLeast(name: string, ratio: number, min: number): Goal {
  return { name, value: ratio.toFixed(2), goal: `at least ${min}`, isReached: ratio >= min };
}

export function below(name: string, value: number, { max, unit }: { readonly max: number; readonly unit: string }): Goal {
  return { name, value: `${value.toFixed(unit === 'MB' ? 0 : 1)} ${unit}`, goal: `under ${max} ${unit}`, isReached: value < max };
}

export function goalTable(goals: readonly Goal[]): string {
  return table(
    ['figure', 'value', 'goal', 'reached'],
    goals.map(({ name, value, goal, isReached }) => [name, value, goal, isReached ? 'yes' : '**no**']),
  );
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Three digits are more than a run can tell. */
export function rate(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en-US');
}

export function spread(values: readonly number[]): string {
  return values.length === 1 ? '1' : `${values.length}: ${rate(Math.min(...values))} to ${rate(Math.max(...values))}`;
}

export function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

export function seconds(value: number): string {
  return `${value.toFixed(1)} s`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
