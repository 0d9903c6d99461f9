// What `gbx consume --dry-run` prints: a table for people, one document for programs.
import type { DryRun, PartitionPlan } from './dry-run.ts';
import type { LedgerScope } from './ports.ts';

type Counts = Pick<PartitionPlan, 'expired' | 'records' | 'rows' | 'duplicates' | 'notDue' | 'deadLetters'>;

export function dryRunDocument({ partitions, ...facts }: DryRun, { clusterId, group, topic }: LedgerScope): object {
  return { schema: 'gbx.consume-dry-run/1', topic, group, cluster: clusterId, partitions, total: sum(partitions), ...facts };
}

const COLUMNS = ['partition', 'from', 'to', 'starts by', 'records', 'rows', 'copies', 'dead letters', 'not due', 'expired'];

export function formatDryRun({ partitions, duplicatesAreExact, isComplete }: DryRun, { group, topic }: LedgerScope): string {
  const total = sum(partitions);
  const lines = partitions.map((plan) => [plan.partition, plan.from, plan.to, plan.startsBy, ...cellsOf(plan)]);
  const table = [COLUMNS, ...lines, ['all', '', '', '', ...cellsOf(total)]].map((cells) => cells.map(String));
  const widths = COLUMNS.map((_, column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0)));
  const text = table.map((cells) =>
    cells
      .map((cell, column) => cell.padStart(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const reasons = Object.entries(total.deadLetters).map(([code, count]) => `dead letters, ${code}: ${count}`);
  return `${[
    `What gbx consume would make of ${topic} as group ${group}; nothing was written, joined or committed:`,
    ...text,
    ...reasons,
    ...(duplicatesAreExact ? [] : ['There are more ids than are remembered: some copies count as rows.']),
    ...(isComplete ? [] : ['It was stopped before the end: these are the figures so far.']),
    'Rows that are in the table already, and rows that the warehouse refuses, show only when they are loaded.',
  ].join('\n')}\n`;
}

function cellsOf({ records, rows, duplicates, deadLetters, notDue, expired }: Counts): number[] {
  return [records, rows, duplicates, Object.values(deadLetters).reduce((all, count) => all + count, 0), notDue, expired];
}

function sum(partitions: readonly PartitionPlan[]): Counts {
  const total = { expired: 0, records: 0, rows: 0, duplicates: 0, notDue: 0 };
  const deadLetters: Record<string, number> = {};
  for (const plan of partitions) {
    for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += plan[name];
    for (const [code, count] of Object.entries(plan.deadLetters)) deadLetters[code] = (deadLetters[code] ?? 0) + count;
  }
  return { ...total, deadLetters };
}
