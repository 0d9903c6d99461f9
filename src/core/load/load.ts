// The load flow: from the topic into the table, each exposure exactly once. One loop owns all the state: it takes events
// from the source, fills a batch while the one before is flushed, and claims after every join. Not taking is how it
// pushes back: the source then holds its fetches back and keeps its membership.
import { dueInMs, isFull } from './batch.ts';
import { writeEarly } from './early-letters.ts';
import { launch, onLoaded } from './flight.ts';
import type { Settled } from './flush.ts';
import { fill, takeIn } from './intake.ts';
import { createLoop, type Happening, type LoadDeps, type LoadOptions, type Loop, policyOf, tell } from './loop.ts';
import { isAllLoaded, isAllTaken } from './once.ts';
import { onFenced, onGap, onJoined, onReread } from './ownership.ts';
import type { LoadSummary, SourceEvent } from './ports.ts';
import { watchRetention } from './retention.ts';

/** Longest wait before the loop looks around again. */
const TAKE_MS = 500;

/**
 * Loads until the signal aborts, or with `once` until the end that stood there at the start, then finishes the batches under way within the drain timeout.
 *
 * @throws {GbxError} when the run cannot go on: the client crashed, the topic changed, another consumer fences this one,
 *   or before the first success what docs/delivery.md calls systemic. What was not committed is read again by the next run.
 */
export async function runLoad(deps: LoadDeps, options: LoadOptions, signal: AbortSignal): Promise<LoadSummary> {
  const loop = createLoop(deps, options, signal);
  signal.addEventListener('abort', () => tell(loop.inbox, { kind: 'aborted' }), { once: true });
  try {
    while (!signal.aborted && !isAllLoaded(loop)) {
      fill(loop);
      launchIfDue(loop);
      writeEarly(loop);
      watchRetention(loop);
      const happening = await nextHappening(loop);
      if (happening.kind === 'settled') await onSettled(loop, happening.result);
      else if (happening.kind === 'taken' && happening.event !== undefined) await onEvent(loop, happening.event);
    }
    await drain(loop);
    return loop.summary;
  } finally {
    // Not waited for: whoever closes the warehouse cuts an attempt that still runs, and the ledger tells what became of it.
    loop.flight?.giveUp.abort();
    loop.early.stop.abort();
    loop.ticking?.abort();
  }
}

/** The next thing to act on. A take stays under way until its event is acted on: it may hold records. */
async function nextHappening(loop: Loop): Promise<Happening> {
  const { inbox } = loop;
  if (loop.taking === undefined && hasRoom(loop)) take(loop);
  else if (loop.taking === undefined) tick(loop);
  for (;;) {
    const happening = inbox.happenings.shift();
    if (happening === undefined) {
      await new Promise<void>((resolve) => {
        inbox.wake = resolve;
      });
    } else if (happening.kind === 'failed') {
      throw happening.error;
    } else if (isCurrent(happening, loop)) {
      if (happening.kind === 'taken') loop.taking = undefined;
      if (happening.kind === 'ticked') loop.ticking = undefined;
      return happening;
    }
  }
}

function take(loop: Loop): void {
  const taking = loop.deps.source.take(untilNextMs(loop), loop.signal);
  loop.taking = taking;
  taking.then(
    (event) => tell(loop.inbox, { kind: 'taken', taking, event }),
    (error: unknown) => tell(loop.inbox, { kind: 'failed', error }),
  );
}

/** While nothing is taken, time passes all the same. */
function tick(loop: Loop): void {
  if (loop.ticking !== undefined) return;
  const ticking = new AbortController();
  loop.ticking = ticking;
  void loop.deps.clock.sleep(untilNextMs(loop), ticking.signal).then(() => tell(loop.inbox, { kind: 'ticked' }));
}

/** Milliseconds until something is due that no event tells of. */
function untilNextMs(loop: Loop): number {
  const { deps, options, filling, flight, waiting, hold, againFromMs } = loop;
  const now = deps.clock.elapsed();
  const next = [TAKE_MS];
  if (flight === undefined) next.push(dueInMs(filling, options.policy, now));
  if (!isFull(filling, policyOf(loop))) next.push(hold.nextDueAtMs() - now);
  if (waiting !== undefined && againFromMs > now) next.push(againFromMs - now);
  return Math.max(0, Math.min(...next));
}

/** What was awaited elsewhere meanwhile (a take by onFenced, a flight by landFlight) is dealt with already. */
function isCurrent(happening: Happening, { taking, flight }: Loop): boolean {
  if (happening.kind === 'taken') return happening.taking === taking;
  return happening.kind !== 'settled' || happening.settled === flight?.settled;
}

function hasRoom(loop: Loop): boolean {
  return loop.waiting === undefined && !isFull(loop.filling, policyOf(loop));
}

async function onEvent(loop: Loop, event: SourceEvent): Promise<void> {
  if (event.kind === 'joined') await onJoined(loop, event.partitions);
  else if (takeIn(loop, event) === 'gap') await onGap(loop, event);
}

async function onSettled(loop: Loop, result: Settled): Promise<void> {
  loop.flight = undefined;
  if (result.kind === 'fenced') await onFenced(loop, result.holders);
  else if (result.kind === 'reread') await onReread(loop, result);
  else if (result.kind === 'loaded') onLoaded(loop, result);
}

function launchIfDue(loop: Loop): void {
  const { deps, filling, flight } = loop;
  if (flight !== undefined) return;
  const isDue = dueInMs(filling, policyOf(loop), deps.clock.elapsed()) === 0 || (filling.recordCount > 0 && isAllTaken(loop));
  if (!isDue) return;
  launch(loop);
  fill(loop);
}

/** After the signal: finishes the flush under way, then the batch that was filling; while the circuit is open, neither. */
async function drain(loop: Loop): Promise<void> {
  const { deps, options } = loop;
  deps.status.isDraining = true;
  const deadline = new AbortController();
  const timer = deps.clock.sleep(options.drainTimeoutMs, deadline.signal).then(() => 'deadline' as const);
  for (let round = 0; round < 2; round++) {
    if (deps.circuit.isOpen()) break;
    if (loop.flight === undefined && loop.filling.recordCount > 0) launch(loop);
    if (loop.flight === undefined) break;
    const result = await Promise.race([loop.flight.settled, timer]);
    if (result === 'deadline' || result.kind !== 'loaded') break;
    await onSettled(loop, result);
  }
  await loop.committing;
  deadline.abort();
  const left = loop.filling.recordCount;
  if (loop.flight !== undefined || left > 0) {
    deps.log.warn('drain.cut_short', { recordsLeft: left, circuitOpen: deps.circuit.isOpen(), lost: 'nothing: they are read again' });
  }
}
