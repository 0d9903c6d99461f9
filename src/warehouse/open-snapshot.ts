// The table as it stands at one moment, for `gbx verify`: one read-only transaction, however many statements read it.
// Rows are streamed: Redshift builds the whole result of a cursor on its leader node and gives 1,000 rows a FETCH on a small
// cluster, and a page by LIMIT sorts the table each time. The ledger is left alone: on Redshift its claim waits for readers.
import type { StoredExposure } from '../core/exposure/stored.ts';
import { formatSqlTimestamp } from '../core/exposure/timestamp.ts';
import type { WarehouseConnection } from './connection.ts';
import { COLUMNS, parseRow, parseValues } from './parse-row.ts';
import { openSession } from './session.ts';

const TABLE = 'growthbook.experiment_exposures';
/** Far below the bind parameters that Redshift counts. */
const IDS_PER_STATEMENT = 5_000;

interface Window {
  /** Microseconds since the Unix epoch, from inclusive, to exclusive; undefined: no bound. */
  readonly fromMicros: number | undefined;
  readonly toMicros: number | undefined;
}

export interface Snapshot extends AsyncDisposable {
  /** Every row of the window, in no order, as it arrives. @throws {GbxError} */
  streamRows(window: Window, onRow: (row: StoredExposure) => void): Promise<void>;
  /** Every row that has one of these ids, wherever it lies. @throws {GbxError} */
  rowsByIds(exposureIds: readonly string[]): Promise<readonly StoredExposure[]>;
}

/** @throws {GbxError} by the classes of core/errors */
export async function openSnapshot(connection: WarehouseConnection): Promise<Snapshot> {
  // Between two statements the topic may be read, for as long as that takes.
  const session = await openSession(connection, { doing: 'read the table', idleInTransactionTimeoutMs: 0 });
  try {
    await session.run('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    // The first statement that reads is the moment.
    await session.query(`SELECT 1 FROM ${TABLE} LIMIT 1`);
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
  return {
    async streamRows({ fromMicros, toMicros }, onRow) {
      const values: string[] = [];
      const where: string[] = [];
      if (fromMicros !== undefined) where.push(`ts >= $${values.push(formatSqlTimestamp(fromMicros))}::timestamp`);
      if (toMicros !== undefined) where.push(`ts < $${values.push(formatSqlTimestamp(toMicros))}::timestamp`);
      const text = `SELECT ${COLUMNS} FROM ${TABLE}${where.length > 0 ? ` WHERE ${where.join(' AND ')}` : ''}`;
      await session.stream(text, { values }, (row) => onRow(parseValues(row)));
    },
    async rowsByIds(exposureIds) {
      const found: StoredExposure[] = [];
      for (let from = 0; from < exposureIds.length; from += IDS_PER_STATEMENT) {
        const ids = exposureIds.slice(from, from + IDS_PER_STATEMENT);
        const marks = ids.map((_, index) => `$${index + 1}`).join(', ');
        const { rows } = await session.query(`SELECT ${COLUMNS} FROM ${TABLE} WHERE exposure_id IN (${marks})`, { values: ids });
        found.push(...rows.map(parseRow));
      }
      return found;
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
