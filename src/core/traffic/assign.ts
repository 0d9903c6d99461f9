// Which variation a user sees: GrowthBook's own hash, so that synthetic exposures look to its statistics as real ones do.
// A user's variation in an experiment depends on these two alone and never changes.

export interface WeightedVariation {
  /** What GrowthBook matches on: the variation's key. */
  readonly key: string;
  /** Its part of the users, relative to the others. */
  readonly weight: number;
}

/**
 * The variation of a user, or undefined where no variation has a weight.
 * Source: GrowthBook, "Build Your Own SDK", hash version 2 and bucket ranges.
 */
export function assignVariation(
  dsUserId: string,
  experiment: { readonly key: string; readonly variations: readonly WeightedVariation[] },
): string | undefined {
  const total = experiment.variations.reduce((sum, { weight }) => sum + weight, 0);
  const place = hashToUnit(experiment.key, dsUserId) * total;
  let end = 0;
  for (const { key, weight } of experiment.variations) {
    end += weight;
    if (place < end) return key;
  }
  return undefined;
}

/** Hash version 2 of GrowthBook: 0, 0.0001 .. 0.9999. */
export function hashToUnit(seed: string, value: string): number {
  return (fnv1a32(String(fnv1a32(seed + value))) % 10_000) / 10_000;
}

/** FNV-1a over UTF-16 code units, 32 bits, as GrowthBook's SDKs have it. */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
