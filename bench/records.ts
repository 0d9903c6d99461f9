// The records that are drained: synthetic traffic, each value of exactly 290 bytes, the last ones of this moment.
import { encodeExposure } from '../src/core/exposure/encode.ts';
import type { Exposure } from '../src/core/exposure/exposure.ts';
import { parsePosted } from '../src/core/exposure/posted.ts';
import { createTraffic, type PostedExposure } from '../src/core/traffic/traffic.ts';

export const RECORD_BYTES = 290;
/** What tells the loaded rows from those that stood in the table before. */
export const LOADED_SOURCE = 'bench';

export interface RecordSet {
  readonly records: number;
  /** The time of the newest: milliseconds since the Unix epoch. */
  readonly endMs: number;
}

/** Fifty a second, as far back as it takes. */
const INTERVAL_MS = 20;
/** Of the attribute that brings a value to its size: `,"page":""`. */
const PAD_BYTES = 10;

export function startOf({ records, endMs }: RecordSet): number {
  return endMs - records * INTERVAL_MS;
}

/** @returns what makes the i-th exposure; ids are unique within the set, and the same each time */
export function exposuresOf(set: RecordSet, seed = 'bench'): (i: number) => Exposure {
  const traffic = createTraffic({ seed, startMs: startOf(set), intervalMs: INTERVAL_MS, source: LOADED_SOURCE });
  return (i) => {
    const posted = traffic.eventAt(i);
    const bare = parse(posted, set);
    const missing = RECORD_BYTES - Buffer.byteLength(encodeExposure(bare)) - PAD_BYTES;
    if (missing < 1) throw new RangeError(`event ${i} of the traffic is larger than ${RECORD_BYTES} bytes`);
    return parse({ ...posted, attributes: { ...posted.attributes, page: `/${'p'.repeat(missing - 1)}` } }, set);
  };
}

function parse(posted: PostedExposure, { endMs }: RecordSet): Exposure {
  const parsed = parsePosted(posted, { acceptedAtMs: endMs + 60_000, itemIndex: 0, mintId: () => '' });
  if (parsed.kind === 'invalid') throw new Error(JSON.stringify(parsed.fields));
  return parsed.exposure;
}
