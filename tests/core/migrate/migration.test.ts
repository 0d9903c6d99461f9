import { describe, expect, it } from 'vitest';
import { checksumOf, parseMigrations } from '../../../src/core/migrate/migration.ts';

const file = (name: string, text = 'SELECT 1;') => ({ name, text });

describe('parseMigrations()', () => {
  it.each([
    ['a name has another form', [file('first.sql')], 'first.sql is not named like'],
    ['a name has capitals', [file('0001_First.sql')], 'is not named like'],
    ['a number is left out', [file('0001_a.sql'), file('0003_c.sql')], '0003_c.sql comes where number 2 is missing'],
    ['the first is not 1', [file('0002_b.sql')], '0002_b.sql comes where number 1 is missing'],
    ['a number comes twice', [file('0001_a.sql'), file('0001_b.sql')], '0001_a.sql and 0001_b.sql have the same number'],
  ])('throws GBX_CONFIG when %s', (_, files, message) => {
    expect(() => parseMigrations(files)).toThrow(
      expect.objectContaining({ code: 'GBX_CONFIG', message: expect.stringContaining(message) }),
    );
  });

  it('gives them in the order of their numbers', () => {
    const parsed = parseMigrations([file('0002_b.sql', 'B'), file('0001_a.sql', 'A')]);
    expect(parsed.map(({ version, name, sql }) => [version, name, sql])).toEqual([
      [1, '0001_a.sql', 'A'],
      [2, '0002_b.sql', 'B'],
    ]);
  });
});

describe('checksumOf()', () => {
  it('is the same whatever the line ends, and another for any other change', () => {
    expect(checksumOf('a\r\nb\rc\n')).toBe(checksumOf('a\nb\nc\n'));
    expect(checksumOf('a\nb\n')).not.toBe(checksumOf('a\nb'));
    expect(checksumOf('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });
});
