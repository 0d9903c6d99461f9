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

interface Reading {
  readonly logs: ReplayLogs;
  readonly signal: AbortSignal;
}

/** @param next index of the first one wanted. @throws {GbxError} GBX_TOPIC_CHANGED, and what reading makes it throw */
export async function* readEntries(plan: Plan, next: number, reading: Reading): AsyncGenerator<Taken> {
  for (let from = next; from < plan.entries.length && !reading.signal.aborted; ) {
    let to = from + 1;
    while (to < plan.entries.length && plan.entries[to]?.partition === plan.entries[from]?.partition) to++;
    yield* readPartition(plan, { from, to }, reading);
    from = to;
  }
}

/** Entries `from` to `to`, exclusive, all of one partition and in the order of the log. */
async function* readPartition(
  plan: Plan,
  { from, to }: { readonly from: number; readonly to: number },
  { logs, signal }: Reading,
): AsyncGenerator<Taken> {
  const { entries, sourceTopic: topic } = plan;
  const [first, last] = [entries[from], entries[to - 1]];
  if (first === undefined || last === undefined) return;
  let index = from;
  /** Those before this offset that no record stood for. */
  function* passed(offset: bigint): Generator<Taken> {
    for (; index < to; index++) {
      const entry = entries[index];
      if (entry === undefined || entry.offset >= offset) return;
      yield { index, entry, record: undefined };
    }
  }
  for await (const { records, nextOffset } of logs.read(
    { topic, partition: first.partition, from: first.offset, to: last.offset + 1n },
    signal,
  )) {
    for (const record of records) {
      yield* passed(record.offset);
      const entry = index < to ? entries[index] : undefined;
      if (entry === undefined || entry.offset !== record.offset) continue;
      if (markRecord(record).hash !== entry.hash)
        throw changed(plan, `another record stands at ${topic}/${entry.partition}/${entry.offset}`);
      yield { index: index++, entry, record };
    }
    yield* passed(nextOffset);
  }
  if (!signal.aborted) yield* passed(last.offset + 1n);
}
