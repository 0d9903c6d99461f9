// Redshift: the stage is filled by INSERT of many rows with bind parameters, which Redshift counts in 15 bits.
// Literals are out of the question: a backslash in one means something else there than in PostgreSQL.
import type { Exposure } from '../core/exposure/exposure.ts';
import { formatSqlTimestamp } from '../core/exposure/timestamp.ts';
import { STAGE_COLUMNS } from './dialect.ts';
import type { Session } from './session.ts';

const COLUMNS = 7;
const PARAMETERS_MAX = 32_767;
const STATEMENT_BYTES_MAX = 8_000_000;
/** Fewer statements a batch; beyond this the longer text costs more than a statement saved. */
const ROWS_MAX = 2_000;
/** Bytes of a row's timestamp and of its place in the statement's text. */
const ROW_BYTES_FIXED = 200;

export interface InsertLimits {
  readonly rowsMax: number;
  readonly parametersMax: number;
  readonly bytesMax: number;
}

const LIMITS: InsertLimits = { rowsMax: ROWS_MAX, parametersMax: PARAMETERS_MAX, bytesMax: STATEMENT_BYTES_MAX };

/** @returns the rows that the server says it took */
export async function fillByInsert(session: Session, rows: readonly Exposure[]): Promise<number> {
  let staged = 0;
  for (const chunk of splitRows(rows, LIMITS)) {
    const { count } = await session.query(insertText(chunk.length), { values: valuesOf(chunk) });
    staged += count;
  }
  return staged;
}

/** Cuts rows into statements: neither too many parameters nor too many bytes, each at least one row. */
export function* splitRows(rows: readonly Exposure[], { rowsMax, parametersMax, bytesMax }: InsertLimits): Generator<readonly Exposure[]> {
  const countMax = Math.min(rowsMax, Math.floor(parametersMax / COLUMNS));
  let start = 0;
  let bytes = 0;
  for (const [at, row] of rows.entries()) {
    const size = bytesOf(row);
    if (at > start && (at - start === countMax || bytes + size > bytesMax)) {
      yield rows.slice(start, at);
      start = at;
      bytes = 0;
    }
    bytes += size;
  }
  if (start < rows.length) yield rows.slice(start);
}

/** An upper bound that needs no encoding: a UTF-16 unit is at most three bytes of UTF-8. */
function bytesOf(row: Exposure): number {
  const units =
    row.exposureId.length +
    row.dsUserId.length +
    row.experimentId.length +
    row.variationId.length +
    row.attributes.length +
    row.source.length;
  return ROW_BYTES_FIXED + 3 * units;
}

const texts = new Map<number, string>();

/** No casts of text: one to VARCHAR(n) would cut what is too long without a word, the column refuses it. */
function insertText(rows: number): string {
  const known = texts.get(rows);
  if (known !== undefined) return known;
  const tuples: string[] = [];
  for (let at = 0; at < rows * COLUMNS; at += COLUMNS) {
    tuples.push(`($${at + 1},$${at + 2},$${at + 3},$${at + 4},$${at + 5}::timestamp,$${at + 6},$${at + 7})`);
  }
  const text = `INSERT INTO gbx_stage (${STAGE_COLUMNS}) VALUES ${tuples.join(',')}`;
  if (rows === ROWS_MAX) texts.set(rows, text);
  return text;
}

function valuesOf(rows: readonly Exposure[]): string[] {
  const values: string[] = [];
  for (const row of rows) {
    values.push(
      row.exposureId,
      row.dsUserId,
      row.experimentId,
      row.variationId,
      formatSqlTimestamp(row.tsMicros),
      row.attributes,
      row.source,
    );
  }
  return values;
}
