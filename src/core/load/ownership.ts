// Who may load what: joins of the group, gaps in the log and fences all end in a new claim.
import { GbxError } from '../errors.ts';
import { claimPartitions } from './claim.ts';
import { hideFormerLag, landFlight, noteLoaded, showLag } from './flight.ts';
import type { Settled } from './flush.ts';
import { keepRecords, type Loop, type RecordsEvent, startBatch } from './loop.ts';
import { forgetPlaces } from './outgoing.ts';
import type { LedgerRow } from './ports.ts';
import { rememberDropped, rememberWaiting, watchRetention } from './retention.ts';

/** After being fenced: time for the join that explains it to arrive. */
const JOIN_WAIT_MS = 3_000;
const FENCED_MAX = 3;
const FENCED_WINDOW_MS = 60_000;
const GAP_PAUSE_MS = 1_000;

export async function onJoined(loop: Loop, partitions: readonly number[]): Promise<void> {
  loop.deps.metrics.count('gbx_kafka_rebalances_total');
  loop.deps.log.info('group.joined', { partitions });
  loop.refusals.clear();
  // What was held before says nothing of what the claim will give.
  loop.deps.status.partitions = undefined;
  await takeOver(loop, partitions);
}

/** The claim finds out whether records expired or the topic is another one. */
export async function onGap(loop: Loop, event: RecordsEvent): Promise<void> {
  const { clock, log } = loop.deps;
  log.warn('log.gap_found', {
    partition: event.partition,
    expected: String(loop.held.get(event.partition)?.expectedOffset),
    found: String(event.fetchOffset),
  });
  if (clock.elapsed() - loop.lastGapMs < GAP_PAUSE_MS) await clock.sleep(GAP_PAUSE_MS, loop.signal);
  loop.lastGapMs = clock.elapsed();
  await takeOver(loop, [...loop.held.keys()]);
}

/** Rare and not quick; for a while after it batches keep their records, so that the next one that needs them has them. */
export async function onReread(loop: Loop, { refused, recordsMax }: Extract<Settled, { kind: 'reread' }>): Promise<void> {
  keepRecords(loop);
  // Whatever was read up to here; copies that are made from now on stand behind it.
  loop.refusals.remember(refused, new Map([...loop.held].map(([partition, { expectedOffset }]) => [partition, expectedOffset])));
  if (recordsMax !== undefined) loop.recordsMax = recordsMax;
  loop.deps.log.warn('batch.read_again', { rowsRefused: refused.length, reason: 'copies or dead letters are made of its records' });
  await takeOver(loop, [...loop.held.keys()]);
}

/** Another claim stands in the ledger: usually a rebalance whose join is on its way; else a second consumer that should not be. */
export async function onFenced(loop: Loop, holders: readonly LedgerRow[]): Promise<void> {
  const { deps, signal } = loop;
  const mine = [...loop.held.keys()];
  loop.held.clear();
  const now = deps.clock.elapsed();
  loop.fencedAtMs = [...loop.fencedAtMs.filter((at) => now - at < FENCED_WINDOW_MS), now];
  const by = holders.map(({ partition, owner, host, epoch }) => ({ partition, owner, host, epoch }));
  deps.log.warn('batch.fenced', { by, dropped: 'the batch; its new holder loads it' });
  const untilMs = now + JOIN_WAIT_MS;
  while (deps.clock.elapsed() < untilMs && !signal.aborted) {
    const event = await (loop.taking ?? deps.source.take(untilMs - deps.clock.elapsed(), signal));
    loop.taking = undefined;
    if (event?.kind !== 'joined') continue;
    // A rebalance of our own group explains it: no other consumer is to blame.
    loop.fencedAtMs.pop();
    return onJoined(loop, event.partitions);
  }
  if (!signal.aborted && loop.fencedAtMs.length >= FENCED_MAX) throw fencedForGood(by);
  await takeOver(loop, mine);
}

function fencedForGood(by: readonly { partition: number; owner: string; host: string }[]): GbxError {
  const who = [...new Set(by.map(({ owner, host }) => `${owner} on ${host}`))].join(', ');
  return new GbxError(
    'GBX_FENCED',
    `Cannot keep the partitions ${by.map((row) => row.partition).join(', ')} as they are claimed again and again by ${who}`,
  );
}

/** Forgets what is buffered, waits for the attempt under way, then claims these partitions. */
async function takeOver(loop: Loop, partitions: readonly number[]): Promise<void> {
  const { deps, options, signal } = loop;
  let wanted = partitions;
  const inFlight = loop.flight?.batch;
  rememberWaiting(loop);
  loop.held.clear();
  loop.toCommit.clear();
  loop.waiting = undefined;
  loop.hold.clear();
  const { early } = loop;
  early.stop.abort();
  deps.metrics.set('gbx_retry_held_records', 0);
  startBatch(loop);
  const landed = await landFlight(loop);
  await early.writing;
  if (landed?.kind === 'loaded') noteLoaded(loop, landed);
  else if (inFlight !== undefined) rememberDropped(loop, inFlight.oldestMs);
  for (;;) {
    const claim = await claimPartitions(deps, wanted, { ...options, signal, onAttempt: () => watchRetention(loop) });
    if (claim.kind === 'aborted') return;
    if (claim.kind === 'rejoined') {
      wanted = claim.partitions;
      deps.status.partitions = undefined;
      continue;
    }
    loop.owner = claim.owner;
    loop.retention.droppedMs = undefined;
    for (const held of claim.held) {
      loop.held.set(held.partition, held);
      if (!loop.ends.has(held.partition)) loop.ends.set(held.partition, held.endOffset);
      showLag(loop, held, held.ledgerOffset);
    }
    hideFormerLag(loop);
    deps.status.partitions = loop.held.size;
    forgetPlaces(deps.placesWritten, loop.held);
    return;
  }
}
