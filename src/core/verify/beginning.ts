// Where a pipeline may have begun: the ledger does not say. Where everything missing lies before all that was loaded or given
// up, partition by partition, the consumer may have started there (--start-from latest, a cut-over). Told by look.ts; a hint only.
import type { PartitionRange } from './range.ts';

interface Place {
  readonly partition: number;
  readonly offset: bigint;
}

export interface Beginning {
  /** A record of the range, in any order. @param isAccounted it has a row or a dead letter */
  note(place: Place, isAccounted: boolean): void;
  /** By partition; undefined where nothing is missing, or something is missing behind what was loaded. */
  places(ranges: readonly PartitionRange[]): ReadonlyMap<number, bigint> | undefined;
}

export function createBeginning(): Beginning {
  const firstAccounted = new Map<number, bigint>();
  const lastMissing = new Map<number, bigint>();
  return {
    note({ partition, offset }, isAccounted) {
      const noted = isAccounted ? firstAccounted : lastMissing;
      const known = noted.get(partition);
      if (known === undefined || (isAccounted ? offset < known : offset > known)) noted.set(partition, offset);
    },
    places(ranges) {
      for (const [partition, offset] of lastMissing) {
        const first = firstAccounted.get(partition);
        if (first === undefined || first < offset) return undefined;
      }
      if (lastMissing.size === 0) return undefined;
      const placeOf = ({ partition, from }: PartitionRange): bigint =>
        lastMissing.has(partition) ? (firstAccounted.get(partition) ?? from) : from;
      return new Map(ranges.map((range) => [range.partition, placeOf(range)]));
    },
  };
}
