// Gives up records for good: each into the dead-letter topic, bytes, key and headers as they were, with the reason.
// The load flow calls it before it moves the ledger past them: when it returns, all are on disk.
import type { SendOutcome } from '../core/accept/ports.ts';
import type { Clock, Random } from '../core/clock.ts';
import { GbxError } from '../core/errors.ts';
import type { DeadLetter, WriteDeadLetters } from '../core/load/ports.ts';
import { backoffMs } from '../core/retry.ts';
import { deadLetterHeaders } from './headers.ts';
import type { RecordProducer } from './open-producer.ts';
import type { ProducerRecord } from './plan-sends.ts';

interface DeadLetterOptions {
  readonly topic: string;
  /** The topic the records were read from. */
  readonly sourceTopic: string;
  readonly clock: Clock;
  readonly random: Random;
}

interface PendingLetter {
  readonly letter: DeadLetter;
  readonly brief: boolean;
}

const BACKOFF = { firstMs: 200, maxMs: 3_000 };
/** Then the caller hears of it, holds its batch and says so; what is written by then is not written again. */
const ATTEMPTS_MAX = 5;

/**
 * The writer tries a few times, or until its signal aborts; a letter may be written twice, and is known by its
 * `gbx-origin`. It throws GBX_TOPIC_MISSING, GBX_RECORD_TOO_LARGE, or, where no acknowledgement comes, GBX_SEND_UNKNOWN.
 */
export function createDeadLetterWriter(producer: RecordProducer, options: DeadLetterOptions): WriteDeadLetters {
  const { topic, sourceTopic, clock, random } = options;

  return async (letters, onWritten, signal) => {
    let pending: readonly PendingLetter[] = letters.map((letter) => ({ letter, brief: false }));
    for (let attempt = 0; pending.length > 0; attempt++) {
      const nowMs = clock.now();
      const outcomes = await producer.send(
        topic,
        pending.map(({ letter, brief }) => asRecord(letter, { sourceTopic, nowMs, brief })),
      );
      for (const [index, { letter }] of pending.entries()) if (outcomes[index]?.kind === 'acked') onWritten(letter);
      pending = pending.flatMap((one, index) => leftOver(one, outcomes[index], topic));
      if (pending.length === 0) return;
      if (outcomes.some(({ kind }) => kind === 'not-sent')) await assertTopic(producer, topic);
      if (signal?.aborted || attempt + 1 >= ATTEMPTS_MAX) throw givenUp(topic, pending.length, outcomes);
      await clock.sleep(backoffMs(attempt, BACKOFF, random), signal);
    }
  };
}

/** What is still to be written of a letter after an attempt: nothing, or the letter, cut down where it was too large. */
function leftOver(pending: PendingLetter, outcome: SendOutcome | undefined, topic: string): PendingLetter[] {
  if (outcome?.kind === 'acked') return [];
  if (outcome?.kind !== 'refused') return [pending];
  if (!pending.brief) return [{ ...pending, brief: true }];
  const { partition, offset } = pending.letter.record;
  const where = `the record at partition ${partition}, offset ${offset}`;
  throw new GbxError('GBX_RECORD_TOO_LARGE', `Cannot write ${where} to the dead letters as ${outcome.reason}`, {
    hint: `raise max.message.bytes of the topic ${topic} above that of the topic it comes from`,
  });
}

async function assertTopic(producer: RecordProducer, topic: string): Promise<void> {
  const partitions = await producer.partitionCount(topic).catch(() => 'unknown');
  if (partitions === undefined) throw new GbxError('GBX_TOPIC_MISSING', `Cannot write dead letters as there is no topic ${topic}`);
}

function givenUp(topic: string, count: number, outcomes: readonly SendOutcome[]): GbxError {
  const reason = outcomes.find((outcome) => outcome.kind !== 'acked')?.reason ?? 'they are not acknowledged';
  return new GbxError('GBX_SEND_UNKNOWN', `Cannot tell whether ${count} dead letters are in the topic ${topic} as ${reason}`, {
    hint: `see that the topic ${topic} takes writes (in-sync replicas, rights); it is tried again by itself`,
  });
}

interface AsRecordOptions {
  readonly sourceTopic: string;
  readonly nowMs: number;
  readonly brief: boolean;
}

/** Stamped with the time it was given up, so that the topic's retention counts from there. */
function asRecord(letter: DeadLetter, options: AsRecordOptions): ProducerRecord {
  const { key, value, partition } = letter.record;
  return { key, value, partition, headers: deadLetterHeaders(letter, options), timestampMs: options.nowMs };
}
