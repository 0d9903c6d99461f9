// Gives up records for good: each into the dead-letter topic, bytes, key and headers as they were, with the reason.
// The load flow calls it before it moves the ledger past them: when it returns, all are on disk.
import type { Clock, Random } from '../core/clock.ts';
import type { WriteDeadLetters } from '../core/load/ports.ts';
import { deadLetterHeaders } from './headers.ts';
import type { RecordProducer } from './open-producer.ts';
import { writeCopies } from './write-copies.ts';

interface DeadLetterOptions {
  readonly topic: string;
  /** The topic the records were read from. */
  readonly sourceTopic: string;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * The writer tries a few times, or until its signal aborts; a letter may be written twice, and is known by its
 * `gbx-origin`. It throws as writeCopies().
 */
export function createDeadLetterWriter(producer: RecordProducer, options: DeadLetterOptions): WriteDeadLetters {
  const { sourceTopic, ...named } = options;
  return (letters, onWritten, signal) =>
    writeCopies(producer, letters, {
      ...named,
      what: 'dead letters',
      headersOf: (letter, how) => deadLetterHeaders(letter, { sourceTopic, ...how }),
      onWritten,
      signal,
    });
}
