// Writes records into the retry topic again: those that the warehouse refused, with the reason and when to try next, and
// those that are not due yet and find no room to wait in. Bytes, key and other headers are kept; the origin goes with them.
import type { Clock, Random } from '../core/clock.ts';
import type { RequeueRecords } from '../core/load/ports.ts';
import { requeueHeaders } from './headers.ts';
import type { RecordProducer } from './open-producer.ts';
import { writeCopies } from './write-copies.ts';

interface RequeueOptions {
  /** The retry topic; usually the one the records were read from. */
  readonly topic: string;
  /** The topic the records were read from. */
  readonly sourceTopic: string;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * By key, as every record; one without a key goes to the partition it had. The requeuer tries a few times, or until its
 * signal aborts. It throws as writeCopies(): where that is GBX_RECORD_TOO_LARGE, copies with their headers are larger than the
 * topic takes, and by then all the others are written, so those that were not told of are the ones to be given up.
 */
export function createRequeuer(producer: RecordProducer, options: RequeueOptions): RequeueRecords {
  const { sourceTopic, ...named } = options;
  return (records, onWritten, signal) =>
    writeCopies(producer, records, {
      ...named,
      what: 'records to be tried again',
      headersOf: (requeued, how) => requeueHeaders(requeued, { sourceTopic, ...how }),
      onWritten,
      signal,
    });
}
