// The way of records into the batch: only those that follow what was read before them, without a gap.

import { addChunk } from './batch.ts';
import { type HeldPartition, topicChanged } from './claim.ts';
import { isSameRecord } from './last-record.ts';
import type { Loop, RecordsEvent } from './loop.ts';

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

/** Moves what waits into the batch, as far as it fits. */
export function fill(loop: Loop): void {
  const { waiting, filling, options, deps } = loop;
  if (waiting === undefined) return;
  const { partition, records, nextOffset } = waiting.event;
  const held = loop.held.get(partition);
  if (held === undefined) {
    loop.waiting = undefined;
    return;
  }
  const chunk = { partition, epoch: held.epoch, ledgerOffset: held.ledgerOffset, records, index: waiting.index, nextOffset };
  waiting.index = addChunk(filling, chunk, {
    policy: options.policy,
    decode: deps.decode,
    elapsedMs: deps.clock.elapsed(),
    keep: loop.reusedIds,
  });
  if (waiting.index >= records.length) loop.waiting = undefined;
}
