// The books of a run: what was sent, what became of it and how long that took. Constant memory, whatever the run's length.
// run.ts writes them; the live view and the report read them.
import type { SendOutcome } from '../accept/ports.ts';
import { createHistogram, type Histogram } from './histogram.ts';
import type { Outgoing } from './outgoing.ts';

/** Different reasons for failures that are told apart. */
const REASONS_MAX = 20;
const OTHER_REASONS = 'other reasons';
/** Less is what reading and parsing take. */
const INPUT_WAIT_MS_MIN = 10;

/** One batch that is settled; times in milliseconds from the start of the run. */
export interface SettledBatch {
  readonly items: readonly Outgoing[];
  /** When each was due; undefined where nothing was asked for but speed: then it was due when it was handed over. */
  readonly duesMs: readonly number[] | undefined;
  readonly handedMs: number;
  readonly settledMs: number;
  readonly outcomes: readonly SendOutcome[];
  readonly retries: number;
}

export interface Counts {
  sent: number;
  ok: number;
  /** Malformed ones that serve refused, as it should. */
  refusedAsMeant: number;
  refused: number;
  /** Given up, surely not stored. */
  failed: number;
  unknown: number;
  retries: number;
  copies: number;
  late: number;
  malformed: number;
  bytes: number;
}

export interface Tally {
  readonly counts: Readonly<Counts>;
  /** From when it was due until it was acknowledged. */
  readonly response: Histogram;
  /** From when it was handed to the target's client until it was acknowledged. */
  readonly service: Histogram;
  /** How late the generator was itself: time for which the target had no room, or the input no line, is not in it. */
  readonly slip: Histogram;
  readonly reasons: ReadonlyMap<string, number>;
  /** How often each variation of each experiment was seen, copies and malformed ones aside. */
  readonly seen: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Answered as meant after the warm-up: how many, and when the last was. */
  readonly measured: { readonly count: number; readonly lastMs: number };
  /** How long the input let exposures wait that were due. */
  inputWaitMs(): number;
  handed(items: readonly Outgoing[]): void;
  /** @param readyMs when target and input were ready for it again; 0 where they always were */
  slipped(duesMs: readonly number[], handedMs: number, readyMs: number): void;
  /** Something was due at the first of the two moments, and there at the second. */
  waitedForInput(fromMs: number, untilMs: number): void;
  settled(batch: SettledBatch): void;
}

/** @param warmupMs what is due before it is counted, and not measured */
export function createTally(warmupMs: number): Tally {
  const counts: Counts = {
    sent: 0,
    ok: 0,
    refusedAsMeant: 0,
    refused: 0,
    failed: 0,
    unknown: 0,
    retries: 0,
    copies: 0,
    late: 0,
    malformed: 0,
    bytes: 0,
  };
  const [response, service, slip] = [createHistogram(), createHistogram(), createHistogram()];
  const reasons = new Map<string, number>();
  const seen = new Map<string, Map<string, number>>();
  const measured = { count: 0, lastMs: 0 };
  let inputWaitMs = 0;

  return {
    counts,
    response,
    service,
    slip,
    reasons,
    seen,
    measured,
    inputWaitMs: () => inputWaitMs,
    handed(items) {
      counts.sent += items.length;
      for (const item of items) countItem(item, { counts, seen });
    },
    slipped(duesMs, handedMs, readyMs) {
      for (const dueMs of duesMs) if (dueMs >= warmupMs) slip.record(handedMs - Math.max(dueMs, readyMs));
    },
    waitedForInput(fromMs, untilMs) {
      const waitMs = untilMs - Math.max(fromMs, warmupMs);
      if (waitMs > INPUT_WAIT_MS_MIN) inputWaitMs += waitMs;
    },
    settled({ items, duesMs, handedMs, settledMs, outcomes, retries }) {
      counts.retries += retries;
      for (const [index, outcome] of outcomes.entries()) {
        countOutcome(outcome, items[index], { counts, reasons });
        const dueMs = duesMs?.[index] ?? handedMs;
        const isAnswered = outcome.kind === 'acked' || (outcome.kind === 'refused' && items[index]?.kind === 'malformed');
        if (!isAnswered || dueMs < warmupMs) continue;
        response.record(settledMs - dueMs);
        service.record(settledMs - handedMs);
        measured.count += 1;
        measured.lastMs = settledMs;
      }
    },
  };
}

function countItem(
  { kind, exposure, value }: Outgoing,
  { counts, seen }: { readonly counts: Counts; readonly seen: Map<string, Map<string, number>> },
): void {
  counts.bytes += Buffer.byteLength(value);
  if (kind === 'copy') counts.copies += 1;
  else if (kind === 'malformed') counts.malformed += 1;
  else {
    if (kind === 'late') counts.late += 1;
    const variations = seen.get(exposure.experimentId) ?? new Map<string, number>();
    if (variations.size === 0) seen.set(exposure.experimentId, variations);
    variations.set(exposure.variationId, (variations.get(exposure.variationId) ?? 0) + 1);
  }
}

function countOutcome(
  outcome: SendOutcome,
  item: Outgoing | undefined,
  { counts, reasons }: { readonly counts: Counts; readonly reasons: Map<string, number> },
): void {
  if (outcome.kind === 'acked') counts.ok += 1;
  else if (outcome.kind === 'refused' && item?.kind === 'malformed') counts.refusedAsMeant += 1;
  else {
    counts[COUNTED_AS[outcome.kind]] += 1;
    const reason = reasons.has(outcome.reason) || reasons.size < REASONS_MAX ? outcome.reason : OTHER_REASONS;
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
}

const COUNTED_AS = { refused: 'refused', 'not-sent': 'failed', unknown: 'unknown' } as const;
