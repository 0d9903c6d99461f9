// What happens when in a soak: a pure function of seed and length, so that the same seed is the same soak. Faults come one
// after the other, each with time to recover, so that a time to recover belongs to one fault.
import { seededRandom } from '../support/clock.ts';

export type FaultKind =
  | 'kill-consumer'
  | 'kill-serve'
  | 'freeze-consumer'
  | 'freeze-serve'
  | 'warehouse-cut'
  | 'warehouse-silent'
  | 'kafka-kill'
  | 'kafka-freeze';

export interface PlannedFault {
  readonly kind: FaultKind;
  /** Since the start of the soak. */
  readonly atMs: number;
  /** How long an outage or a freeze lasts; for a kill, until the process is started again. */
  readonly lastsMs: number;
  /** Which of the consumers. */
  readonly victim: number;
}

const FIRST_MS = 8_000;
/** From one fault to the next. */
const EVERY_MS = 14_000;
/** For the last fault to be over before the end. */
const LAST_MS = 12_000;

interface FaultPlan {
  readonly kind: FaultKind;
  /** Of 40. */
  readonly share: number;
  readonly lastsMs: readonly [number, number];
}

/** In 40 faults 21 kills and 13 outages. A frozen consumer sleeps beyond its session of 6 s. */
const PLANS: readonly FaultPlan[] = [
  { kind: 'kill-consumer', share: 14, lastsMs: [500, 3_000] },
  { kind: 'kill-serve', share: 7, lastsMs: [200, 1_500] },
  { kind: 'warehouse-cut', share: 5, lastsMs: [2_000, 9_000] },
  { kind: 'warehouse-silent', share: 2, lastsMs: [2_000, 6_000] },
  { kind: 'kafka-kill', share: 4, lastsMs: [500, 5_000] },
  { kind: 'kafka-freeze', share: 2, lastsMs: [2_000, 9_000] },
  { kind: 'freeze-consumer', share: 4, lastsMs: [7_000, 9_000] },
  { kind: 'freeze-serve', share: 2, lastsMs: [1_000, 6_000] },
];

export const CONSUMERS = 2;

/** @param minutes at least one */
export function planSoak({ minutes, seed }: { readonly minutes: number; readonly seed: number }): readonly PlannedFault[] {
  const random = seededRandom(seed);
  const whole = PLANS.flatMap((plan) => Array.from({ length: plan.share }, () => plan));
  const faults: PlannedFault[] = [];
  let deck: FaultPlan[] = [];
  for (let atMs = FIRST_MS; atMs <= minutes * 60_000 - LAST_MS; atMs += EVERY_MS) {
    if (deck.length === 0) deck = shuffled(whole, random);
    const plan = deck.pop();
    if (plan === undefined) break;
    const [shortest, longest] = plan.lastsMs;
    const lastsMs = Math.round(shortest + random() * (longest - shortest));
    faults.push({ kind: plan.kind, atMs, lastsMs, victim: Math.floor(random() * CONSUMERS) });
  }
  return faults;
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const mixed = [...items];
  for (let index = mixed.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    const [one, two] = [mixed[index], mixed[other]];
    if (one !== undefined && two !== undefined) [mixed[index], mixed[other]] = [two, one];
  }
  return mixed;
}
