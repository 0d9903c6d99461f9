// When each event is due: by its index alone, whatever became of those before it, so that a target that stalls is seen to
// stall (no coordinated omission). Pure arithmetic; run.ts asks for one after the other.

export interface Stage {
  /** Events per second at its beginning and at its end: equal for an even stage, else it ramps evenly. */
  readonly fromPerSecond: number;
  readonly toPerSecond: number;
  readonly durationMs: number;
}

export interface Burst {
  /** Events that are due at once, on top of the stages. */
  readonly count: number;
  readonly everyMs: number;
}

export interface Schedule {
  /** When the next event is due, milliseconds from the start; undefined when there is none. */
  peek(): number | undefined;
  advance(): void;
}

export function createSchedule(stages: readonly Stage[], burst?: Burst): Schedule {
  const endMs = stages.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const dueOf = createBase(stages);
  let base = 0;
  let baseDueMs = dueOf(0);
  let bursts = 1;
  let left = burst?.count ?? 0;

  function burstDueMs(): number | undefined {
    if (burst === undefined) return undefined;
    const atMs = bursts * burst.everyMs;
    return atMs < endMs ? atMs : undefined;
  }
  const isBurstNext = (): boolean => {
    const atMs = burstDueMs();
    return atMs !== undefined && (baseDueMs === undefined || atMs < baseDueMs);
  };
  return {
    peek: () => (isBurstNext() ? burstDueMs() : baseDueMs),
    advance() {
      if (!isBurstNext()) {
        baseDueMs = dueOf(++base);
        return;
      }
      left -= 1;
      if (left > 0) return;
      bursts += 1;
      left = burst?.count ?? 0;
    },
  };
}

/** Of the stages alone; asked for rising indexes only. */
function createBase(stages: readonly Stage[]): (i: number) => number | undefined {
  let stage = 0;
  /** Events of the stages before, which need be no whole number. */
  let before = 0;
  let startMs = 0;
  return (i) => {
    for (let current = stages[stage]; current !== undefined; current = stages[++stage]) {
      const events = ((current.fromPerSecond + current.toPerSecond) / 2) * (current.durationMs / 1000);
      // A billionth of an event is an error of the arithmetic.
      if (i < before + events - 1e-9) return startMs + msUntil(current, Math.max(0, i - before));
      before += events;
      startMs += current.durationMs;
    }
    return undefined;
  };
}

/** How far into a stage it has seen so many events: the root of from*t + (to-from)*t^2/(2*duration) = events. */
function msUntil({ fromPerSecond, toPerSecond, durationMs }: Stage, events: number): number {
  if (fromPerSecond === toPerSecond) return (events / fromPerSecond) * 1000;
  const seconds = durationMs / 1000;
  const growth = (toPerSecond - fromPerSecond) / seconds;
  // This form of the root loses no digits where the growth is small.
  const root = Math.sqrt(Math.max(0, fromPerSecond * fromPerSecond + 2 * growth * events));
  const sum = fromPerSecond + root;
  return sum === 0 ? 0 : ((2 * events) / sum) * 1000;
}

/** The most events a second that any stretch of it has, bursts spread over their time. */
export function peakPerSecond(stages: readonly Stage[], burst?: Burst): number {
  const peak = Math.max(...stages.flatMap(({ fromPerSecond, toPerSecond }) => [fromPerSecond, toPerSecond]));
  return peak + (burst === undefined ? 0 : (burst.count / burst.everyMs) * 1000);
}
