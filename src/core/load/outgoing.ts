// What leaves a batch for another topic: dead letters, and copies to be tried again. Each is written once by this process,
// however often its batch is read or tried, and acknowledged before the ledger passes its record.
import { GbxError } from '../errors.ts';
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

/** Writes what is not written yet. @throws {GbxError} what could be written by then is not written again */
export async function writeOutgoing(deps: OutgoingDeps, outgoing: Outgoing, signal: AbortSignal): Promise<void> {
  await writeRequeues(deps, outgoing, signal);
  await writeLetters(deps, outgoing.letters, signal);
}

type LetterDeps = Pick<OutgoingDeps, 'writeDeadLetters' | 'metrics' | 'placesWritten'>;

/** As writeOutgoing, dead letters alone. */
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

async function writeRequeues(deps: OutgoingDeps, { letters, requeues }: Outgoing, signal: AbortSignal): Promise<void> {
  const { placesWritten, metrics } = deps;
  const unwritten = (): RequeuedRecord[] => requeues.filter(({ record }) => !placesWritten.has(placeOf(record)));
  const pending = unwritten();
  if (pending.length === 0) return;
  const onWritten = ({ record, kind }: RequeuedRecord): void => {
    placesWritten.add(placeOf(record));
    metrics.count('gbx_records_requeued_total', 1, { reason: kind === 'refused' ? 'refused' : 'not_due' });
  };
  try {
    await deps.requeue(pending, onWritten, signal);
  } catch (error) {
    if (!(error instanceof GbxError) || error.code !== 'GBX_RECORD_TOO_LARGE') throw error;
    // With its new headers a copy may be larger than the topic takes: then it has no more tries.
    const tooLarge = unwritten().filter((one) => one.kind === 'refused');
    if (tooLarge.length < unwritten().length) throw error;
    for (const one of tooLarge) {
      requeues.splice(requeues.indexOf(one), 1);
      letters.push(refusedLetter(one.record, `${one.message}; too large to be tried again`));
    }
  }
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
