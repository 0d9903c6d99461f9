// Whether a record is one that is looked for. Most are not: they are told by their bytes, without being decoded, so that a
// look at a topic is as fast as reading it. Called for every record of topics and spool.
import { decodeRecord } from '../exposure/decode.ts';
import type { LogRecord } from '../exposure/exposure.ts';
import { isJsonObject } from '../exposure/validate.ts';
import type { Wanted } from './ports.ts';

export interface Identity {
  readonly dsUserId: string;
  readonly experimentId: string;
  readonly variationId: string;
  readonly tsMicros: number;
}

export interface Match {
  /** Undefined where the record cannot be an exposure and names no id. */
  readonly exposureId: string | undefined;
  /** Undefined where the record is not valid. */
  readonly identity: Identity | undefined;
  /** Why it is not valid. */
  readonly invalid: { readonly code: string; readonly message: string } | undefined;
}

/** Where the record was read. */
interface RecordPlace {
  readonly clusterId: string;
  readonly topic: string;
}

export type Matcher = (record: LogRecord, place: RecordPlace) => Match | undefined;

/** Of ids that are derived from the place of a record: its bytes do not hold them. */
const DERIVED = 'rec_';
const BACKSLASH = 0x5c;

export function createMatcher(wanted: Wanted): Matcher {
  const texts = wanted.kind === 'id' ? [wanted.exposureId] : [wanted.dsUserId, wanted.experimentId].filter((text) => text !== undefined);
  const needles = texts.map((text) => Buffer.from(text));
  const isDerived = wanted.kind === 'id' && wanted.exposureId.startsWith(DERIVED);
  return (record, place) => {
    const { value } = record;
    if (value === null) return undefined;
    // JSON without a backslash spells every text as it is.
    const isPossible = isDerived || needles.every((needle) => value.includes(needle)) || value.includes(BACKSLASH);
    if (!isPossible) return undefined;
    const decoded = decodeRecord(record, place);
    if (decoded.kind === 'invalid') return matchInvalid(value, decoded, wanted);
    const { exposureId, dsUserId, experimentId, variationId, tsMicros } = decoded.exposure;
    if (!isWanted({ exposureId, dsUserId, experimentId }, wanted)) return undefined;
    return { exposureId, identity: { dsUserId, experimentId, variationId, tsMicros }, invalid: undefined };
  };
}

interface Fields {
  readonly exposureId: unknown;
  readonly dsUserId: unknown;
  readonly experimentId: unknown;
}

function isWanted({ exposureId, dsUserId, experimentId }: Fields, wanted: Wanted): boolean {
  if (wanted.kind === 'id') return exposureId === wanted.exposureId;
  return (
    (wanted.dsUserId === undefined || dsUserId === wanted.dsUserId) &&
    (wanted.experimentId === undefined || experimentId === wanted.experimentId)
  );
}

/** What names the fields, and what is no JSON at all and holds the text: cut off, or in another form. */
function matchInvalid(value: Buffer, { code, message }: { readonly code: string; readonly message: string }, wanted: Wanted) {
  const invalid = { code, message };
  const fields = parseObject(value);
  if (fields !== undefined) {
    const exposureId = fields['exposure_id'];
    if (!isWanted({ exposureId, dsUserId: fields['ds_user_id'], experimentId: fields['experiment_id'] }, wanted)) return undefined;
    return { exposureId: typeof exposureId === 'string' ? exposureId : undefined, identity: undefined, invalid };
  }
  const isHeld = wanted.kind === 'id' && value.includes(wanted.exposureId);
  return isHeld ? { exposureId: wanted.exposureId, identity: undefined, invalid } : undefined;
}

function parseObject(value: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(value.toString());
    return isJsonObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
