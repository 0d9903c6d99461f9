// How often each length of time was seen, in constant memory: log-linear buckets as in HdrHistogram. Used by `gbx produce`
// for latencies; percentiles come from all values, never from a sample of them or from other percentiles.

export interface Histogram {
  /** @param ms negative ones count as 0 */
  record(ms: number): void;
  count(): number;
  /**
   * What the part `q` of all values does not exceed, at most 0.8 % (or 1 µs) too high and never above the maximum;
   * undefined of nothing.
   */
  quantile(q: number): number | undefined;
  max(): number | undefined;
  mean(): number | undefined;
}

/** Buckets to each power of two: a bucket is 1/128 of its values wide. */
const SUB_BITS = 7;
const SUB_COUNT = 2 ** SUB_BITS;
/** Microseconds; what is longer counts as this: nineteen hours. */
const MICROS_MAX = 2 ** 36 - 1;
const BUCKETS = bucketOf(MICROS_MAX) + 1;

export function createHistogram(): Histogram {
  const counts = new Float64Array(BUCKETS);
  let count = 0;
  let sum = 0;
  let max = 0;
  return {
    record(ms) {
      const known = Math.max(0, ms);
      const bucket = bucketOf(Math.min(MICROS_MAX, Math.round(known * 1000)));
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      count += 1;
      sum += known;
      if (known > max) max = known;
    },
    count: () => count,
    quantile(q) {
      if (count === 0) return undefined;
      const rank = Math.max(1, Math.ceil(q * count));
      let seen = 0;
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        seen += counts[bucket] ?? 0;
        if (seen >= rank) return Math.min(max, endOf(bucket) / 1000);
      }
      return max;
    },
    max: () => (count === 0 ? undefined : max),
    mean: () => (count === 0 ? undefined : sum / count),
  };
}

/** Below 2 * SUB_COUNT each microsecond has its own; above, each power of two has SUB_COUNT. */
function bucketOf(micros: number): number {
  if (micros < 2 * SUB_COUNT) return micros;
  const power = Math.floor(Math.log2(micros)) - SUB_BITS;
  return power * SUB_COUNT + Math.floor(micros / 2 ** power);
}

/** The largest value of a bucket, in microseconds. */
function endOf(bucket: number): number {
  if (bucket < 2 * SUB_COUNT) return bucket;
  const power = Math.floor(bucket / SUB_COUNT) - 1;
  return (bucket - power * SUB_COUNT + 1) * 2 ** power - 1;
}
