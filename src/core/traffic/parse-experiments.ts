// Experiments as they are typed: `--experiments checkout*3:50/50,pricing:control=2/treatment=1` and, to test what notices a
// sample ratio mismatch, `--srm checkout:0=0.6`. Called by src/commands/produce.ts.
import { GbxError } from '../errors.ts';
import type { WeightedVariation } from './assign.ts';
import type { TrafficExperiment } from './traffic.ts';

const NUMBER = /^\d{1,9}(?:\.\d{1,6})?$/u;

/** Variations without a name are called by their place, as GrowthBook does: 0, 1, … @throws {GbxError} GBX_USAGE */
export function parseExperiments(flag: string, text: string): readonly TrafficExperiment[] {
  const experiments = text.split(',').map((part) => readExperiment(part.trim()));
  const isWhole = experiments.every((one) => one !== undefined);
  const known = experiments.filter((one) => one !== undefined);
  const isDouble = new Set(known.map(({ key }) => key)).size < known.length;
  if (!isWhole || isDouble || !known.some(({ weight }) => weight > 0)) {
    throw wrong(flag, text, 'experiments with the weights of their variations, as in checkout:50/50,pricing*2:control=2/treatment=1');
  }
  return known;
}

/**
 * The experiments with one variation seen more or less often than its weight says; the others share the rest as before.
 * @throws {GbxError} GBX_USAGE also for an experiment or variation that there is not
 */
export function skewExperiments(
  experiments: readonly TrafficExperiment[],
  { flag, text }: { readonly flag: string; readonly text: string },
): readonly TrafficExperiment[] {
  const [, key, variation, share] = /^(.+):([^:=]+)=(\d(?:\.\d{1,6})?)$/u.exec(text) ?? [];
  if (key === undefined || variation === undefined || Number(share) > 1) {
    throw wrong(flag, text, 'an experiment, a variation and its part of the users, as in checkout:0=0.6');
  }
  const experiment = experiments.find((one) => one.key === key);
  if (experiment === undefined) throw wrong(flag, text, `of an experiment that is sent: ${experiments.map((one) => one.key).join(', ')}`);
  if (!experiment.variations.some((one) => one.key === variation)) {
    throw wrong(flag, text, `of a variation of ${key}: ${experiment.variations.map((one) => one.key).join(', ')}`);
  }
  const skewed = { ...experiment, variations: skew(experiment.variations, { key: variation, share: Number(share) }) };
  return experiments.map((one) => (one === experiment ? skewed : one));
}

function skew(
  variations: readonly WeightedVariation[],
  { key, share }: { readonly key: string; readonly share: number },
): readonly WeightedVariation[] {
  const others = variations.reduce((sum, one) => sum + (one.key === key ? 0 : one.weight), 0);
  return variations.map((one) => ({
    key: one.key,
    weight: one.key === key ? share : others === 0 ? 0 : (one.weight / others) * (1 - share),
  }));
}

function readExperiment(text: string): TrafficExperiment | undefined {
  const [, key, weight = '1', weights] = /^([^:*]+)(?:\*([\d.]+))?:(.+)$/u.exec(text) ?? [];
  if (key === undefined || weights === undefined || !NUMBER.test(weight)) return undefined;
  const variations = weights.split('/').map(readVariation);
  if (!variations.every((one) => one !== undefined) || !variations.some((one) => one.weight > 0)) return undefined;
  return { key, weight: Number(weight), variations };
}

function readVariation(text: string, index: number): WeightedVariation | undefined {
  const [, key = String(index), weight] = /^(?:([^=]+)=)?([\d.]+)$/u.exec(text) ?? [];
  return weight !== undefined && NUMBER.test(weight) ? { key, weight: Number(weight) } : undefined;
}

function wrong(flag: string, text: string, expected: string): GbxError {
  return new GbxError('GBX_USAGE', `Cannot read ${flag} "${text}": it must be ${expected}`, { hint: 'gbx produce --help' });
}
