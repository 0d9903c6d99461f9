// The flush under way: one at a time, while the next batch fills.
import { asGbxError } from '../errors.ts';
import { createBatch } from './batch.ts';
import type { HeldPartition } from './claim.ts';
import { flushBatch, type Settled } from './flush.ts';
import { type Loop, tell } from './loop.ts';

type Loaded = Extract<Settled, { kind: 'loaded' }>;

/** Kafka's answer to a commit is worth no more waiting than this. */
const COMMIT_WAIT_MS = 5_000;

/** Sends the filling batch on its way and starts a new one. */
export function launch(loop: Loop): void {
  const { deps, filling: batch, owner } = loop;
  const giveUp = new AbortController();
  const { clusterId, group, topic } = deps.source;
  for (const step of batch.steps.values()) {
    const held = loop.held.get(step.partition);
    if (held !== undefined) held.ledgerOffset = step.to;
  }
  const settled = flushBatch(deps, batch, { scope: { clusterId, group, topic }, owner, signal: giveUp.signal });
  settled.then(
    (result) => tell(loop.inbox, { kind: 'settled', settled, result }),
    (error: unknown) => tell(loop.inbox, { kind: 'failed', error }),
  );
  loop.flight = { settled, giveUp };
  loop.filling = createBatch();
}

/** Lets the attempt under way end, without another one. @throws {GbxError} as flushBatch */
export async function landFlight(loop: Loop): Promise<Settled | undefined> {
  const { flight } = loop;
  loop.flight = undefined;
  flight?.giveUp.abort();
  return flight?.settled;
}

export function onLoaded(loop: Loop, loaded: Loaded): void {
  noteLoaded(loop, loaded);
  for (const { partition, epoch, to } of loaded.steps) {
    // The broker checks member and generation, not who owns the partition: an older claim keeps silent.
    const held = loop.held.get(partition);
    if (held?.epoch !== epoch) continue;
    loop.toCommit.set(partition, to);
    showLag(loop, held, to);
  }
  loop.committing ??= commitToKafka(loop);
}

/** Records of the log that are not in the warehouse yet, as far as the end of the log is known. */
export function showLag({ deps }: Loop, { partition, endOffset }: HeldPartition, loadedTo: bigint): void {
  const lag = endOffset > loadedTo ? endOffset - loadedTo : 0n;
  deps.metrics.set('gbx_kafka_consumer_lag_records', Number(lag), { partition: String(partition) });
}

export function noteLoaded({ summary, reusedIds }: Loop, { batch, inserted }: Loaded): void {
  for (const id of batch.kept.keys()) reusedIds.delete(id);
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
    if (failure === undefined) continue;
    deps.metrics.count('gbx_kafka_commit_failures_total');
    deps.log.warn('group.commit_failed', { reason: failure.message, lost: 'nothing: the ledger has it' });
  }
  loop.committing = undefined;
}
