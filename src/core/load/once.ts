// `gbx consume --once`: when is everything loaded that stood in the log at the start? Offsets alone do not tell: the end of
// a log may hold marks that nobody gets to read, and what is held back is passed by later records.
import type { HeldPartition } from './claim.ts';
import type { Loop } from './loop.ts';

/** Everything up to the ends was read; some of it may be held back. A flush need not wait for more. */
export function isAllTaken({ options, held, ends }: Loop): boolean {
  if (options.once !== true || held.size === 0) return false;
  return [...held.values()].every(({ partition, takenTo }) => takenTo >= (ends.get(partition) ?? 0n));
}

/** Everything up to the ends is loaded; so it is at once for a member that got no partition. */
export function isAllLoaded(loop: Loop): boolean {
  const { options, deps, held, ends, filling, flight } = loop;
  if (options.once !== true || deps.status.partitions === undefined || flight !== undefined) return false;
  if (filling.recordCount === 0) noteCovered(loop);
  return [...held.values()].every(({ partition, coveredTo }) => coveredTo >= (ends.get(partition) ?? 0n));
}

/** When the batch that fills is empty, all that was taken is under way, save what is held back. */
export function noteCovered({ held, hold, options }: Loop): void {
  if (options.once !== true) return;
  for (const partition of held.values()) partition.coveredTo = coveredTo(partition, hold.lowest(partition.partition)?.record.offset);
}

function coveredTo({ takenTo }: HeldPartition, lowestHeld: bigint | undefined): bigint {
  return lowestHeld === undefined || takenTo < lowestHeld ? takenTo : lowestHeld;
}
