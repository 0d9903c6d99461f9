// Writes copies of records that were read (dead letters, requeued records) so that none is lost on the way: acknowledged,
// verified, tried again a few times. When it returns, all are on disk; whoever calls may then move past the originals.
import type { SendOutcome } from '../core/accept/ports.ts';
import type { Clock, Random } from '../core/clock.ts';
import { GbxError } from '../core/errors.ts';
import type { HeaderValue, LogRecord } from '../core/exposure/exposure.ts';
import { backoffMs } from '../core/retry.ts';
import type { RecordProducer } from './open-producer.ts';
import type { ProducerRecord } from './plan-sends.ts';

interface CopyOptions<T> {
  readonly topic: string;
  /** What they are, for messages: `dead letters`. */
  readonly what: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly headersOf: (item: T, how: CopyHeaderOptions) => Readonly<Record<string, HeaderValue>>;
  readonly onWritten: (item: T) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface CopyHeaderOptions {
  readonly nowMs: number;
  /** Leaves out what can be left out: the record is too large with it. */
  readonly brief: boolean;
}

interface Pending<T> {
  readonly item: T;
  readonly brief: boolean;
}

const BACKOFF = { firstMs: 200, maxMs: 3_000 };
/** Then the caller hears of it, holds its batch and says so; what is written by then is not written again. */
const ATTEMPTS_MAX = 5;

/**
 * Tries a few times, or until the signal aborts; a copy may be written twice, and is known by its `gbx-origin`.
 *
 * @throws {GbxError} GBX_TOPIC_MISSING; GBX_KAFKA_AUTH where it may not write there; GBX_SEND_UNKNOWN where no
 *   acknowledgement comes; GBX_RECORD_TOO_LARGE, or GBX_RECORD_REFUSED where it is not their size, once all the others are
 *   written: those that were not told of then are the ones that the topic does not take.
 */
export async function writeCopies<T extends { readonly record: LogRecord }>(
  producer: RecordProducer,
  items: readonly T[],
  options: CopyOptions<T>,
): Promise<void> {
  const { topic, clock, random, headersOf, onWritten, signal } = options;
  const refused: { readonly item: T; readonly outcome: Refusal }[] = [];
  let pending: readonly Pending<T>[] = items.map((item) => ({ item, brief: false }));
  for (let attempt = 0; pending.length > 0; attempt++) {
    const nowMs = clock.now();
    const outcomes = await producer.send(
      topic,
      pending.map(({ item, brief }) => asCopy(item.record, headersOf(item, { nowMs, brief }), nowMs)),
      // What came compressed may be larger than any topic takes without.
      { isCompressed: pending.some(({ brief }) => brief) },
    );
    const left: Pending<T>[] = [];
    for (const [index, { item, brief }] of pending.entries()) {
      const outcome = outcomes[index];
      if (outcome?.kind === 'acked') onWritten(item);
      else if (outcome?.kind !== 'refused') left.push({ item, brief });
      else if (brief) refused.push({ item, outcome });
      else left.push({ item, brief: true });
    }
    pending = left;
    if (pending.length === 0) break;
    assertAllowed(options, outcomes);
    if (outcomes.some(({ kind }) => kind === 'not-sent')) await assertTopic(producer, options);
    if (signal?.aborted || attempt + 1 >= ATTEMPTS_MAX) throw givenUp(options, pending.length, outcomes);
    await clock.sleep(backoffMs(attempt, BACKOFF, random), signal);
  }
  const [first] = refused;
  if (first !== undefined) throw notTaken(options, first.item.record, { refusal: first.outcome, count: refused.length });
}

/** Stamped with the present, so that the topic's retention counts from there. */
function asCopy({ key, value, partition }: LogRecord, headers: ProducerRecord['headers'], timestampMs: number): ProducerRecord {
  return { key, value, partition, timestampMs, ...(headers === undefined ? {} : { headers }) };
}

type Named = Pick<CopyOptions<unknown>, 'topic' | 'what'>;
type Refusal = SendOutcome & { readonly kind: 'refused' };

/** Another try would be refused too, until somebody gives the right. */
function assertAllowed({ what }: Named, outcomes: readonly SendOutcome[]): void {
  for (const outcome of outcomes) {
    if (outcome.kind === 'acked' || outcome.code !== 'GBX_KAFKA_AUTH') continue;
    throw new GbxError('GBX_KAFKA_AUTH', `No ${what} can be written: ${outcome.reason}`);
  }
}

async function assertTopic(producer: RecordProducer, { topic, what }: Named): Promise<void> {
  const partitions = await producer.partitionCount(topic).catch(() => 'unknown');
  if (partitions === undefined) throw new GbxError('GBX_TOPIC_MISSING', `Cannot write ${what} as there is no topic ${topic}`);
}

function givenUp({ topic, what }: Named, count: number, outcomes: readonly SendOutcome[]): GbxError {
  const reason = outcomes.find((outcome) => outcome.kind !== 'acked')?.reason ?? 'they are not acknowledged';
  return new GbxError('GBX_SEND_UNKNOWN', `Cannot tell whether ${count} ${what} are in the topic ${topic} as ${reason}`, {
    hint: `see that the topic ${topic} takes writes (in-sync replicas, rights); it is tried again by itself`,
  });
}

function notTaken(
  { topic, what }: Named,
  { partition, offset }: LogRecord,
  { refusal: { reason, code }, count }: { refusal: Refusal; count: number },
): GbxError {
  const others = count > 1 ? ` and ${count - 1} more` : '';
  const where = `the record at partition ${partition}, offset ${offset}${others}`;
  const message = `Cannot write ${where} to the ${what} as ${reason}`;
  if (code === 'GBX_RECORD_REFUSED') return new GbxError('GBX_RECORD_REFUSED', message);
  return new GbxError('GBX_RECORD_TOO_LARGE', message, {
    hint: `raise max.message.bytes of the topic ${topic} above that of the topic it comes from`,
  });
}
