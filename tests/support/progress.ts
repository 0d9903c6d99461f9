// How loading goes on, seen from outside: the ledger, read every tenth of a second, says when each partition moved.
// For times to recover, and for I9: within an epoch the ledger never goes back.
import { systemClock } from '../../src/core/clock.ts';
import type { Pipeline } from './pipeline.ts';

const POLL_MS = 100;

export interface Progress extends AsyncDisposable {
  /** The longest time without a step of any one partition, since `fromMs` (performance.now()) until now. */
  longestStallMs(fromMs: number): number;
  /** The time from `fromMs` to the first step after it, of each partition; undefined where none came yet. */
  firstStepsMs(fromMs: number): ReadonlyMap<number, number | undefined>;
  /** Offsets or epochs that went back: none are expected. */
  readonly setbacks: readonly string[];
}

interface Seen {
  readonly steps: number[];
  offset: bigint;
  epoch: number;
}

/** Partitions count from their first row in the ledger on. */
export function watchProgress({ database, group, topic }: Pick<Pipeline, 'database' | 'group' | 'topic'>): Progress {
  const seen = new Map<number, Seen>();
  const setbacks: string[] = [];
  const stopping = new AbortController();

  const look = async (): Promise<void> => {
    const rows = await database.query<{ partition_id: number; next_offset: string; epoch: string }>(
      'SELECT partition_id, next_offset, epoch FROM growthbook.gbx_ledger WHERE consumer_group = $1 AND topic = $2',
      [group, topic],
    );
    const atMs = performance.now();
    for (const row of rows) {
      const [offset, epoch] = [BigInt(row.next_offset), Number(row.epoch)];
      const former = seen.get(row.partition_id);
      if (former === undefined) {
        seen.set(row.partition_id, { steps: [], offset, epoch });
        continue;
      }
      if (offset < former.offset || epoch < former.epoch) {
        setbacks.push(`partition ${row.partition_id}: epoch ${former.epoch}, offset ${former.offset} became ${epoch}, ${offset}`);
      }
      if (offset > former.offset) former.steps.push(atMs);
      Object.assign(former, { offset, epoch });
    }
  };
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      await look().catch(() => undefined);
      await systemClock.sleep(POLL_MS, stopping.signal);
    }
  })();
  return {
    setbacks,
    longestStallMs: (fromMs) => {
      const nowMs = performance.now();
      return [...seen.values()].reduce((longest, { steps }) => {
        const times = [fromMs, ...steps.filter((atMs) => atMs >= fromMs), nowMs];
        return times.reduce((most, atMs, index) => Math.max(most, atMs - (times[index - 1] ?? atMs)), longest);
      }, 0);
    },
    firstStepsMs: (fromMs) =>
      new Map(
        [...seen].map(([partition, { steps }]) => {
          const first = steps.find((atMs) => atMs >= fromMs);
          return [partition, first === undefined ? undefined : first - fromMs];
        }),
      ),
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await watching;
    },
  };
}
