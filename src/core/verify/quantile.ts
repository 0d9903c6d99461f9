// A quantile of measured times.

/**
 * The nearest rank: a value that was measured, never one between two. Undefined of nothing.
 * @param q 0.5 is the median, 0.99 what one in a hundred exceeds
 */
export function quantile(values: readonly number[], q: number): number | undefined {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}
