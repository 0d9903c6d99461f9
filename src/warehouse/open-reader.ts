// Reads exposures back: for serve's read routes and for `gbx smoke`. Never on the session that loads.
import type { ReadExposures, StoredExposure } from '../core/exposure/stored.ts';
import { formatSqlTimestamp } from '../core/exposure/timestamp.ts';
import type { LedgerRow, LedgerScope } from '../core/load/ports.ts';
import type { WarehouseConnection } from './connection.ts';
import { readLedger, readScopes } from './ledger.ts';
import { COLUMNS, parseRow } from './parse-row.ts';
import { openSessionPool } from './session-pool.ts';

const SESSIONS_MAX = 4;
const STATEMENT_TIMEOUT_MS_MAX = 30_000;
/** Far below the bind parameters that Redshift counts. */
const IDS_PER_STATEMENT = 5_000;
const ROWS_PER_ID_MAX = 1_000;

interface Candidates {
  readonly dsUserId?: string;
  readonly experimentId?: string;
  /** Of `ts`, from inclusive, to exclusive: microseconds since the Unix epoch. */
  readonly fromMicros: number;
  readonly toMicros: number;
  readonly rowsMax: number;
}

export interface Reader extends ReadExposures, AsyncDisposable {
  ping(): Promise<void>;
  /** Every row with this id, whenever it happened. On Redshift that reads the whole column. */
  byId(exposureId: string): Promise<readonly StoredExposure[]>;
  /** Rows of a user, an experiment or both in a span of time, newest first. */
  candidates(wanted: Candidates): Promise<readonly StoredExposure[]>;
  /** Without a claim, and without a right but to read. */
  readLedger(scope: LedgerScope): Promise<readonly LedgerRow[]>;
  /** Whose rows the ledger holds, each once. */
  ledgerScopes(): Promise<readonly LedgerScope[]>;
}

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
    byId: (exposureId) => select('exposure_id = $1', { values: [exposureId], rowsMax: ROWS_PER_ID_MAX }),
    candidates({ dsUserId, experimentId, fromMicros, toMicros, rowsMax }) {
      const values = [formatSqlTimestamp(fromMicros), formatSqlTimestamp(toMicros)];
      const where = ['ts >= $1::timestamp', 'ts < $2::timestamp'];
      if (dsUserId !== undefined) where.push(`ds_user_id = $${values.push(dsUserId)}`);
      if (experimentId !== undefined) where.push(`experiment_id = $${values.push(experimentId)}`);
      return select(where.join(' AND '), { values, rowsMax });
    },
    readLedger: (scope) => pool.withSession((session) => readLedger(session, scope)),
    ledgerScopes: () => pool.withSession(readScopes),
    async ping() {
      await pool.withSession((session) => session.query('SELECT 1'));
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}
