// Which partitions are shown, and in which order. Limits always look at all of them.
import type { PartitionReport } from './assess.ts';
import type { Severity } from './verdict.ts';

export const SORT_KEYS = ['partition', 'lag', 'behind', 'eta', 'in', 'out', 'state'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface Choice {
  readonly onlyLagging: boolean;
  readonly allowedLag: number;
  readonly sort: SortKey;
  readonly isReversed: boolean;
}

const RANK: Readonly<Record<Severity, number>> = { error: 4, warn: 3, none: 2, info: 1, ok: 0 };

const VALUES: Readonly<Record<SortKey, (one: PartitionReport) => number | undefined>> = {
  partition: ({ sample }) => -sample.partition,
  lag: ({ lag }) => lag,
  behind: ({ sample }) => sample.timeLag?.maxMs,
  eta: ({ etaSeconds }) => etaSeconds,
  in: ({ inPerSecond }) => inPerSecond,
  out: ({ outPerSecond }) => outPerSecond,
  state: ({ severity }) => RANK[severity],
};

/** Partitions upwards; everything else the worst first, and what is not known last. */
export function choosePartitions(
  partitions: readonly PartitionReport[],
  { onlyLagging, allowedLag, sort, isReversed }: Choice,
): readonly PartitionReport[] {
  const shown = onlyLagging ? partitions.filter(({ lag, severity }) => (lag ?? 0) > allowedLag || severity === 'error') : [...partitions];
  const value = VALUES[sort];
  const sorted = [...shown].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === b) return one.sample.partition - other.sample.partition;
    if (a === undefined || b === undefined) return a === undefined ? 1 : -1;
    return b > a ? 1 : -1;
  });
  return isReversed ? sorted.reverse() : sorted;
}
