// A soak in which too little happened proves nothing: whatever it lacks is a problem of its own. Pure; tested itself.
import type { FaultKind } from './schedule.ts';
import type { Accept } from './soak.ts';

/** From here on a soak is held to the figures of docs/reliability.md; a shorter one only to its own schedule. */
const FULL_MINUTES = 10;
const KILLS_MIN = 20;
const OUTAGES_MIN = 10;
/** Of the faults of a consumer, those in which it held partitions: one that stood by loses nothing. */
const HOLDING_SHARE_MIN = 0.5;

export interface Happened {
  readonly minutes: number;
  readonly accept: Accept;
  readonly planned: readonly FaultKind[];
  /** In their order, with the partitions that each touched. */
  readonly fired: readonly { readonly kind: FaultKind; readonly partitions: number }[];
  /** Log lines by event, and sums of them. */
  readonly seen: Readonly<Record<string, number>>;
  readonly deadLetters: number;
  /** Exposures that were posted twice. */
  readonly postedTwice: number;
}

export function vacuousIn({ minutes, accept, planned, fired, seen, deadLetters, postedTwice }: Happened): string[] {
  const count = (kinds: RegExp): number => fired.filter(({ kind }) => kinds.test(kind)).length;
  const wanted = (what: string, found: number, least: number): string[] =>
    found < least ? [`too little happened: ${what} ${found}, at least ${least} wanted`] : [];
  const ofConsumers = fired.filter(({ kind }) => /-consumer$/u.test(kind));
  const holding = ofConsumers.filter(({ partitions }) => partitions > 0);
  const isFull = minutes >= FULL_MINUTES;
  const happened = (event: string): number => seen[event] ?? 0;
  return [
    ...wanted('faults fired', fired.length, planned.length),
    ...wanted('kills', count(/^kill-/u), isFull ? KILLS_MIN : 0),
    ...wanted('outages', count(/^(?:warehouse|kafka)-/u), isFull ? OUTAGES_MIN : 0),
    ...wanted('faults of a consumer that held partitions', holding.length, Math.ceil(ofConsumers.length * HOLDING_SHARE_MIN)),
    // A short outage may fall between two batches.
    ...wanted('circuit.opened', happened('circuit.opened'), isFull ? 1 : 0),
    ...wanted('exposures posted twice', postedTwice, 1),
    ...wanted('duplicates met while loading', happened('rows kept out by the anti-join') + happened('copies in a batch'), 1),
    ...wanted('dead letters', deadLetters, 1),
    ...wanted('spools found again by a new serve', happened('spool.found'), accept === 'spool' && count(/^kill-serve$/u) > 0 ? 1 : 0),
  ];
}
