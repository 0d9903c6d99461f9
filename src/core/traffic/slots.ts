// Traffic with its share of trouble: which event a place in the run holds, and whether it comes twice, late or broken. As
// the traffic itself a pure function of the seed and the place. Used by `gbx produce`.
import { encodeExposure } from '../exposure/encode.ts';
import type { Exposure } from '../exposure/exposure.ts';
import { formatTimestamp } from '../exposure/timestamp.ts';
import { fnv1a32 } from './assign.ts';
import { drawUnit } from './draw.ts';
import type { Traffic } from './traffic.ts';

/** What a place may hold. `copy`: an event of before once more, with the same id and bytes. */
export type SlotKind = 'plain' | 'copy' | 'late' | 'malformed';

export interface Slot {
  readonly kind: SlotKind;
  /** What it is, or would be if it were not malformed. */
  readonly exposure: Exposure;
  /** The record's value: JSON, save where that is what is malformed. */
  readonly value: string;
}

export interface Trouble {
  /** Parts of all places: 0 to 1 each, 1 at most together. */
  readonly copies: number;
  readonly late: number;
  readonly malformed: number;
  /** How far back the late ones lie. */
  readonly lateMs: number;
}

interface SlotOptions {
  readonly seed: string;
  readonly traffic: Traffic;
  readonly trouble: Trouble;
  /** Malformed ones must be JSON all the same: for those that travel in one body with others. */
  readonly isAlwaysJson: boolean;
}

/** How far before its copy an event may stand: the next batch of a consumer, and some batches later. */
const DISTANCES = [1, 10, 100, 1_000] as const;
const STREAM = { distance: 10, malformed: 11 } as const;
/** 2^32 divided by the golden ratio: multiples of it are spread so evenly that shares are met within a few places. */
const GOLDEN = 0x9e3779b9;

/** @returns the place's content, from 0; the first is always plain. */
export function createSlots({ seed, traffic, trouble, isAlwaysJson }: SlotOptions): (i: number) => Slot {
  const seedNumber = fnv1a32(`${seed}/trouble`);
  const { malformed, copies, late, lateMs } = trouble;
  const isCalm = malformed + copies + late === 0;

  function kindOf(i: number): SlotKind {
    if (isCalm || i === 0) return 'plain';
    const place = ((Math.imul(i, GOLDEN) + seedNumber) >>> 0) / 2 ** 32;
    if (place < malformed) return 'malformed';
    if (place < malformed + copies) return 'copy';
    return place < malformed + copies + late ? 'late' : 'plain';
  }

  /** Of the nearest place at about that distance which holds an event of its own, a valid one. */
  function originOf(copy: number): number {
    let i = copy;
    for (let kind = kindOf(i); kind === 'copy' || kind === 'malformed'; kind = kindOf(i)) {
      const far = DISTANCES[Math.floor(drawUnit(seedNumber, { stream: STREAM.distance, index: i }) * DISTANCES.length)] ?? 1;
      i -= kind === 'copy' && far <= i ? far : 1;
    }
    return i;
  }

  function exposureAt(i: number): Exposure {
    const exposure = traffic.exposureAt(i);
    return kindOf(i) === 'late' ? { ...exposure, tsMicros: exposure.tsMicros - lateMs * 1000 } : exposure;
  }

  return (i) => {
    const kind = kindOf(i);
    const exposure = exposureAt(kind === 'copy' ? originOf(i) : i);
    if (kind !== 'malformed') return { kind, exposure, value: encodeExposure(exposure) };
    return { kind, exposure, value: spoil(exposure, { unit: drawUnit(seedNumber, { stream: STREAM.malformed, index: i }), isAlwaysJson }) };
  };
}

/** Ways in which real producers get it wrong; each ends as a dead letter, or is refused by serve. */
const SPOILERS: readonly ((exposure: Exposure) => string)[] = [
  (exposure) => encodeExposure(exposure).slice(0, -20),
  (exposure) => wire(exposure, { ds_user_id: undefined }),
  (exposure) => wire(exposure, { timestamp: 'yesterday' }),
  (exposure) => wire(exposure, { variation_id: 'v'.repeat(65) }),
];

function spoil(exposure: Exposure, { unit, isAlwaysJson }: { readonly unit: number; readonly isAlwaysJson: boolean }): string {
  const spoilers = isAlwaysJson ? SPOILERS.slice(1) : SPOILERS;
  const spoiler = spoilers[Math.floor(unit * spoilers.length)];
  return spoiler === undefined ? '' : spoiler(exposure);
}

function wire(exposure: Exposure, changes: Readonly<Record<string, string | undefined>>): string {
  return JSON.stringify({
    exposure_id: exposure.exposureId,
    ds_user_id: exposure.dsUserId,
    experiment_id: exposure.experimentId,
    variation_id: exposure.variationId,
    timestamp: formatTimestamp(exposure.tsMicros),
    source: exposure.source,
    ...changes,
  });
}
