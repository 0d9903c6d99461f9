// Reads exposures back: for serve's read routes and for `gbx smoke`. Never on the session that loads.
import type { Exposure } from '../core/exposure/exposure.ts';
import type { ReadExposures, StoredExposure } from '../core/exposure/stored.ts';
import { formatSqlTimestamp, parseTimestamp } from '../core/exposure/timestamp.ts';
import type { WarehouseConnection } from './connection.ts';
import type { Row } from './session.ts';
import { openSessionPool } from './session-pool.ts';

const SESSIONS_MAX = 4;
const STATEMENT_TIMEOUT_MS_MAX = 30_000;
/** Far below the bind parameters that Redshift counts. */
const IDS_PER_STATEMENT = 5_000;

const COLUMNS = 'exposure_id, ds_user_id, experiment_id, variation_id, ts, attributes, source, created_at';

export type Reader = ReadExposures & AsyncDisposable & { ping(): Promise<void> };

/** Nothing is connected before the first call. */
export function openReader(connection: WarehouseConnection): Reader {
  const pool = openSessionPool(connection, {
    doing: 'read from the warehouse',
    sessionsMax: SESSIONS_MAX,
    statementTimeoutMs: Math.min(connection.statementTimeoutMs, STATEMENT_TIMEOUT_MS_MAX),
  });

  async function select(where: string, { values, rowsMax }: { readonly values: readonly string[]; readonly rowsMax: number }) {
    const text = `SELECT ${COLUMNS} FROM growthbook.experiment_exposures WHERE ${where} ORDER BY ts DESC LIMIT ${Math.trunc(rowsMax)}`;
    return pool.withSession(async (session) => (await session.query(text, { values })).rows.map(parseRow));
  }

  return {
    byUser: (dsUserId, { sinceMicros, rowsMax }) =>
      select('ds_user_id = $1 AND ts >= $2::timestamp', { values: [dsUserId, formatSqlTimestamp(sinceMicros)], rowsMax }),
    byExperiment: (experimentId, { sinceMicros, rowsMax }) =>
      select('experiment_id = $1 AND ts >= $2::timestamp', { values: [experimentId, formatSqlTimestamp(sinceMicros)], rowsMax }),
    async byIds(exposureIds, { sinceMicros, rowsMax }) {
      const found: StoredExposure[] = [];
      for (let start = 0; start < exposureIds.length; start += IDS_PER_STATEMENT) {
        const ids = exposureIds.slice(start, start + IDS_PER_STATEMENT);
        const marks = ids.map((_, index) => `$${index + 2}`).join(', ');
        const values = [formatSqlTimestamp(sinceMicros), ...ids];
        found.push(...(await select(`ts >= $1::timestamp AND exposure_id IN (${marks})`, { values, rowsMax })));
      }
      return found.sort((a, b) => b.tsMicros - a.tsMicros).slice(0, rowsMax);
    },
    async ping() {
      await pool.withSession((session) => session.query('SELECT 1'));
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}

/** Columns that the table lets be null, and that rows of another loader may leave so, read as their nearest value. */
function parseRow(row: Row): StoredExposure {
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

function parseMicros(text: string | null | undefined): number {
  const micros = parseTimestamp(text ?? '');
  if (micros === undefined) throw new RangeError('the warehouse gave a time that is none');
  return micros;
}
