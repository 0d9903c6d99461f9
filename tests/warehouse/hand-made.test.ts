import { describe, expect, it } from 'vitest';
import { findDifferences } from '../../src/warehouse/hand-made.ts';

type Row = Record<string, string | null>;

function column(name: string, type: string, more: Row = {}): Row {
  return { column_name: name, data_type: type, character_maximum_length: null, is_nullable: 'YES', column_default: null, ...more };
}

function varchar(name: string, length: number): Row {
  return column(name, 'character varying', { character_maximum_length: String(length) });
}

/** As Redshift shows the architecture's DDL. */
const COLUMNS: readonly Row[] = [
  varchar('exposure_id', 64),
  varchar('ds_user_id', 128),
  varchar('experiment_id', 128),
  varchar('variation_id', 64),
  column('ts', 'timestamp without time zone'),
  column('attributes', 'super'),
  varchar('source', 32),
  column('created_at', 'timestamp without time zone'),
];

function replaced(name: string, row: Row): Row[] {
  return COLUMNS.map((other) => (other['column_name'] === name ? row : other));
}

describe('findDifferences()', () => {
  it.each([
    ['a column is missing', COLUMNS.slice(1), 'exposure_id is missing'],
    ['a column is too short', replaced('ds_user_id', varchar('ds_user_id', 64)), 'ds_user_id takes 64 and must take 128'],
    [
      'a time has a zone',
      replaced('ts', column('ts', 'timestamp with time zone')),
      'ts is timestamp with time zone and must be timestamp without time zone',
    ],
    [
      'attributes are text',
      replaced('attributes', varchar('attributes', 65_535)),
      'attributes is character varying and must be super or jsonb',
    ],
    [
      'there is one more that must be filled',
      [...COLUMNS, column('tenant', 'integer', { is_nullable: 'NO' })],
      'tenant is not known to gbx, and must have a default or may be null',
    ],
  ])('says so when %s', (_, rows, expected) => {
    expect(findDifferences(rows)).toEqual([expected]);
  });

  it('finds none in the definition itself, with longer columns, or with more that may stay empty', () => {
    expect(findDifferences(COLUMNS)).toEqual([]);
    expect(findDifferences(replaced('source', varchar('source', 256)))).toEqual([]);
    expect(
      findDifferences([...COLUMNS, column('tenant', 'integer'), column('n', 'integer', { is_nullable: 'NO', column_default: '0' })]),
    ).toEqual([]);
  });
});
