import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fillByInsert, splitRows } from '../../src/warehouse/dialect-redshift.ts';
import type { Session } from '../../src/warehouse/session.ts';
import { exposure } from './flush-fixtures.ts';

describe('splitRows()', () => {
  it('keeps every row in order, within the limits, and never gives an empty statement', () => {
    const limits = fc.record({
      rowsMax: fc.integer({ min: 1, max: 50 }),
      parametersMax: fc.integer({ min: 7, max: 350 }),
      bytesMax: fc.integer({ min: 1, max: 20_000 }),
    });
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 2_000 }), { maxLength: 60 }),
        limits,
        (sizes, { rowsMax, parametersMax, bytesMax }) => {
          const rows = sizes.map((size, at) => exposure({ exposureId: String(at), attributes: 'x'.repeat(size) }));
          const chunks = [...splitRows(rows, { rowsMax, parametersMax, bytesMax })];
          expect(chunks.flat()).toEqual(rows);
          for (const chunk of chunks) {
            expect(chunk.length).toBeGreaterThan(0);
            expect(chunk.length).toBeLessThanOrEqual(rowsMax);
            expect(chunk.length * 7).toBeLessThanOrEqual(parametersMax);
            const bytes = chunk.reduce((sum, { attributes }) => sum + Buffer.byteLength(attributes), 0);
            expect(chunk.length === 1 || bytes <= bytesMax).toBe(true);
          }
        },
      ),
    );
  });
});

describe('fillByInsert()', () => {
  it('stays within 32,767 parameters and 8 MB a statement, and adds up what the server took', async () => {
    const sent: { text: string; values: readonly unknown[] }[] = [];
    const session = {
      query: async (text: string, { values = [] }: { values?: readonly unknown[] } = {}) => {
        sent.push({ text, values });
        return { rows: [], count: values.length / 7, command: 'INSERT' };
      },
    } as unknown as Session;
    const small = Array.from({ length: 4_001 }, () => exposure());
    const large = Array.from({ length: 200 }, () => exposure({ attributes: `{"text":"${'ä'.repeat(32_000)}"}` }));
    expect(await fillByInsert(session, [...small, ...large])).toBe(4_201);
    for (const { text, values } of sent) {
      expect(values.length).toBeLessThanOrEqual(32_767);
      expect(Buffer.byteLength(text) + Buffer.byteLength(values.join(''))).toBeLessThanOrEqual(8_000_000);
      expect(text).toContain(`$${values.length})`);
      expect(text).not.toContain(`$${values.length + 1}`);
      expect(text).not.toMatch(/::varchar/);
    }
  });
});
