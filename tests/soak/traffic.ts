// What a soak sends: known exposures over HTTP, one of fifty twice, some that only the warehouse refuses; and, straight
// into the topic as another producer would, records that are no exposures.
import { randomUUID } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { createTraffic, type PostedExposure, type Traffic } from '../../src/core/traffic/traffic.ts';
import type { GarbageRecord } from '../support/posted-accounting.ts';
import { writeRecords } from '../support/topic-log.ts';

/** A CHECK constraint of the soak's table takes no such variation. */
export const REFUSED_VARIATION = 'refused';
const TWICE_EVERY = 50;
const TWICE_AFTER = 40;
const REFUSED_EVERY = 400;
const GARBAGE_EVERY_MS = 1_000;

export function isRefused({ variation_id }: PostedExposure): boolean {
  return variation_id === REFUSED_VARIATION;
}

/** 2 % come a second time; 0.25 % are refused by the warehouse, where that is wanted. */
export function createSoakTraffic({
  seed,
  withRefused,
}: {
  readonly seed: string;
  readonly withRefused: boolean;
}): Pick<Traffic, 'eventAt'> {
  const inner = createTraffic({ seed, startMs: Date.now() - 3_600_000, intervalMs: 1, zipfExponent: 0 });
  const first = (i: number): PostedExposure => {
    const event = inner.eventAt(i);
    return withRefused && i % REFUSED_EVERY === REFUSED_EVERY / 2 ? { ...event, variation_id: REFUSED_VARIATION } : event;
  };
  return { eventAt: (i) => (i % TWICE_EVERY === TWICE_EVERY - 1 ? first(i - TWICE_AFTER) : first(i)) };
}

export interface GarbageSender {
  readonly books: readonly GarbageRecord[];
  stop(): Promise<void>;
}

/** One a second, about 0.25 % of all. Without an answer it may be there or not. */
export function sendGarbage(place: { readonly brokers: string; readonly topic: string }, partitions: number): GarbageSender {
  const books: { value: string; code: string; outcome: GarbageRecord['outcome'] }[] = [];
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    for (let i = 0; !stopping.signal.aborted; i++) {
      const entry = { value: `no exposure ${i} ${randomUUID()}`, code: 'GBX_NOT_JSON', outcome: 'unknown' as GarbageRecord['outcome'] };
      books.push(entry);
      const written = writeRecords(place, [{ partition: i % partitions, key: null, value: entry.value }]);
      await written.then(
        () => {
          entry.outcome = 'ok';
        },
        () => undefined,
      );
      await systemClock.sleep(GARBAGE_EVERY_MS, stopping.signal);
    }
  };
  const running = run();
  return {
    books,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
