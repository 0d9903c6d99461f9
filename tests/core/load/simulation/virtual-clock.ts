// Time that moves only when everything that could run has run: from one timer to the next.
import type { Clock } from '../../../../src/core/clock.ts';

interface Timer {
  readonly at: number;
  readonly order: number;
  fire: (() => void) | undefined;
}

export interface VirtualClock extends Clock {
  /** @returns a function that calls it off */
  after(ms: number, fire: () => void): () => void;
  /** To the next timer, and until all has run that follows from it. @returns false where there is none */
  advance(): Promise<boolean>;
  /** Timers that fired. */
  steps(): number;
}

export function createVirtualClock(startMs: number): VirtualClock {
  const timers: Timer[] = [];
  let [time, order, steps] = [0, 0, 0];
  const after = (ms: number, fire: () => void): (() => void) => {
    const timer: Timer = { at: time + Math.max(0, ms), order: order++, fire };
    push(timers, timer);
    return () => {
      timer.fire = undefined;
    };
  };
  return {
    now: () => startMs + time,
    elapsed: () => time,
    steps: () => steps,
    after,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const wake = (): void => {
          callOff();
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        const callOff = after(ms, wake);
        signal?.addEventListener('abort', wake, { once: true });
      }),
    async advance() {
      // Runs once no promise has anything left to run, and costs a tenth of a turn of the event loop.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      let next = pop(timers);
      while (next !== undefined && next.fire === undefined) next = pop(timers);
      if (next === undefined) return false;
      time = next.at;
      steps++;
      next.fire?.();
      return true;
    },
  };
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** A binary heap: there are hundreds of timers at times, most of them called off. */
function push(heap: Timer[], timer: Timer): void {
  let at = heap.length;
  heap.push(timer);
  while (at > 0) {
    const parentAt = (at - 1) >> 1;
    const parent = heap[parentAt];
    if (parent === undefined || !isBefore(timer, parent)) break;
    heap[at] = parent;
    at = parentAt;
  }
  heap[at] = timer;
}

function pop(heap: Timer[]): Timer | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let childAt = 2 * at + 1;
    const [left, right] = [heap[childAt], heap[childAt + 1]];
    if (left === undefined) break;
    if (right !== undefined && isBefore(right, left)) childAt++;
    const child = heap[childAt];
    if (child === undefined || !isBefore(child, last)) break;
    heap[at] = child;
    at = childAt;
  }
  heap[at] = last;
  return first;
}
