// What a client posts, as an exposure: validation, identity (docs/http-api.md) and the defaults of HTTP. Called once an item by
// the routes of src/http; the clock, the request's headers and the source of new ids are passed in.
import type { Exposure } from './exposure.ts';
import { idFromContent, idFromKey } from './identity.ts';
import { type FieldError, type ValidFields, validateExposure } from './validate.ts';

const SOURCE_DEFAULT = 'http';

interface PostedOptions {
  /** Milliseconds since the Unix epoch: the time of an exposure that brings none, and the end of what may be. */
  readonly acceptedAtMs: number;
  /** The request's `Idempotency-Key`; an empty one counts as none. */
  readonly idempotencyKey?: string | undefined;
  /** Place in its request, from 0. */
  readonly itemIndex: number;
  readonly mintId: () => string;
}

export type Posted =
  /** `wasFuture`: its time lay ahead, up to 24 hours, and was set to the time of acceptance. */
  | { readonly kind: 'valid'; readonly exposure: Exposure; readonly wasFuture: boolean }
  /** Every wrong field; its name is empty when the item is no object. */
  | { readonly kind: 'invalid'; readonly fields: readonly FieldError[] };

/** Never throws for what JSON.parse can give. */
export function parsePosted(input: unknown, options: PostedOptions): Posted {
  const validated = validateExposure(input, { referenceMs: options.acceptedAtMs });
  if (validated.kind === 'invalid') return { kind: 'invalid', fields: validated.errors };

  const { fields } = validated;
  const source = fields.source ?? SOURCE_DEFAULT;
  return {
    kind: 'valid',
    wasFuture: fields.wasFuture,
    exposure: {
      exposureId: fields.exposureId ?? deriveId(fields, source, options),
      dsUserId: fields.dsUserId,
      experimentId: fields.experimentId,
      variationId: fields.variationId,
      tsMicros: fields.tsMicros ?? options.acceptedAtMs * 1000,
      attributes: fields.attributes,
      source,
    },
  };
}

function deriveId(fields: ValidFields, source: string, { idempotencyKey, itemIndex, mintId }: PostedOptions): string {
  if (idempotencyKey !== undefined && idempotencyKey !== '') return idFromKey(fields, { key: idempotencyKey, itemIndex });
  if (fields.givenMicros !== undefined) return idFromContent(fields, { givenMicros: fields.givenMicros, source });
  return mintId();
}
