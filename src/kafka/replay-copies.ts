// Writes the copies of replayed records into the topic that gbx consume loads: acknowledged, verified, tried again a few times.
// Called by `gbx replay run`, batch by batch.
import type { Clock, Random } from '../core/clock.ts';
import type { WriteReplayCopies } from '../core/replay/ports.ts';
import type { RecordProducer } from './open-producer.ts';
import { writeCopies } from './write-copies.ts';

interface ReplayWriterOptions {
  readonly topic: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** It throws as writeCopies(). */
export function createReplayWriter(producer: RecordProducer, options: ReplayWriterOptions): WriteReplayCopies {
  return (copies, onWritten, signal) =>
    writeCopies(producer, copies, { ...options, what: 'replayed records', headersOf: ({ headers }) => headers, onWritten, signal });
}
