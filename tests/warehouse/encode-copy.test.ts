import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Exposure } from '../../src/core/exposure/exposure.ts';
import { formatSqlTimestamp } from '../../src/core/exposure/timestamp.ts';
import { encodeCopy } from '../../src/warehouse/encode-copy.ts';
import { exposure as anyExposure } from '../support/arbitraries.ts';
import { exposure } from './flush-fixtures.ts';

/** As the server reads it. Source: PostgreSQL, COPY, "Text Format". */
function decodeCopy(bytes: Buffer): string[][] {
  const escapes: Record<string, string> = { t: '\t', n: '\n', r: '\r', '\\': '\\' };
  const lines = bytes.toString('utf8').split('\n');
  expect(lines.pop()).toBe('');
  return lines.map((line) => line.split('\t').map((value) => value.replace(/\\(.)/g, (_, letter: string) => escapes[letter] ?? letter)));
}

function fieldsOf(row: Exposure): string[] {
  const { exposureId, dsUserId, experimentId, variationId, tsMicros, attributes, source } = row;
  return [exposureId, dsUserId, experimentId, variationId, formatSqlTimestamp(tsMicros), attributes, source];
}

describe('encodeCopy()', () => {
  it('gives nothing for no rows', () => {
    expect([...encodeCopy([])]).toEqual([]);
  });

  it('escapes what would end a value, a row or the copy', () => {
    const [chunk] = encodeCopy([exposure({ dsUserId: '\\.', variationId: '\\N', source: 'a\tb\nc\rd' })]);
    expect(chunk?.toString()).toContain('\t\\\\.\t');
    expect(chunk?.toString()).toContain('\t\\\\N\t');
    expect(chunk?.toString()).toMatch(/\ta\\tb\\nc\\rd\n$/);
  });

  it('can be read back as it was, whatever the rows hold', () => {
    fc.assert(
      fc.property(fc.array(anyExposure(), { maxLength: 4 }), (rows) => {
        expect(decodeCopy(Buffer.concat([...encodeCopy(rows)]))).toEqual(rows.map(fieldsOf));
      }),
      { numRuns: 50 },
    );
  });

  it('joins rows into chunks and never cuts one', () => {
    const rows = Array.from({ length: 2_000 }, () => exposure({ attributes: `{"text":"${'x'.repeat(200)}"}` }));
    const chunks = [...encodeCopy(rows)];
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.length).toBeLessThan(20);
    for (const chunk of chunks) expect(chunk.at(-1)).toBe('\n'.charCodeAt(0));
    expect(chunks.flatMap(decodeCopy)).toHaveLength(2_000);
  });
});
