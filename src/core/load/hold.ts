// Records that are not due yet (`gbx-not-before`), held in memory until they are: copies of their bytes, since a slice
// would keep the whole answer of the broker. Bounded; what finds no room is written to the topic again (intake.ts). Owned
// by the load loop; a claim drops it all, for the ledger stands at the lowest of them and they are read again.
import type { HeaderValue, LogRecord, RecordHeaders } from '../exposure/exposure.ts';
import { headersBytes } from './header-bytes.ts';
import type { LastRecord } from './ports.ts';

export interface HoldLimits {
  readonly recordsMax: number;
  readonly bytesMax: number;
}

const HOLD_LIMITS: HoldLimits = { recordsMax: 1_000, bytesMax: 8_000_000 };
/** However far ahead a record asks to wait. */
export const HOLD_MS_MAX = 60_000;
/** What a held record costs beside its bytes, roughly. */
const RECORD_BYTES = 500;

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
  return RECORD_BYTES + (key?.length ?? 0) + (value?.length ?? 0) + headersBytes(headers);
}

function copyRecord(record: LogRecord): LogRecord {
  const { key, value } = record;
  return { ...record, key: key && Buffer.from(key), value: value && Buffer.from(value), headers: copyHeaders(record.headers) };
}

function copyHeaders(headers: RecordHeaders): RecordHeaders {
  const copyOne = (value: Buffer | string): Buffer | string => (typeof value === 'string' ? value : Buffer.from(value));
  // Without a prototype: a header may have any name.
  const copies: Record<string, HeaderValue | undefined> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) {
    copies[name] =
      value === undefined || typeof value === 'string' || Buffer.isBuffer(value) ? value && copyOne(value) : value.map(copyOne);
  }
  return copies;
}
