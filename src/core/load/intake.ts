// The way of records into the batch: only those that follow what was read before them, without a gap; copies that are not
// due yet are held back, or written to the topic again.

import type { LogRecord } from '../exposure/exposure.ts';
import { type Admission, AGAIN_MAX, addChunk, addDue, isFull } from './batch.ts';
import { type HeldPartition, topicChanged } from './claim.ts';
import { HOLD_MS_MAX } from './hold.ts';
import { isSameRecord, markRecord } from './last-record.ts';
import { type Loop, policyOf, type RecordsEvent } from './loop.ts';
import { notBeforeOf } from './retry-headers.ts';

/**
 * @returns `gap` where the records are not those that follow what was read; else `taken`.
 * @throws {GbxError} GBX_TOPIC_CHANGED
 */
export function takeIn(loop: Loop, event: RecordsEvent): 'taken' | 'gap' {
  const held = loop.held.get(event.partition);
  if (held === undefined) return 'taken';
  // What was read before the seek never gets here: another offset means that the client reset its position by itself,
  // onwards because records expired, or backwards because the log is another one.
  if (event.fetchOffset !== held.expectedOffset) return 'gap';
  held.expectedOffset = event.nextOffset;
  const index = compareLastRecord(loop, held, event);
  const { metrics } = loop.deps;
  loop.summary.recordsRead += event.records.length - index;
  metrics.count('gbx_kafka_records_consumed_total', event.records.length - index);
  held.endOffset = event.endOffset;
  // A stretch without records: marks of transactions, compacted ones, or the one that was only compared.
  if (index >= event.records.length) held.takenTo = event.nextOffset;
  loop.waiting = { event, index };
  fill(loop);
  return 'taken';
}

/** @returns the index of the first record to load: 1 where the record before the claim was read once more. */
function compareLastRecord(loop: Loop, held: HeldPartition, event: RecordsEvent): number {
  const mark = held.lastRecord;
  const first = event.records[0];
  if (mark === undefined || first === undefined) return 0;
  held.lastRecord = undefined;
  if (first.offset >= held.ledgerOffset) return 0;
  if (!isSameRecord(first, mark)) {
    throw topicChanged(
      loop.deps.source.topic,
      event.partition,
      `another record stands at offset ${first.offset} than the one that was loaded`,
    );
  }
  return 1;
}

/** Moves what is due and what waits into the batch, as far as it fits. */
export function fill(loop: Loop): void {
  addWhatIsDue(loop);
  const { waiting, filling, deps, refusals } = loop;
  if (waiting === undefined) return;
  const { partition, records, nextOffset } = waiting.event;
  const held = loop.held.get(partition);
  if (held === undefined) {
    loop.waiting = undefined;
    return;
  }
  const { epoch, ledgerOffset } = held;
  const from = waiting.index;
  waiting.index = addChunk(
    filling,
    { partition, epoch, ledgerOffset, records, index: from, nextOffset },
    {
      policy: policyOf(loop),
      decode: deps.decode,
      elapsedMs: deps.clock.elapsed(),
      admit: (record, before) => admit(loop, held, { record, before }),
      ...(refusals.isEmpty() ? {} : { refusals }),
    },
  );
  const step = filling.steps.get(partition);
  if (waiting.index > from && step !== undefined) {
    held.takenTo = step.to;
    held.takenMark = step.lastRecord;
  }
  if (waiting.index >= records.length) loop.waiting = undefined;
}

/** A record that was held comes into the batch at its own offset. It was not in a batch before: no refusal is known of it. */
function addWhatIsDue(loop: Loop): void {
  const { hold, deps } = loop;
  const elapsedMs = deps.clock.elapsed();
  const policy = policyOf(loop);
  while (!isFull(loop.filling, policy)) {
    const due = hold.takeDue(elapsedMs);
    if (due === undefined) return;
    const at = loop.held.get(due.record.partition);
    if (at !== undefined) addDue(loop.filling, due.record, { at, decode: deps.decode, elapsedMs });
    showHeld(loop);
  }
}

interface Neighbours {
  readonly record: LogRecord;
  readonly before: LogRecord | undefined;
}

/** Whether a copy goes into the batch now. */
function admit(loop: Loop, held: HeldPartition, { record, before }: Neighbours): Admission {
  const { deps, hold, filling } = loop;
  const notBeforeMs = notBeforeOf(record);
  if (notBeforeMs === undefined) return 'load';
  const waitMs = Math.min(notBeforeMs - deps.clock.now(), HOLD_MS_MAX);
  if (waitMs <= 0) return 'load';
  const elapsedMs = deps.clock.elapsed();
  const mark = before === undefined ? held.takenMark : markRecord(before);
  if (hold.add({ record, dueAtMs: elapsedMs + waitMs, before: mark })) {
    showHeld(loop);
    return 'held';
  }
  return elapsedMs >= loop.againFromMs && filling.notDue.length < AGAIN_MAX ? 'again' : 'wait';
}

function showHeld({ deps, hold }: Loop): void {
  deps.metrics.set('gbx_retry_held_records', hold.size());
}
