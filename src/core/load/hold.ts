// Records that are not due yet (`gbx-not-before`), held in memory until they are: copies of their bytes, since a slice
// would keep the whole answer of the broker. Bounded; what finds no room is written to the topic again (intake.ts). Owned
// by the load loop; a claim drops it all, for the ledger stands at the lowest of them and they are read again.
import type { HeaderValue, LogRecord, RecordHeaders } from '../exposure/exposure.ts';
import type { LastRecord } from './ports.ts';

export interface HoldLimits {
  readonly recordsMax: number;
  readonly bytesMax: number;
}

const HOLD_LIMITS: HoldLimits = { recordsMax: 1_000, bytesMax: 8_000_000 };
/** However far ahead a record asks to wait. */
export const HOLD_MS_MAX = 60_000;
/** What a held record costs beside its bytes, roughly, and each of its headers. */
const RECORD_BYTES = 500;
const HEADER_BYTES = 150;

export interface HeldRecord {
  readonly record: LogRecord;
  /** By `Clock.elapsed`. */
  readonly dueAtMs: number;
  /** The mark of the record before it: what the ledger remembers while it stands at this one. */
  readonly before: LastRecord | undefined;
}

export interface Hold {
  /** @returns false where there is no room. */
  add(held: HeldRecord): boolean;
  /** Takes the one that is due first out, if it is due. */
  takeDue(elapsedMs: number): HeldRecord | undefined;
  /** When the next one is due, by `Clock.elapsed`; Infinity where there is none. */
  nextDueAtMs(): number;
  /** The ledger must not pass it. */
  lowest(partition: number): HeldRecord | undefined;
  records(): Iterable<LogRecord>;
  clear(): void;
  size(): number;
}

export function createHold({ recordsMax, bytesMax }: HoldLimits = HOLD_LIMITS): Hold {
  /** By the time they are due, the last one first. */
  let waiting: (HeldRecord & { readonly bytes: number })[] = [];
  let bytes = 0;
  return {
    add(held) {
      const size = sizeOf(held.record);
      if (waiting.length >= recordsMax || bytes + size > bytesMax) return false;
      const at = waiting.findIndex((other) => other.dueAtMs <= held.dueAtMs);
      waiting.splice(at < 0 ? waiting.length : at, 0, { ...held, record: copyRecord(held.record), bytes: size });
      bytes += size;
      return true;
    },
    takeDue(elapsedMs) {
      const first = waiting.at(-1);
      if (first === undefined || first.dueAtMs > elapsedMs) return undefined;
      waiting.pop();
      bytes -= first.bytes;
      return first;
    },
    nextDueAtMs: () => waiting.at(-1)?.dueAtMs ?? Number.POSITIVE_INFINITY,
    lowest(partition) {
      let lowest: HeldRecord | undefined;
      for (const held of waiting) {
        if (held.record.partition === partition && (lowest === undefined || held.record.offset < lowest.record.offset)) lowest = held;
      }
      return lowest;
    },
    records: () => waiting.map(({ record }) => record),
    clear() {
      waiting = [];
      bytes = 0;
    },
    size: () => waiting.length,
  };
}

function sizeOf({ key, value, headers }: LogRecord): number {
  let size = RECORD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, header] of Object.entries(headers)) size += HEADER_BYTES + name.length + headerBytes(header);
  return size;
}

function headerBytes(value: HeaderValue | undefined): number {
  if (value === undefined) return 0;
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value.length;
  return value.reduce((sum, one) => sum + HEADER_BYTES + one.length, 0);
}

function copyRecord(record: LogRecord): LogRecord {
  const { key, value } = record;
  return { ...record, key: key && Buffer.from(key), value: value && Buffer.from(value), headers: copyHeaders(record.headers) };
}

function copyHeaders(headers: RecordHeaders): RecordHeaders {
  const copyOne = (value: Buffer | string): Buffer | string => (typeof value === 'string' ? value : Buffer.from(value));
  const copies: Record<string, HeaderValue | undefined> = {};
  for (const [name, value] of Object.entries(headers)) {
    copies[name] =
      value === undefined || typeof value === 'string' || Buffer.isBuffer(value) ? value && copyOne(value) : value.map(copyOne);
  }
  return copies;
}
