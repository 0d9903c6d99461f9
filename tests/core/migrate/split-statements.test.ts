import { describe, expect, it } from 'vitest';
import { lineAt, splitStatements } from '../../../src/core/migrate/split-statements.ts';

describe('splitStatements()', () => {
  it('gives nothing for comments and space alone', () => {
    expect(splitStatements('\n-- nothing; here\n/* nor;\nhere */\n;;\n')).toEqual([]);
  });

  it('does not cut at a semicolon in a string, a quoted name or a comment', () => {
    const sql = `INSERT INTO t VALUES ('it''s; one', 'a--b');\nSELECT "a;b" -- c;\n, 1 /* ; */ FROM t - 1 / 2;`;
    expect(splitStatements(sql)).toEqual([
      { text: `INSERT INTO t VALUES ('it''s; one', 'a--b')`, line: 1 },
      { text: 'SELECT "a;b" -- c;\n, 1 /* ; */ FROM t - 1 / 2', line: 2 },
    ]);
  });

  it('says on which line each one starts, comments before it left out', () => {
    const sql = '-- why\n\nCREATE TABLE a (\n  b INTEGER\n);\n/* two\nlines */ CREATE TABLE c (d INTEGER)';
    expect(splitStatements(sql).map(({ line }) => line)).toEqual([3, 7]);
  });
});

describe('lineAt()', () => {
  it('counts from where the statement starts', () => {
    const [statement] = splitStatements('\n\nSELECT a,\n  b,\n  c FROM t');
    if (!statement) throw new Error('no statement');
    expect(lineAt(statement, statement.text.indexOf('c FROM') + 1)).toBe(5);
    expect(lineAt(statement, 1)).toBe(3);
    expect(lineAt(statement, undefined)).toBe(3);
  });
});
