// The records of a plan, in its order, each with its place in the plan. A record that is gone is told as such; another one in
// its place ends the run, since the topic is not the one that was planned.
import type { LogRecord } from '../exposure/exposure.ts';
import { markRecord } from '../load/last-record.ts';
import { changed } from './check-plan.ts';
import type { Plan, PlanEntry } from './plan.ts';
import type { ReplayLogs } from './ports.ts';

export interface Taken {
  readonly index: number;
  readonly entry: PlanEntry;
  /** Undefined where it has expired, or was compacted away. */
  readonly record: LogRecord | undefined;
}

/** @throws {GbxError} GBX_TOPIC_CHANGED, and what reading makes it throw */
export async function* readEntries(plan: Plan, next: number, { logs, signal }: { readonly logs: ReplayLogs; readonly signal: AbortSignal }): AsyncGenerator<Taken> {
  const { entries, sourceTopic: topic } = plan;
  let index = next;
  while (index < entries.length && !signal.aborted) {
    const first = entries[index];
    if (first === undefined) return;
    const { partition } = first;
    let last = index;
    while (entries[last + 1]?.partition === partition) last++;
    const to = (entries[last]?.offset ?? first.offset) + 1n;
    for await (const { records, nextOffset } of logs.read({ topic, partition, from: first.offset, to }, signal)) {
      for (const record of records) {
        // Offsets that were passed hold nothing any more.
        for (let entry = at(index); entry !== undefined && entry.offset < record.offset; entry = at(index)) yield { index: index++, entry, record: undefined };
        const entry = at(index);
        if (entry === undefined || entry.offset !== record.offset) continue;
        if (markRecord(record).hash !== entry.hash) throw changed(plan, `another record stands at ${topic}/${partition}/${entry.offset}`);
        yield { index: index++, entry, record };
      }
      for (let entry = at(index); entry !== undefined && entry.offset < nextOffset; entry = at(index)) yield { index: index++, entry, record: undefined };
    }
    if (signal.aborted) return;
    for (let entry = at(index); entry !== undefined && index <= last; entry = at(index)) yield { index: index++, entry, record: undefined };

    function at(wanted: number): PlanEntry | undefined {
      return wanted <= last ? entries[wanted] : undefined;
    }
  }
}
