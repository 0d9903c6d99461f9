// An exposure as the value of a record (docs/delivery.md): what serve writes and decode.ts reads. Attributes are JSON text
// already, so they are set in as they are.
import type { Exposure } from './exposure.ts';
import { formatTimestamp } from './timestamp.ts';

/** The record's value: JSON, one line. */
export function encodeExposure(exposure: Exposure): string {
  return (
    `{"exposure_id":${JSON.stringify(exposure.exposureId)}` +
    `,"ds_user_id":${JSON.stringify(exposure.dsUserId)}` +
    `,"experiment_id":${JSON.stringify(exposure.experimentId)}` +
    `,"variation_id":${JSON.stringify(exposure.variationId)}` +
    `,"timestamp":"${formatTimestamp(exposure.tsMicros)}"` +
    `,"attributes":${exposure.attributes}` +
    `,"source":${JSON.stringify(exposure.source)}}`
  );
}
