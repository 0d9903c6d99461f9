// The flush under way: one at a time, while the next batch fills.
import { asGbxError } from '../errors.ts';
import type { HeldPartition } from './claim.ts';
import { flushBatch, type Settled } from './flush.ts';
import { keepRecords, type Loop, startBatch, tell } from './loop.ts';
import { noteCovered } from './once.ts';
import { forgetPlaces } from './outgoing.ts';

type Loaded = Extract<Settled, { kind: 'loaded' }>;

/** Kafka's answer to a commit is worth no more waiting than this. */
const COMMIT_WAIT_MS = 5_000;

/** Between two groups of records that are written to the topic again as they are not due. */
const AGAIN_PAUSE_MS = 1_000;

/** Sends the filling batch on its way and starts a new one. */
export function launch(loop: Loop): void {
  const { deps, options, filling: batch, early, owner, allowance } = loop;
  const giveUp = early.stop;
  const { clusterId, group, topic } = deps.source;
  for (const step of batch.steps.values()) {
    // The ledger stands before the lowest record that is held back: what lies behind is loaded, and found again if need be.
    const lowest = loop.hold.lowest(step.partition);
    const isHeldBack = lowest !== undefined && lowest.record.offset < step.to;
    const end = isHeldBack ? { ...step, to: lowest.record.offset, lastRecord: lowest.before } : step;
    batch.steps.set(step.partition, end);
    const held = loop.held.get(step.partition);
    if (held !== undefined) held.ledgerOffset = end.to;
  }
  if (batch.notDue.length > 0) loop.againFromMs = deps.clock.elapsed() + AGAIN_PAUSE_MS;
  const scope = { clusterId, group, topic };
  const context = { scope, owner, retry: options.retry, allowance, early: early.writing, signal: giveUp.signal };
  const settled = flushBatch(deps, batch, context);
  settled.then(
    (result) => tell(loop.inbox, { kind: 'settled', settled, result }),
    (error: unknown) => tell(loop.inbox, { kind: 'failed', error }),
  );
  loop.flight = { batch, settled, giveUp };
  startBatch(loop);
  noteCovered(loop);
}

/**
 * Lets the attempt under way end, without another one; from the loop's signal on no longer than the drain timeout, for the
 * ledger tells what became of it. @throws {GbxError} as flushBatch
 */
export async function landFlight(loop: Loop): Promise<Settled | undefined> {
  const { flight } = loop;
  loop.flight = undefined;
  if (flight === undefined) return undefined;
  flight.giveUp.abort();
  const landed = new AbortController();
  try {
    return await Promise.race([flight.settled, untilDrained(loop, landed.signal)]);
  } finally {
    landed.abort();
  }
}

async function untilDrained({ signal, deps, options }: Loop, landed: AbortSignal): Promise<Settled> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true, signal: landed }));
  await deps.clock.sleep(options.drainTimeoutMs, landed);
  return { kind: 'abandoned' };
}

export function onLoaded(loop: Loop, loaded: Loaded): void {
  noteLoaded(loop, loaded);
  loop.recordsMax = Number.POSITIVE_INFINITY;
  if (loaded.trials > 0) keepRecords(loop);
  forgetPlaces(loop.deps.placesWritten, loop.held);
  loop.refusals.forget(loop.held);
  for (const { partition, epoch, to } of loaded.steps) {
    // The broker checks member and generation, not who owns the partition: an older claim keeps silent.
    const held = loop.held.get(partition);
    if (held?.epoch !== epoch) continue;
    loop.toCommit.set(partition, to);
    showLag(loop, held, to);
  }
  // It ends by itself once there is nothing left: begun for nothing, it would have ended before it is kept here.
  if (loop.toCommit.size > 0) loop.committing ??= commitToKafka(loop);
}

/** Records of the log that are not in the warehouse yet, as far as the end of the log is known. */
export function showLag({ deps, lagShown }: Loop, { partition, endOffset }: HeldPartition, loadedTo: bigint): void {
  lagShown.add(partition);
  const lag = endOffset > loadedTo ? endOffset - loadedTo : 0n;
  deps.metrics.set('gbx_kafka_consumer_lag_records', Number(lag), { partition: String(partition) });
}

/** Of partitions that another member has now. */
export function hideFormerLag({ deps, held, lagShown }: Loop): void {
  for (const partition of lagShown) {
    if (held.has(partition)) continue;
    lagShown.delete(partition);
    deps.metrics.unset('gbx_kafka_consumer_lag_records', { partition: String(partition) });
  }
}

export function noteLoaded({ summary }: Loop, { batch, inserted }: Loaded): void {
  summary.flushes++;
  summary.rowsInserted += inserted ?? batch.exposures.length;
}

/**
 * For lag and other tools only: the ledger is committed already, so a failure here loses nothing. Nobody waits for it, save
 * the end of the process; what is loaded meanwhile goes with the next one.
 */
async function commitToKafka(loop: Loop): Promise<void> {
  const { deps, toCommit } = loop;
  while (toCommit.size > 0) {
    const positions = new Map(toCommit);
    toCommit.clear();
    const answered = new AbortController();
    const failure = await Promise.race([
      deps.source.commit(positions).then(() => undefined, asGbxError),
      deps.clock.sleep(COMMIT_WAIT_MS, answered.signal).then(() => new Error('no answer from Kafka')),
    ]);
    answered.abort();
    if (failure === undefined) {
      loop.commitTrouble.worked();
      continue;
    }
    deps.metrics.count('gbx_kafka_commit_failures_total');
    loop.commitTrouble.failed(failure.message);
  }
  loop.committing = undefined;
}
