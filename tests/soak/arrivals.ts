// When rows arrive in the table, by partition: what a time to recover is measured by. Not by the ledger, which stands still
// before a record that is held back for its retry while the rows behind it are loaded.
import { systemClock } from '../../src/core/clock.ts';
import { partitionOfKey } from '../../src/kafka/partitioner.ts';
import type { TestDatabase } from '../support/stack.ts';

const POLL_MS = 150;
/** A row's `created_at` is set before its transaction: it may show up this much later. */
const LATE_MS_MAX = 15_000;

export interface Arrivals extends AsyncDisposable {
  /** The time from `fromMs` (performance.now()) to the first new row after it, of each of these partitions. */
  firstRowsMs(fromMs: number, partitions: readonly number[]): readonly (number | undefined)[];
}

export async function watchArrivals(database: TestDatabase, partitionCount: number): Promise<Arrivals> {
  await database.query('CREATE INDEX arrivals ON growthbook.experiment_exposures (created_at)');
  const arrived = Array.from({ length: partitionCount }, (): number[] => []);
  const stopping = new AbortController();
  /** Ids seen of late, with their `created_at`. */
  const seen = new Map<string, number>();
  let newestMs = 0;

  const look = async (): Promise<void> => {
    const rows = await database.query<{ id: string; user: string; ms: string }>(
      `SELECT exposure_id AS id, ds_user_id AS user, (extract(epoch from created_at) * 1000)::bigint::text AS ms
      FROM growthbook.experiment_exposures WHERE created_at >= to_timestamp($1::float8 / 1000) AT TIME ZONE 'UTC'`,
      [newestMs - LATE_MS_MAX],
    );
    const atMs = performance.now();
    const fresh = new Set<number>();
    for (const { id, user, ms } of rows) {
      if (seen.has(id)) continue;
      seen.set(id, Number(ms));
      newestMs = Math.max(newestMs, Number(ms));
      fresh.add(partitionOfKey(user, partitionCount));
    }
    for (const partition of fresh) arrived[partition]?.push(atMs);
    for (const [id, ms] of seen) if (ms < newestMs - LATE_MS_MAX) seen.delete(id);
  };
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      await look().catch(() => undefined);
      await systemClock.sleep(POLL_MS, stopping.signal);
    }
  })();
  return {
    firstRowsMs: (fromMs, partitions) =>
      partitions.map((partition) => {
        const first = arrived[partition]?.find((atMs) => atMs >= fromMs);
        return first === undefined ? undefined : first - fromMs;
      }),
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await watching;
    },
  };
}
