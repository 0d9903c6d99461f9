// Where the look at the topic begins: as asked, else a day ago, or earlier where the id tells that it is older.
import type { Place } from '../verify/range.ts';
import type { FindPlan } from './ports.ts';

export interface Begin {
  readonly place: Place;
  /** Of rows by user or experiment: their `ts` from here on, milliseconds since the Unix epoch. */
  readonly rowsFromMs: number;
  readonly why: 'asked' | 'a day ago' | 'the time in the id';
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Before the oldest time that an exposure may have. */
const BEGINNING_MS = Date.UTC(2000, 0, 1);
const UUID_V7 = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/iu;

export function beginOf({ since, wanted }: Pick<FindPlan, 'since' | 'wanted'>, nowMs: number): Begin {
  const dayAgoMs = nowMs - DAY_MS;
  if (since !== undefined) {
    const rowsFromMs = since.kind === 'time' ? since.ms : since.kind === 'earliest' ? BEGINNING_MS : dayAgoMs;
    return { place: since, rowsFromMs, why: 'asked' };
  }
  // gbx mints ids that hold their time (core/exposure/identity.ts); clocks may differ by a little.
  const mintedMs = wanted.kind === 'id' ? mintedAt(wanted.exposureId) : undefined;
  if (mintedMs !== undefined && mintedMs >= BEGINNING_MS && mintedMs - HOUR_MS < dayAgoMs) {
    return { place: { kind: 'time', ms: mintedMs - HOUR_MS }, rowsFromMs: mintedMs - HOUR_MS, why: 'the time in the id' };
  }
  return { place: { kind: 'time', ms: dayAgoMs }, rowsFromMs: dayAgoMs, why: 'a day ago' };
}

/** Milliseconds since the Unix epoch. Source: RFC 9562, section 5.7. */
function mintedAt(id: string): number | undefined {
  const [, high, low] = UUID_V7.exec(id) ?? [];
  return high === undefined || low === undefined ? undefined : Number.parseInt(high + low, 16);
}
