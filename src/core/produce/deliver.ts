// One batch on its way: attempts until each exposure has a final outcome or the time is over. The same ids go out again, so
// that an attempt whose answer was lost doubles nothing in the warehouse. Used by run.ts.
import type { SendOutcome } from '../accept/ports.ts';
import type { Clock, Random } from '../clock.ts';
import { backoffMs } from '../retry.ts';
import type { Attempt, Outgoing } from './outgoing.ts';

const BACKOFF = { firstMs: 100, maxMs: 2_000 };
const NO_ANSWER: SendOutcome = { kind: 'unknown', reason: 'the target gave no answer' };

interface DeliverDeps {
  readonly attempt: Attempt;
  readonly clock: Clock;
  readonly random: Random;
  /** From it on nothing is tried again. */
  readonly signal: AbortSignal;
  readonly retryForMs: number;
}

export interface Delivery {
  /** One each, in their order. `not-sent`: no attempt ever may have reached the target. */
  readonly outcomes: readonly SendOutcome[];
  /** Attempts of single exposures beyond their first. */
  readonly retries: number;
}

/** @throws what the attempt throws */
export async function deliver(items: readonly Outgoing[], deps: DeliverDeps): Promise<Delivery> {
  const { attempt, clock, random, signal, retryForMs } = deps;
  const startedMs = clock.elapsed();
  const first = await attempt(items);
  if (isSettled(first, items.length)) return { outcomes: first, retries: 0 };

  const outcomes: SendOutcome[] = items.map((_, index) => first[index] ?? NO_ANSWER);
  let retries = 0;
  for (let failures = 0; !signal.aborted && clock.elapsed() - startedMs < retryForMs; failures++) {
    const open = outcomes.flatMap((outcome, index) => (isOpen(outcome) ? [index] : []));
    if (open.length === 0) break;
    await clock.sleep(backoffMs(failures, BACKOFF, random), signal);
    if (signal.aborted) break;
    retries += open.length;
    const again = await attempt(open.flatMap((index) => items[index] ?? []));
    for (const [place, index] of open.entries()) outcomes[index] = join(outcomes[index] ?? NO_ANSWER, again[place] ?? NO_ANSWER);
  }
  return { outcomes, retries };
}

function isSettled(outcomes: readonly SendOutcome[], count: number): boolean {
  return outcomes.length === count && !outcomes.some(isOpen);
}

/** What may not be written is given up at once: only a person can mend that. */
function isOpen(outcome: SendOutcome): boolean {
  return (outcome.kind === 'unknown' || outcome.kind === 'not-sent') && outcome.code !== 'GBX_KAFKA_AUTH';
}

/** What never had an answer may be stored, whatever a later attempt says short of success. */
function join(before: SendOutcome, now: SendOutcome): SendOutcome {
  return before.kind === 'unknown' && now.kind !== 'acked' ? { ...now, kind: 'unknown' } : now;
}
