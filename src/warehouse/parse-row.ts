// A row of growthbook.experiment_exposures as it is read back: by the reader and by the snapshot.
import type { Exposure } from '../core/exposure/exposure.ts';
import type { StoredExposure } from '../core/exposure/stored.ts';
import { parseTimestamp } from '../core/exposure/timestamp.ts';
import type { Row } from './session.ts';

export const COLUMNS = 'exposure_id, ds_user_id, experiment_id, variation_id, ts, attributes, source, created_at';

/** Columns that the table lets be null, and that rows of another loader may leave so, read as their nearest value. */
export function parseRow(row: Row): StoredExposure {
  const tsMicros = parseMicros(row['ts']);
  const exposure: Exposure = {
    exposureId: row['exposure_id'] ?? '',
    dsUserId: row['ds_user_id'] ?? '',
    experimentId: row['experiment_id'] ?? '',
    variationId: row['variation_id'] ?? '',
    tsMicros,
    attributes: row['attributes'] ?? '{}',
    source: row['source'] ?? '',
  };
  return { ...exposure, createdAtMicros: row['created_at'] == null ? tsMicros : parseMicros(row['created_at']) };
}

/** The same of values in the order of COLUMNS. */
export function parseValues(values: readonly (string | null)[]): StoredExposure {
  const [exposure_id = null, ds_user_id = null, experiment_id = null, variation_id = null, ts = null, ...rest] = values;
  const [attributes = null, source = null, created_at = null] = rest;
  return parseRow({ exposure_id, ds_user_id, experiment_id, variation_id, ts, attributes, source, created_at });
}

function parseMicros(text: string | null | undefined): number {
  const micros = parseTimestamp(text ?? '');
  if (micros === undefined) throw new RangeError('the warehouse gave a time that is none');
  return micros;
}
