// Exposures as the text format of COPY: the hot path of a drain, so rows are joined into large chunks and a value is
// searched for what needs a backslash only once.
import type { Exposure } from '../core/exposure/exposure.ts';
import { formatSqlTimestamp } from '../core/exposure/timestamp.ts';

/** Characters of a chunk: large enough that the socket's cost per write vanishes, small enough to overlap with encoding. */
const CHUNK_CHARS = 128 * 1024;

const SPECIAL = /[\\\t\n\r]/;
const SPECIALS = /[\\\t\n\r]/g;

/** Columns in the order of STAGE_COLUMNS. Source: PostgreSQL, COPY, "Text Format". */
export function* encodeCopy(rows: readonly Exposure[]): Generator<Buffer> {
  let text = '';
  for (const row of rows) {
    text += `${escapeValue(row.exposureId)}\t${escapeValue(row.dsUserId)}\t${escapeValue(row.experimentId)}\t${escapeValue(row.variationId)}\t`;
    text += `${formatSqlTimestamp(row.tsMicros)}\t${escapeValue(row.attributes)}\t${escapeValue(row.source)}\n`;
    if (text.length >= CHUNK_CHARS) {
      yield Buffer.from(text, 'utf8');
      text = '';
    }
  }
  if (text !== '') yield Buffer.from(text, 'utf8');
}

function escapeValue(value: string): string {
  return SPECIAL.test(value) ? value.replace(SPECIALS, escapeCharacter) : value;
}

function escapeCharacter(character: string): string {
  switch (character) {
    case '\t':
      return '\\t';
    case '\n':
      return '\\n';
    case '\r':
      return '\\r';
    default:
      return '\\\\';
  }
}
