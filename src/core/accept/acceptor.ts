// From a valid exposure to "durable" or a clear refusal: what stands between the HTTP routes and Kafka.
// serve makes one and gives it to src/http. Promises exactly one outcome for each exposure, within `timeoutMs`:
// `accepted` only when Kafka acknowledged it, `unavailable` only when it is surely not stored.
import type { Clock, Random } from '../clock.ts';
import { ERROR_CODES } from '../errors.ts';
import { encodeExposure } from '../exposure/encode.ts';
import type { Exposure, OutgoingRecord } from '../exposure/exposure.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { createCoalescer } from './coalescer.ts';
import type { SendOutcome, SendRecords } from './ports.ts';

export type AcceptOutcome =
  | { readonly kind: 'accepted' }
  /** Surely not stored; worth another try after this many seconds. */
  | { readonly kind: 'unavailable'; readonly reason: string; readonly retryAfterSeconds: number }
  /** Sent, no answer: stored or not. Another try with the same id is harmless. */
  | { readonly kind: 'outcome_unknown'; readonly reason: string }
  /** Kafka refuses this one for its size. */
  | { readonly kind: 'too_large'; readonly reason: string };

export interface Acceptor {
  accept(exposure: Exposure): Promise<AcceptOutcome>;
  /** In their order, one outcome each. */
  acceptAll(exposures: readonly Exposure[]): Promise<readonly AcceptOutcome[]>;
  /** Takes no more, and resolves once everything under way has its outcome. */
  drain(): Promise<void>;
}

interface AcceptorOptions {
  readonly send: SendRecords;
  /** False while it is known that nothing can be sent: then refusals come at once. */
  readonly isUp: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Time from acceptance to an outcome. */
  readonly timeoutMs: number;
  /** Largest send. Kafka's default for a whole request's batch is 1 MiB: stay below. */
  readonly recordsMax?: number;
  readonly bytesMax?: number;
  /** What may wait at one time. */
  readonly pendingRecordsMax?: number;
  readonly pendingBytesMax?: number;
}

const RETRY_AFTER_SECONDS = 1;
const RETRY_AFTER_DOWN_SECONDS = 5;
const REMIND_MS = 60_000;
export const ACCEPTED: AcceptOutcome = { kind: 'accepted' };
const DOWN: AcceptOutcome = { kind: 'unavailable', reason: 'Kafka is not reachable', retryAfterSeconds: RETRY_AFTER_DOWN_SECONDS };

export function createAcceptor(options: AcceptorOptions): Acceptor {
  const { clock, isUp, metrics, timeoutMs } = options;
  const report = createReporter(options);
  const coalescer = createCoalescer({
    ...options,
    sendMax: { recordsMax: options.recordsMax ?? 1000, bytesMax: options.bytesMax ?? 900_000 },
    pendingMax: { recordsMax: options.pendingRecordsMax ?? 20_000, bytesMax: options.pendingBytesMax ?? 64_000_000 },
  });

  async function accept(exposure: Exposure): Promise<AcceptOutcome> {
    if (!isUp()) return countOutcome(metrics, DOWN);
    const outcome = await coalescer.push(asRecord(exposure, clock.now()), clock.elapsed() + timeoutMs);
    report(outcome);
    return countOutcome(metrics, asAcceptOutcome(outcome));
  }

  return { accept, acceptAll: (exposures) => Promise.all(exposures.map(accept)), drain: () => coalescer.drain() };
}

/** @returns the outcome */
export function countOutcome(metrics: Metrics, outcome: AcceptOutcome): AcceptOutcome {
  if (outcome.kind === 'accepted') metrics.count('gbx_exposures_accepted_total');
  else metrics.count('gbx_exposures_rejected_total', 1, { reason: outcome.kind });
  return outcome;
}

export function asRecord(exposure: Exposure, timestampMs: number): OutgoingRecord {
  return { key: exposure.dsUserId, value: encodeExposure(exposure), timestampMs };
}

function asAcceptOutcome(outcome: SendOutcome): AcceptOutcome {
  switch (outcome.kind) {
    case 'acked':
      return ACCEPTED;
    case 'not-sent':
      return { kind: 'unavailable', reason: outcome.reason, retryAfterSeconds: RETRY_AFTER_SECONDS };
    case 'unknown':
      return { kind: 'outcome_unknown', reason: outcome.reason };
    case 'refused':
      if (!isMendable(outcome)) return { kind: 'too_large', reason: outcome.reason };
      return { kind: 'unavailable', reason: `${outcome.reason}; ${REFUSED_HINT}`, retryAfterSeconds: RETRY_AFTER_DOWN_SECONDS };
  }
}

const REFUSED_HINT = ERROR_CODES.GBX_RECORD_REFUSED.hint;

/** Refused, and not for its size: by the topic's settings, or as a clock is off. The same exposure is taken once that is mended. */
function isMendable(outcome: SendOutcome): outcome is SendOutcome & { kind: 'refused' } {
  return outcome.kind === 'refused' && outcome.code === 'GBX_RECORD_REFUSED';
}

/** Of such refusals: the first, and one a minute while they last. */
function createReporter({ clock, log }: Pick<AcceptorOptions, 'clock' | 'log'>): (outcome: SendOutcome) => void {
  let saidMs = Number.NEGATIVE_INFINITY;
  return (outcome) => {
    if (!isMendable(outcome) || clock.elapsed() - saidMs < REMIND_MS) return;
    saidMs = clock.elapsed();
    log.error('exposures.refused', { code: outcome.code, reason: outcome.reason, nextStep: REFUSED_HINT });
  };
}
