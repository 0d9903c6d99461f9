// Random numbers without state: the n-th number of a stream is computed from its place alone, so that event i is the same
// whoever asks for it, in whatever order.

/** Distinct streams of one seed do not follow each other. @returns 0 <= number < 1, in steps of 2^-32 */
export function drawUnit(seed: number, { stream, index }: { readonly stream: number; readonly index: number }): number {
  const high = Math.floor(index / 2 ** 32);
  const mixed = mix32(mix32(mix32(seed ^ index) + high) + Math.imul(stream + 1, 0x9e3779b9));
  return mixed / 2 ** 32;
}

/** The finalizer of MurmurHash3, 32 bits: every bit of the input moves about half of the bits. */
function mix32(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Maps a number of [0, 1) to the index of a weight, each as often as its part of the sum. */
export function createPicker(weights: readonly number[]): (unit: number) => number {
  const ends = new Float64Array(weights.length);
  let total = 0;
  for (const [index, weight] of weights.entries()) {
    total += weight;
    ends[index] = total;
  }
  return (unit) => {
    const place = unit * total;
    let low = 0;
    let high = ends.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (place < (ends[middle] ?? total)) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** The weights of a zipf distribution: rank r, from 1, is seen r^-exponent as often as the first. */
export function zipfWeights(count: number, exponent: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => (index + 1) ** -exponent);
}
