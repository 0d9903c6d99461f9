// The segments of a spool as this process knows them, oldest first: what the writer adds to, the sender sends and takes
// away, and the figures count. Shared by writer.ts, sender.ts and open-spool.ts; holds no logic but the sums.
import type { StoredRecord } from './format.ts';

export interface Segment {
  readonly name: string;
  /** Synced, and so to be sent. */
  bytes: number;
  /** In those bytes, as far as they are counted. */
  records: number;
  /** Up to here all is acknowledged or set aside, and so many records were. */
  sentBytes: number;
  sentRecords: number;
  /** Time of acceptance of the first record that is not sent; undefined while it is not known. */
  oldestMs: number | undefined;
  /** Nothing is added any more. */
  isSealed: boolean;
  /** Its records are counted, and what cannot be read is known. */
  isScanned: boolean;
  /** Part of it cannot be read: kept when the rest is sent. */
  isDamaged: boolean;
  /** Up to here damage is reported. */
  reportedBytes: number;
  /** It stands in damaged/ already. */
  isMoved: boolean;
  /** What was read and is not done with yet. */
  batch: Batch | undefined;
  /** Of the disk, in a row. */
  failures: number;
  /** Passed over until then, on the clock's `elapsed` scale: the disk has failed it. */
  retryAtMs: number;
}

/** Records on their way out. */
export interface Batch {
  readonly records: readonly StoredRecord[];
  /** Where to read on in the segment. */
  readonly next: number;
  /** Not acknowledged yet. */
  left: readonly StoredRecord[];
  /** Refused by Kafka for themselves, to be kept in refused/. */
  readonly refused: Refused[];
}

export interface Refused {
  readonly record: StoredRecord;
  readonly reason: string;
}

export interface Segments {
  /** Oldest first. They are sent in this order, save those that the disk fails. */
  readonly list: Segment[];
  /** Bytes of files that are not in the list: refused, damaged, of a newer gbx. */
  asideBytes: number;
  /** Acknowledged by Kafka since the start. */
  sentRecords: number;
  /** Kept in refused/ since the start. */
  refusedRecords: number;
  /** Moved to damaged/ since the start. */
  damagedFiles: number;
  /** Number for the name of the next. */
  nextNumber: number;
  /** Something was added, sealed, scanned or taken away, or is to end. */
  readonly changed: Bell;
}

export function createSegments(): Segments {
  return { list: [], asideBytes: 0, sentRecords: 0, refusedRecords: 0, damagedFiles: 0, nextNumber: 1, changed: createBell() };
}

const NAME = /^(\d{12})\.spool$/u;

/** The number in a segment's name; undefined for any other file. */
export function segmentNumber(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function takeName(segments: Segments): string {
  const name = `${String(segments.nextNumber).padStart(12, '0')}.spool`;
  segments.nextNumber += 1;
  return name;
}

export function newSegment(name: string, facts: Partial<Segment> = {}): Segment {
  return {
    name,
    bytes: 0,
    records: 0,
    sentBytes: 0,
    sentRecords: 0,
    oldestMs: undefined,
    isSealed: false,
    isScanned: true,
    isDamaged: false,
    reportedBytes: 0,
    isMoved: false,
    batch: undefined,
    failures: 0,
    retryAtMs: 0,
    ...facts,
  };
}

export function totalBytes({ list, asideBytes }: Segments): number {
  let bytes = asideBytes;
  for (const segment of list) bytes += segment.bytes;
  return bytes;
}

export function unsentRecords({ list }: Segments): number {
  let records = 0;
  // Where the rest could not be read at the start, more may be sent than was counted.
  for (const segment of list) records += Math.max(0, segment.records - segment.sentRecords);
  return records;
}

/** Time of acceptance of the oldest record that is not sent; undefined where there is none. */
export function oldestMs({ list }: Segments): number | undefined {
  return list.find((segment) => segment.sentBytes < segment.bytes && segment.oldestMs !== undefined)?.oldestMs;
}

/** Wakes who waits. Ask first, then wait, with nothing awaited in between: then no ring is missed. */
export interface Bell {
  ring(): void;
  /** The next ring. */
  rung(): Promise<void>;
}

export function createBell(): Bell {
  let wake = (): void => undefined;
  let next = renew();
  function renew(): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve;
    });
  }
  return {
    ring() {
      const wakeThose = wake;
      next = renew();
      wakeThose();
    },
    rung: () => next,
  };
}
