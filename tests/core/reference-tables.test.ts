import { expect, test } from 'vitest';
import { SETTING_KEYS, settingEntry } from '../../src/core/config.ts';
import { ERROR_CODES } from '../../src/core/errors.ts';
import { referenceTables, withReferenceTables } from '../../src/core/reference-tables.ts';

test('withReferenceTables() refuses a text without the markers, naming them', () => {
  expect(() => withReferenceTables('# gbx\n')).toThrow('<!-- settings:begin -->');
});

test('withReferenceTables() replaces what stands between the markers and nothing else, twice the same', () => {
  const page = '# a $1\n<!-- settings:begin -->\nold\n<!-- settings:end -->\nb\n<!-- errors:begin -->\n<!-- errors:end -->\nc\n';
  const { settings, errors } = referenceTables();
  const once = withReferenceTables(page);
  expect(once).toBe(
    `# a $1\n<!-- settings:begin -->\n${settings}<!-- settings:end -->\nb\n<!-- errors:begin -->\n${errors}<!-- errors:end -->\nc\n`,
  );
  expect(withReferenceTables(once)).toBe(once);
});

test('referenceTables() have a row of four columns for every setting and one of three for every code', () => {
  const { settings, errors } = referenceTables();
  const columns = (table: string): number[] =>
    table
      .trimEnd()
      .split('\n')
      .map((row) => row.split(/(?<!\\)\|/u).length - 2);
  expect(columns(settings)).toEqual(Array(SETTING_KEYS.length + 2).fill(4));
  expect(columns(errors)).toEqual(Array(Object.keys(ERROR_CODES).length + 2).fill(3));
  for (const key of SETTING_KEYS) expect(settings).toContain(`| \`${settingEntry(key).env}\` |`);
});
