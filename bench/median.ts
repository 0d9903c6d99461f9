// Several runs of the same thing as one figure.

/** The middle one; of an even number the lower of the two, so that it is always one that was measured. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

/** The run whose figure is the median of all runs' figures. */
export function medianRun<T>(runs: readonly T[], figure: (run: T) => number): T {
  const middle = median(runs.map(figure));
  const run = runs.find((one) => figure(one) === middle);
  if (run === undefined) throw new RangeError('a median of no runs');
  return run;
}
