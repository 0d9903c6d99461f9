// A limit on what kafkajs does in its own time.
import { type Clock, LATE, withinTime } from '../core/clock.ts';

interface DeadlineOptions {
  readonly clock: Clock;
  readonly ms: number;
  /** Makes the error of a wait that was too long. */
  readonly late: () => Error;
}

/** The work's outcome, or `late()` thrown once `ms` have passed; the work itself goes on, its outcome unheard. */
export async function withDeadline<T>(work: Promise<T>, { clock, ms, late }: DeadlineOptions): Promise<T> {
  const first = await withinTime({ clock, ms }, () => work);
  if (first === LATE) throw late();
  return first;
}
