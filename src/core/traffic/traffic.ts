// Synthetic exposures: event i is a pure function of the seed and i, so that whoever checks later knows what was sent
// without having kept it. Used by `gbx produce`, `gbx dev --traffic`, `gbx smoke`, the benchmarks and the tests.
import { hash } from 'node:crypto';
import type { Exposure } from '../exposure/exposure.ts';
import { formatTimestamp } from '../exposure/timestamp.ts';
import { assignVariation, fnv1a32, type WeightedVariation } from './assign.ts';
import { createPicker, drawUnit, zipfWeights } from './draw.ts';

/** An exposure as a client posts it, every field given. */
export interface PostedExposure {
  readonly exposure_id: string;
  readonly ds_user_id: string;
  readonly experiment_id: string;
  readonly variation_id: string;
  readonly timestamp: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly source: string;
}

export interface TrafficExperiment {
  readonly key: string;
  /** Its part of the events, relative to the others. */
  readonly weight: number;
  /** At least one with a weight above 0. */
  readonly variations: readonly WeightedVariation[];
}

export interface TrafficOptions {
  /** Any text, a run id for instance; another seed is another traffic. */
  readonly seed: string;
  /** The time of event 0: milliseconds since the Unix epoch. */
  readonly startMs: number;
  /** Milliseconds from one event's time to the next; 20 unless told. */
  readonly intervalMs?: number;
  /** How many users there are; 10,000 unless told. */
  readonly users?: number;
  /** How uneven users are: 0 is even; 1.1 unless told. */
  readonly zipfExponent?: number;
  readonly experiments?: readonly TrafficExperiment[];
  readonly userPrefix?: string;
  readonly source?: string;
  /** Added to each event's attributes. */
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface Traffic {
  /** @param i from 0, a safe integer */
  eventAt(i: number): PostedExposure;
  /** The same event as serve and consume take it, without the way through JSON: for those who make many a second. */
  exposureAt(i: number): Exposure;
}

const EVEN = [
  { key: '0', weight: 1 },
  { key: '1', weight: 1 },
];

/** What traffic is about unless told. */
export const EXPERIMENTS: readonly TrafficExperiment[] = [
  { key: 'checkout-button', weight: 4, variations: EVEN },
  { key: 'search-ranking', weight: 3, variations: EVEN },
  { key: 'pricing-page', weight: 2, variations: [...EVEN, { key: '2', weight: 1 }] },
  {
    key: 'onboarding-flow',
    weight: 1,
    variations: [
      { key: 'control', weight: 9 },
      { key: 'short', weight: 1 },
    ],
  },
];

/** What is true of a user, always the same for the same one: name, values, and how often each is seen. */
const USER_FACTS = [
  { name: 'country', values: ['US', 'DE', 'GB', 'IN', 'BR', 'JP'], weights: [35, 20, 15, 15, 10, 5] },
  { name: 'browser', values: ['chrome', 'safari', 'firefox', 'edge'], weights: [60, 25, 8, 7] },
  { name: 'device', values: ['mobile', 'desktop', 'tablet'], weights: [55, 40, 5] },
] as const;

const STREAM = { user: 0, experiment: 1 } as const;
/** Users whose names and attributes are kept: by zipf these are nearly all that are seen. */
const KNOWN_USERS_MAX = 65_536;

/** @throws {RangeError} without users, without experiments, or with an experiment that shows nothing. */
export function createTraffic(options: TrafficOptions): Traffic {
  const { seed, startMs, intervalMs = 20, users = 10_000, zipfExponent = 1.1, experiments = EXPERIMENTS } = options;
  const { userPrefix = 'user-', source = 'traffic', attributes = {} } = options;
  if (users < 1) throw new RangeError(`Cannot create traffic as it takes users: current value is ${users}`);
  if (!experiments.some(({ weight }) => weight > 0))
    throw new RangeError('Cannot create traffic as it takes an experiment with a weight above 0');

  const seedNumber = fnv1a32(seed);
  const idPrefix = `traffic-${hash('sha256', seed, 'base64url').slice(0, 16)}-`;
  const pickUser = createPicker(zipfWeights(users, zipfExponent));
  const pickExperiment = createPicker(experiments.map(({ weight }) => weight));
  const known: (User | undefined)[] = [];

  function userAt(rank: number): User {
    const kept = known[rank];
    if (kept !== undefined) return kept;
    const id = `${userPrefix}${rank + 1}`;
    const user = { id, attributes: JSON.stringify({ ...userFacts(id), ...attributes }) };
    if (rank < KNOWN_USERS_MAX) known[rank] = user;
    return user;
  }

  function exposureAt(i: number): Exposure {
    const experiment = experiments[pickExperiment(drawUnit(seedNumber, { stream: STREAM.experiment, index: i }))];
    const user = userAt(pickUser(drawUnit(seedNumber, { stream: STREAM.user, index: i })));
    const variationId = experiment === undefined ? undefined : assignVariation(user.id, experiment);
    if (experiment === undefined || variationId === undefined)
      throw new RangeError('Cannot make an event as the experiment has no variation with a weight above 0');
    return {
      exposureId: idPrefix + i,
      dsUserId: user.id,
      experimentId: experiment.key,
      variationId,
      tsMicros: Math.round((startMs + i * intervalMs) * 1000),
      attributes: user.attributes,
      source,
    };
  }

  return {
    exposureAt,
    eventAt(i) {
      const exposure = exposureAt(i);
      return {
        exposure_id: exposure.exposureId,
        ds_user_id: exposure.dsUserId,
        experiment_id: exposure.experimentId,
        variation_id: exposure.variationId,
        timestamp: formatTimestamp(exposure.tsMicros),
        attributes: { ...userFacts(exposure.dsUserId), ...attributes },
        source,
      };
    },
  };
}

interface User {
  readonly id: string;
  /** As JSON text. */
  readonly attributes: string;
}

const factPickers = USER_FACTS.map(({ weights }) => createPicker(weights));

function userFacts(dsUserId: string): Record<string, string> {
  const seed = fnv1a32(dsUserId);
  const facts: Record<string, string> = {};
  for (const [index, { name, values }] of USER_FACTS.entries()) {
    const value = values[factPickers[index]?.(drawUnit(seed, { stream: index, index: 0 })) ?? 0];
    if (value !== undefined) facts[name] = value;
  }
  return facts;
}
