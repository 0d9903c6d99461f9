// A table that stood there before gbx: adopted when gbx can load into it, refused with what is wrong when it cannot.
import { GbxError } from '../core/errors.ts';
import type { Row, Session } from './session.ts';

const TABLE = 'growthbook.experiment_exposures';

/** The migration that makes the table. */
export const EXPOSURES_VERSION = 1;

interface Column {
  readonly types: readonly string[];
  /** Of a VARCHAR, in the server's own count. */
  readonly lengthMin?: number;
}

const VARCHAR = ['character varying', 'text'];
const TIMESTAMP = ['timestamp without time zone'];
/** The columns that gbx writes. A domain shows on PostgreSQL as what stands behind it. */
const COLUMNS: Readonly<Record<string, Column>> = {
  exposure_id: { types: VARCHAR, lengthMin: 64 },
  ds_user_id: { types: VARCHAR, lengthMin: 128 },
  experiment_id: { types: VARCHAR, lengthMin: 128 },
  variation_id: { types: VARCHAR, lengthMin: 64 },
  ts: { types: TIMESTAMP },
  attributes: { types: ['super', 'jsonb'] },
  source: { types: VARCHAR, lengthMin: 32 },
  created_at: { types: TIMESTAMP },
};

/**
 * Whether the table of exposures stands there, fit to be loaded into.
 * @throws {GbxError} GBX_WAREHOUSE_SCHEMA with every column that is not as it must be
 */
export async function isExposuresMadeByHand(session: Session): Promise<boolean> {
  const { rows } = await session.query(
    `SELECT column_name, data_type, character_maximum_length, is_nullable, column_default
      FROM information_schema.columns WHERE table_schema = 'growthbook' AND table_name = 'experiment_exposures'`,
  );
  if (rows.length === 0) return false;
  const wrong = findDifferences(rows);
  if (wrong.length === 0) return true;
  throw new GbxError('GBX_WAREHOUSE_SCHEMA', `${TABLE} stands there already and gbx cannot load into it: ${wrong.join('; ')}`, {
    hint: 'alter the table to match sql/0001_experiment_exposures.sql, or rename it, and run gbx migrate up again',
  });
}

/** @param rows of information_schema.columns. @returns a phrase for each column that is wrong */
export function findDifferences(rows: readonly Row[]): readonly string[] {
  const byName = new Map(rows.map((row) => [row['column_name'], row]));
  const own = Object.entries(COLUMNS).flatMap(([name, column]) => checkColumn(name, { column, row: byName.get(name) }));
  const others = rows
    .filter((row) => !Object.hasOwn(COLUMNS, row['column_name'] ?? ''))
    .filter((row) => row['is_nullable'] === 'NO' && row['column_default'] === null)
    .map((row) => `${row['column_name']} is not known to gbx, and must have a default or may be null`);
  return [...own, ...others];
}

function checkColumn(name: string, { column, row }: { readonly column: Column; readonly row: Row | undefined }): string[] {
  if (row === undefined) return [`${name} is missing`];
  const type = row['data_type'] ?? '';
  if (!column.types.includes(type)) return [`${name} is ${type} and must be ${column.types.join(' or ')}`];
  const length = row['character_maximum_length'] ?? null;
  if (column.lengthMin !== undefined && length !== null && Number(length) < column.lengthMin) {
    return [`${name} takes ${length} and must take ${column.lengthMin}`];
  }
  return [];
}
