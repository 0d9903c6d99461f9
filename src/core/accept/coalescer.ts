// Gathers the records of concurrent requests into few sends: a record that comes alone is sent at once, those that
// come while a send is under way go together in the next. Called by acceptor.ts. Promises exactly one outcome for
// every record, by its deadline, whatever the sender does.
import type { Clock, Random } from '../clock.ts';
import type { OutgoingRecord } from '../exposure/exposure.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { backoffMs } from '../retry.ts';
import { createPending, type Entry, enqueue, type Pending, type PendingLimits, putBack, settle, takeBatch, untilEmpty } from './pending.ts';
import type { SendOutcome, SendRecords } from './ports.ts';

export interface CoalescerOptions {
  readonly send: SendRecords;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Largest send; a record that exceeds `bytesMax` by itself goes alone, and the broker decides. */
  readonly sendMax: PendingLimits;
  /** What may wait, queued or under way; beyond it `push` answers `not-sent` at once. */
  readonly pendingMax: PendingLimits;
}

export interface Coalescer {
  /** @param deadlineMs on the clock's `elapsed` scale */
  push(record: OutgoingRecord, deadlineMs: number): Promise<SendOutcome>;
  /** Takes no more, and resolves once every record has its outcome. */
  drain(): Promise<void>;
}

const BACKOFF = { firstMs: 25, maxMs: 500 };
const DRAINING: SendOutcome = { kind: 'not-sent', reason: 'shutting down' };

export function createCoalescer(options: CoalescerOptions): Coalescer {
  const pending = createPending(options.clock, options.pendingMax);
  let isRunning = false;
  let isDraining = false;

  async function run(): Promise<void> {
    isRunning = true;
    // What is pushed in this same turn (the items of one request) belongs into the first send.
    await Promise.resolve();
    // Looked at once more, and in one step with the flag: a push that came while sendAll returned must not be left lying.
    while (pending.queue.length > 0) await sendAll(pending, options);
    isRunning = false;
  }

  return {
    push(record, deadlineMs) {
      if (isDraining) return Promise.resolve(DRAINING);
      const outcome = enqueue(pending, record, deadlineMs);
      if (!isRunning) void run();
      return outcome;
    },
    async drain() {
      isDraining = true;
      await untilEmpty(pending);
      pending.stopped.abort();
    },
  };
}

/** One send after the other until the queue is empty; what surely or possibly failed goes again, first in line. */
async function sendAll(pending: Pending, options: CoalescerOptions): Promise<void> {
  let failures = 0;
  while (pending.queue.length > 0) {
    const batch = takeBatch(pending, options.sendMax);
    if (batch.length === 0) continue;
    const outcomes = await attempt(batch, options);
    const { again, reason } = settleBatch(pending, batch, outcomes);
    putBack(pending, again);
    if (reason === undefined) {
      if (failures > 0) options.log.info('exposures.send_recovered', { attempts: failures });
      failures = 0;
      continue;
    }
    if (failures === 0) options.log.warn('exposures.send_failed', { records: batch.length, reason });
    failures += 1;
    await options.clock.sleep(backoffMs(failures - 1, BACKOFF, options.random), pending.stopped.signal);
  }
}

async function attempt(batch: readonly Entry[], { send, clock, metrics, log }: CoalescerOptions): Promise<readonly SendOutcome[]> {
  const startedMs = clock.elapsed();
  try {
    return await send(batch.map((entry) => entry.record));
  } catch (error) {
    // The port promises outcomes and never throws; whatever this is, the records may be out.
    log.error('exposures.send_threw', { error, records: batch.length });
    return [];
  } finally {
    metrics.observe('gbx_kafka_send_duration_seconds', (clock.elapsed() - startedMs) / 1000);
    metrics.observe('gbx_kafka_send_records', batch.length);
  }
}

/** Settles what has a final outcome; a missing one counts as unknown. `reason` is set when any record did not come through. */
function settleBatch(
  pending: Pending,
  batch: readonly Entry[],
  outcomes: readonly SendOutcome[],
): { readonly again: readonly Entry[]; readonly reason: string | undefined } {
  const again: Entry[] = [];
  let reason: string | undefined;
  for (const [i, entry] of batch.entries()) {
    const outcome = outcomes[i] ?? { kind: 'unknown', reason: 'the producer gave no answer' };
    if (outcome.kind === 'acked') settle(pending, entry, outcome);
    else if (outcome.kind === 'refused') settle(pending, entry, afterRefusal(entry, outcome));
    else {
      reason = outcome.reason;
      if (outcome.kind === 'unknown') entry.isUnsure = true;
      if (!entry.isSettled) again.push(entry);
    }
  }
  return { again, reason };
}

/** A refusal now says nothing about an earlier attempt that got no answer. */
function afterRefusal(entry: Entry, outcome: SendOutcome & { kind: 'refused' }): SendOutcome {
  return entry.isUnsure ? { kind: 'unknown', reason: outcome.reason } : outcome;
}
