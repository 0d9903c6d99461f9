// What "the same content" means between what was sent and what was read back. Warehouses render JSON their own way (order
// of keys, spaces, 1.0 for 1), so attributes are compared as values, not as text.
import { hash } from 'node:crypto';
import type { Exposure } from '../exposure/exposure.ts';

/** Names on the wire, as a person sees them. */
const FIELDS = {
  ds_user_id: (exposure: Exposure) => exposure.dsUserId,
  experiment_id: (exposure: Exposure) => exposure.experimentId,
  variation_id: (exposure: Exposure) => exposure.variationId,
  timestamp: (exposure: Exposure) => String(exposure.tsMicros),
  attributes: (exposure: Exposure) => canonicalJson(exposure.attributes),
  source: (exposure: Exposure) => exposure.source,
} as const;

type ContentField = keyof typeof FIELDS;

const FIELD_NAMES = Object.keys(FIELDS) as readonly ContentField[];

/** All of an exposure save its id, in 43 characters: equal when no field differs. */
export function contentHash(exposure: Exposure): string {
  return hash('sha256', JSON.stringify(FIELD_NAMES.map((name) => FIELDS[name](exposure))), 'base64url');
}

/** The fields whose values differ. */
export function differingFields(one: Exposure, other: Exposure): readonly ContentField[] {
  return FIELD_NAMES.filter((name) => FIELDS[name](one) !== FIELDS[name](other));
}

/** Text that is no JSON stands for itself, so that a warehouse which mangles it is seen to differ. */
function canonicalJson(text: string): string {
  if (text === '{}') return text;
  try {
    return JSON.stringify(sortKeys(JSON.parse(text)));
  } catch {
    return text;
  }
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [key, sortKeys(inner)]);
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}
