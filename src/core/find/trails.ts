// What was seen of exposures, by exposure: in the spool, in topics, in the dead letters, in the table. Filled while those are
// read; bounded, however many records there are. Judged by verdict.ts.
import type { LogRecord } from '../exposure/exposure.ts';
import { HEADERS } from '../exposure/header-names.ts';
import { originOf, parseOrigin, type RecordOrigin } from '../exposure/origin.ts';
import type { StoredExposure } from '../exposure/stored.ts';
import { notBeforeOf, retryCountOf } from '../load/retry-headers.ts';
import type { Identity, Match } from './match.ts';

export type Role = 'topic' | 'retry' | 'dead-letters';

/** A record as it stands in a topic. */
export interface SeenRecord {
  readonly role: Role;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Kafka's time of this record; -1 where there is none. */
  readonly writtenMs: number;
  readonly isCopy: boolean;
  /** Where it stood first, and its time of acceptance: its own place, where it is no copy. */
  readonly origin: RecordOrigin;
  readonly identity: Identity | undefined;
  /** Why it is given up when it is loaded. */
  readonly invalid: { readonly code: string; readonly message: string } | undefined;
  readonly retryCount: number;
  readonly notBeforeMs: number | undefined;
  /** What the headers of a copy say of its failure. */
  readonly failure: { readonly code: string; readonly message: string; readonly lastMs: number | undefined } | undefined;
}

/** A record on the disk of this machine. */
export interface SpooledRecord {
  readonly file: string;
  readonly acceptedMs: number;
  readonly identity: Identity | undefined;
  /** Why Kafka does not take it; undefined: it is sent as soon as Kafka takes it. */
  readonly refusedReason: string | undefined;
}

export interface Trail {
  /** Undefined for a record that names none, and can be no exposure. */
  readonly exposureId: string | undefined;
  readonly spool: SpooledRecord[];
  /** Of the topic and the retry topic. */
  readonly records: SeenRecord[];
  readonly letters: SeenRecord[];
  rows: readonly StoredExposure[];
  /** Seen and not kept: there were too many. */
  leftOut: number;
}

export interface Trails {
  /** The trail of an exposure, made where there is none. The oldest goes where there are too many. */
  of(key: string, exposureId: string | undefined): Trail;
  /** Takes all of another's, as far as there is room. */
  join(other: Trails): void;
  entries(): IterableIterator<[string, Trail]>;
  all(): readonly Trail[];
  dropped(): number;
}

/** Sightings of one exposure that are kept of each kind. */
const SIGHTINGS_MAX = 50;
const TEXT_LENGTH_MAX = 300;

export function createTrails(trailsMax: number): Trails {
  const trails = new Map<string, Trail>();
  let dropped = 0;
  function make(key: string, trail: Trail): Trail {
    const [oldest] = trails.size >= trailsMax ? trails.keys() : [];
    if (oldest !== undefined) {
      trails.delete(oldest);
      dropped++;
    }
    trails.set(key, trail);
    return trail;
  }
  return {
    of: (key, exposureId) => trails.get(key) ?? make(key, { exposureId, spool: [], records: [], letters: [], rows: [], leftOut: 0 }),
    join(other) {
      for (const [key, trail] of other.entries()) {
        const known = trails.get(key);
        if (known === undefined) make(key, trail);
        else {
          for (const seen of trail.records) keep(known, known.records, seen);
          for (const seen of trail.letters) keep(known, known.letters, seen);
          known.leftOut += trail.leftOut;
        }
      }
      dropped += other.dropped();
    },
    entries: () => trails.entries(),
    all: () => [...trails.values()],
    dropped: () => dropped,
  };
}

/** The first and the newest stay. */
export function keep<T>(trail: Trail, list: T[], seen: T): void {
  if (list.length >= SIGHTINGS_MAX) {
    list.splice(1, 1);
    trail.leftOut++;
  }
  list.push(seen);
}

export function noteRecord(
  trails: Trails,
  { record, match }: { readonly record: LogRecord; readonly match: Match },
  { role, topic }: { readonly role: Role; readonly topic: string },
): void {
  const seen = asSeen(record, match, { role, topic });
  const { origin } = seen;
  const key = match.exposureId ?? `${origin.topic}/${origin.partition}/${origin.offset}`;
  const trail = trails.of(key, match.exposureId);
  keep(trail, role === 'dead-letters' ? trail.letters : trail.records, seen);
}

function asSeen(record: LogRecord, match: Match, { role, topic }: { readonly role: Role; readonly topic: string }): SeenRecord {
  const { partition, offset, timestampMs, headers } = record;
  const code = headerText(headers[HEADERS.errorCode]);
  const lastMs = Number(headerText(headers[HEADERS.lastFailedAt]) || Number.NaN);
  return {
    ...{ role, topic, partition, offset, writtenMs: timestampMs },
    isCopy: parseOrigin(headers[HEADERS.origin]) !== undefined,
    origin: originOf(record, topic),
    identity: match.identity,
    invalid: match.invalid,
    retryCount: retryCountOf(record, Number.POSITIVE_INFINITY),
    notBeforeMs: notBeforeOf(record),
    failure:
      code === ''
        ? undefined
        : { code, message: headerText(headers[HEADERS.errorMessage]), lastMs: Number.isSafeInteger(lastMs) ? lastMs : undefined },
  };
}

/** Anybody may write headers: no control characters get to a terminal. */
function headerText(value: LogRecord['headers'][string]): string {
  if (typeof value !== 'string' && !Buffer.isBuffer(value)) return '';
  return value
    .toString()
    .slice(0, TEXT_LENGTH_MAX)
    .replaceAll(/\p{Cc}/gu, ' ');
}
