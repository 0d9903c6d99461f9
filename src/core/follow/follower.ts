// Follows exposures on their way, for people who watch: accepted, in Kafka, in the table. Pure: told what happened, it says
// what to show. Few exposures are shown one by one, many as one line a second; both keep to bounded memory.
import type { Clock } from '../clock.ts';

export type WayStep =
  | { readonly kind: 'accepted'; readonly exposureId: string; readonly atMs: number; readonly afterMs: number }
  | {
      readonly kind: 'in-kafka';
      readonly exposureId: string;
      readonly atMs: number;
      readonly afterMs: number;
      readonly partition: number;
      readonly offset: bigint;
    }
  | { readonly kind: 'loaded'; readonly exposureId: string; readonly atMs: number; readonly afterMs: number; readonly seen: SeenExposure };

/** What the row says: read back from the table, not remembered. */
export interface SeenExposure {
  readonly dsUserId: string;
  readonly experimentId: string;
  readonly variationId: string;
}

/** One second in which too much happened to show each exposure. */
export interface SecondOfWays {
  readonly atMs: number;
  readonly accepted: number;
  readonly inKafka: number;
  readonly loaded: number;
  /** In Kafka and not loaded yet. */
  readonly waiting: number;
}

interface FollowerOptions {
  readonly clock: Clock;
  readonly onStep: (step: WayStep) => void;
  readonly onSecond: (second: SecondOfWays) => void;
}

export interface Follower {
  /** serve answered 2xx. @param tookMs from the request to the answer */
  accepted(exposureId: string, tookMs: number): void;
  /** @param acceptedAtMs the record's own time: milliseconds since the Unix epoch */
  inKafka(record: {
    readonly exposureId: string;
    readonly partition: number;
    readonly offset: bigint;
    readonly acceptedAtMs: number;
  }): void;
  batchLoaded(batch: { readonly records: number; readonly inserted: number }): void;
  /** Exposures to look for in the table. */
  awaited(): readonly string[];
  inTable(row: SeenExposure & { readonly exposureId: string }): void;
  /** To be called once a second. */
  tick(): void;
}

/** More exposures than this in a second are counted instead of shown. */
const SHOWN_A_SECOND_MAX = 5;
/** Ways kept at a time; the oldest are given up. */
const WAYS_MAX = 200;

export function createFollower({ clock, onStep, onSecond }: FollowerOptions): Follower {
  /** Exposure id -> when it was accepted, milliseconds since the Unix epoch. */
  const ways = new Map<string, number>();
  let second = { accepted: 0, inKafka: 0, loaded: 0 };
  let isBusy = false;
  let waiting = 0;

  /** When the exposure was accepted; undefined where it is not followed. */
  function follow(exposureId: string, acceptedAtMs: number): number | undefined {
    const known = ways.get(exposureId);
    if (known !== undefined) return known;
    if (isBusy) return undefined;
    ways.set(exposureId, acceptedAtMs);
    const [oldest] = ways.keys();
    if (ways.size > WAYS_MAX && oldest !== undefined) ways.delete(oldest);
    return acceptedAtMs;
  }

  function show(
    exposureId: string,
    { acceptedAtMs }: { readonly acceptedAtMs: number },
    step: (base: { exposureId: string; atMs: number; afterMs: number }) => WayStep,
  ): void {
    isBusy ||= Math.max(second.accepted, second.inKafka) > SHOWN_A_SECOND_MAX;
    const startMs = follow(exposureId, acceptedAtMs);
    const atMs = clock.now();
    if (startMs !== undefined && !isBusy) onStep(step({ exposureId, atMs, afterMs: Math.max(0, atMs - startMs) }));
  }

  return {
    accepted: (exposureId, tookMs) => {
      second.accepted++;
      show(exposureId, { acceptedAtMs: clock.now() - tookMs }, (base) => ({ kind: 'accepted', ...base, afterMs: tookMs }));
    },
    inKafka: ({ exposureId, partition, offset, acceptedAtMs }) => {
      second.inKafka++;
      waiting++;
      show(exposureId, { acceptedAtMs }, (base) => ({ kind: 'in-kafka', ...base, partition, offset }));
    },
    batchLoaded: ({ records, inserted }) => {
      second.loaded += inserted;
      waiting = Math.max(0, waiting - records);
    },
    awaited: () => [...ways.keys()],
    inTable: ({ exposureId, ...seen }) => {
      const startMs = ways.get(exposureId);
      if (startMs === undefined) return;
      ways.delete(exposureId);
      const atMs = clock.now();
      if (!isBusy) onStep({ kind: 'loaded', exposureId, atMs, afterMs: Math.max(0, atMs - startMs), seen });
    },
    tick: () => {
      const { accepted, inKafka, loaded } = second;
      if (isBusy) onSecond({ atMs: clock.now(), ...second, waiting });
      // Loading goes on for a while after the last one came.
      isBusy = Math.max(accepted, inKafka, loaded) > SHOWN_A_SECOND_MAX;
      second = { accepted: 0, inKafka: 0, loaded: 0 };
    },
  };
}
