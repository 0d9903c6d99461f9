// What leaves a batch for another topic: dead letters, and copies to be tried again. Each is written once by this process,
// however often its batch is read or tried, and acknowledged before the ledger passes its record.
import { type ErrorCode, GbxError } from '../errors.ts';
import type { LogRecord } from '../exposure/exposure.ts';
import type { Metrics } from '../metrics.ts';
import type { DeadLetter, RequeuedRecord, RequeueRecords, WriteDeadLetters } from './ports.ts';
import { refusedLetter } from './refusals.ts';

export interface OutgoingDeps {
  readonly writeDeadLetters: WriteDeadLetters;
  readonly requeue: RequeueRecords;
  readonly metrics: Metrics;
  /** Places (`partition/offset`) whose dead letter or copy this process has written and the ledger has not passed. */
  readonly placesWritten: Set<string>;
}

export interface Outgoing {
  readonly letters: DeadLetter[];
  readonly requeues: RequeuedRecord[];
}

/** What the retry topic does not take, by the code of the error, in the words of a dead letter. */
const NOT_TAKEN: Partial<Record<ErrorCode, string>> = {
  GBX_RECORD_TOO_LARGE: 'too large to be tried again',
  GBX_RECORD_REFUSED: 'the topic refuses its copy',
};

type LetterDeps = Pick<OutgoingDeps, 'writeDeadLetters' | 'metrics' | 'placesWritten'>;

/** Writes those that are not written yet. @throws {GbxError} what could be written by then is not written again */
export async function writeLetters(
  { writeDeadLetters, metrics, placesWritten }: LetterDeps,
  letters: readonly DeadLetter[],
  signal: AbortSignal,
): Promise<void> {
  const unwritten = letters.filter(({ record }) => !placesWritten.has(placeOf(record)));
  if (unwritten.length === 0) return;
  const onWritten = ({ record, code }: DeadLetter): void => {
    placesWritten.add(placeOf(record));
    metrics.count('gbx_records_dead_lettered_total', 1, { reason: code });
  };
  await writeDeadLetters(unwritten, onWritten, signal);
}

/**
 * Writes those that are not written yet. A copy that the topic does not take has no more tries: it becomes a dead letter, and
 * goes out with these.
 *
 * @returns records that are not due and cannot be written again. @throws {GbxError} as writeLetters
 */
export async function writeRequeues(
  deps: OutgoingDeps,
  { letters, requeues }: Outgoing,
  signal: AbortSignal,
): Promise<readonly LogRecord[]> {
  const { placesWritten, metrics } = deps;
  const unwritten = (): RequeuedRecord[] => requeues.filter(({ record }) => !placesWritten.has(placeOf(record)));
  const pending = unwritten();
  if (pending.length === 0) return [];
  const onWritten = ({ record, kind }: RequeuedRecord): void => {
    placesWritten.add(placeOf(record));
    metrics.count('gbx_records_requeued_total', 1, { reason: kind === 'refused' ? 'refused' : 'not_due' });
  };
  try {
    await deps.requeue(pending, onWritten, signal);
  } catch (error) {
    const why = error instanceof GbxError ? NOT_TAKEN[error.code] : undefined;
    if (why === undefined) throw error;
    const notDue: LogRecord[] = [];
    for (const one of unwritten()) {
      requeues.splice(requeues.indexOf(one), 1);
      if (one.kind === 'refused') letters.push(refusedLetter(one.record, `${one.message}; ${why}`));
      else notDue.push(one.record);
    }
    return notDue;
  }
  return [];
}

function placeOf({ partition, offset }: LogRecord): string {
  return `${partition}/${offset}`;
}

/** Those that the ledger has passed, or that are another member's by now, are not met again. */
export function forgetPlaces(placesWritten: Set<string>, ledger: ReadonlyMap<number, { readonly ledgerOffset: bigint }>): void {
  for (const place of placesWritten) {
    const [partition, offset] = place.split('/');
    const standing = ledger.get(Number(partition));
    if (standing === undefined || BigInt(offset ?? 0) < standing.ledgerOffset) placesWritten.delete(place);
  }
}
