// What differs between two looks, as the event line says it. Pure; called by live-state.ts for each report.
import type { LagReport } from '../../core/lag/assess.ts';
import { counted } from '../../core/lag/format-table.ts';
import { SEVERITIES } from '../../core/lag/judge.ts';
import type { Severity, Verdict } from '../../core/lag/verdict.ts';
import type { Role } from './line.ts';

export interface LiveEvent {
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
  readonly text: string;
  readonly role: Role;
}

export interface VerdictChange {
  readonly atMs: number;
  readonly partition: number;
  readonly from: Verdict | undefined;
  readonly to: Verdict;
  readonly because: string;
}

interface Found {
  readonly events: readonly LiveEvent[];
  readonly changes: readonly VerdictChange[];
  readonly verdicts: ReadonlyMap<number, Verdict>;
}

/** `?` is no verdict: from it and to it nothing changes. A first verdict is news where it is a bad one. */
export function verdictChanges({ sample, partitions }: LagReport, known: ReadonlyMap<number, Verdict>): Found {
  const changes: VerdictChange[] = [];
  const verdicts = new Map<number, Verdict>();
  for (const { sample: one, verdict, severity, because } of partitions) {
    const from = known.get(one.partition);
    const to = verdict === 'UNKNOWN' ? from : verdict;
    if (to !== undefined) verdicts.set(one.partition, to);
    if (verdict === 'UNKNOWN' || verdict === from) continue;
    if (from === undefined && severity !== 'warn' && severity !== 'error') continue;
    changes.push({ atMs: sample.atMs, partition: one.partition, from, to: verdict, because });
  }
  return { changes, verdicts, events: asEvents(changes) };
}

const NAMED_MAX = 4;

/** One line for all that changed alike: a rebalance or an outage changes every partition at once. */
function asEvents(changes: readonly VerdictChange[]): readonly LiveEvent[] {
  const alike = new Map<string, VerdictChange[]>();
  for (const change of changes) {
    const what = change.from === undefined ? `is ${change.to}` : `${change.from} → ${change.to}`;
    const same = alike.get(what);
    if (same === undefined) alike.set(what, [change]);
    else same.push(change);
  }
  return [...alike].flatMap(([what, same]) => {
    const [first] = same;
    if (first === undefined) return [];
    const names = same.slice(0, NAMED_MAX).map(({ partition }) => `p${partition}`);
    const more = same.length > NAMED_MAX ? ` and ${same.length - NAMED_MAX} more` : '';
    return [{ atMs: first.atMs, text: `${names.join(', ')}${more} ${what}`, role: roleOf(SEVERITIES[first.to]) }];
  });
}

export function groupChanges(before: LagReport, after: LagReport): readonly LiveEvent[] {
  const { sample: a } = before;
  const { sample: b } = after;
  const events: LiveEvent[] = [];
  const say = (text: string, role: Role): void => void events.push({ atMs: b.atMs, text, role });
  if (a.state !== b.state) say(`group ${a.state} → ${b.state}`, b.state === 'Stable' ? 'ok' : 'warn');
  if (a.members.length !== b.members.length) {
    say(`${a.members.length} → ${counted(b.members.length, 'member')}`, b.members.length < a.members.length ? 'warn' : 'info');
  }
  if (a.partitions.length !== b.partitions.length) say(`${a.partitions.length} → ${counted(b.partitions.length, 'partition')}`, 'warn');
  const letters = (b.deadLetters.records ?? 0) - (a.deadLetters.records ?? 0);
  if (a.deadLetters.records !== undefined && letters > 0) say(`${counted(letters, 'dead letter')} more`, 'warn');
  if (a.warehouse.kind !== b.warehouse.kind) {
    if (b.warehouse.kind === 'failed') say(`lag is by the group alone: ${b.warehouse.error.message}`, 'warn');
    else if (a.warehouse.kind === 'failed') say('the warehouse answers again', 'ok');
  }
  return events;
}

export function roleOf(severity: Severity): Role {
  return severity === 'none' ? 'plain' : severity;
}
