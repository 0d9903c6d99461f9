// The files of sql/ run on Redshift, and the tests run them on PostgreSQL, which takes much more: this lint closes the gap.
import { describe, expect, it } from 'vitest';
import { parseMigrations } from '../../src/core/migrate/migration.ts';
import { splitStatements } from '../../src/core/migrate/split-statements.ts';
import { readMigrationFiles } from '../../src/files/read-migrations.ts';

/** What Redshift lacks or does differently, and what PostgreSQL lacks: neither may stand in a file. */
const FORBIDDEN: readonly (readonly [string, RegExp])[] = [
  ['TEXT and VARCHAR without a length are VARCHAR(256) on Redshift', /\bTEXT\b|\bVARCHAR\b(?!\s*\()/i],
  ['types that Redshift lacks', /\b(SERIAL|BIGSERIAL|JSONB?|UUID|BYTEA|ENUM|DOMAIN|TIMETZ\s*\[|\w+\s*\[\s*\])\b/i],
  ['ON CONFLICT', /\bON\s+CONFLICT\b/i],
  ['RETURNING', /\bRETURNING\b/i],
  ['indexes', /\bCREATE\s+(UNIQUE\s+)?INDEX\b/i],
  ['triggers, functions and rules', /\bCREATE\s+(OR\s+REPLACE\s+)?(TRIGGER|FUNCTION|RULE|EXTENSION|SEQUENCE)\b/i],
  ['DO blocks and dollar quotes', /\bDO\s+\$|\$\$/i],
  ['strings with E', /\bE'/i],
  ['backslashes in strings, which mean two things', /'[^']*\\[^']*'/],
  ['CHECK', /\bCHECK\s*\(/i],
  ['savepoints', /\bSAVEPOINT\b/i],
  ['advisory locks', /\bpg_(try_)?advisory/i],
  ['transactions of its own', /\b(BEGIN|COMMIT|ROLLBACK)\b/i],
  ['TRUNCATE and VACUUM, which commit', /\b(TRUNCATE|VACUUM)\b/i],
  ['IF NOT EXISTS of a column', /\bADD\s+COLUMN\s+IF\s+NOT\s+EXISTS\b/i],
  ['what PostgreSQL lacks', /\b(DISTKEY|SORTKEY|DISTSTYLE|ENCODE|IDENTITY|GETDATE|SYSDATE|QUALIFY)\b/i],
  ['IS DISTINCT FROM', /\bIS\s+(NOT\s+)?DISTINCT\s+FROM\b/i],
];

function lint(sql: string): string[] {
  return splitStatements(sql).flatMap(({ text }) =>
    FORBIDDEN.filter(([, pattern]) => pattern.test(withoutComments(text))).map(([what]) => what),
  );
}

function withoutComments(text: string): string {
  return text.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, '');
}

describe('the files of sql/', async () => {
  const files = await readMigrationFiles();

  it.each([
    'CREATE TABLE t (a TEXT)',
    'CREATE TABLE t (a VARCHAR)',
    'CREATE TABLE t (a SERIAL)',
    'CREATE INDEX i ON t (a)',
    'INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING',
    'DELETE FROM t RETURNING a',
    `SELECT E'a'`,
    `SELECT 'a\\b'`,
    'TRUNCATE t',
    'CREATE TABLE t (a INTEGER) SORTKEY (a)',
  ])('would be refused with: %s', (sql) => {
    expect(lint(sql)).not.toEqual([]);
  });

  it('hold nothing that Redshift or PostgreSQL lacks', () => {
    for (const { name, text } of files) expect({ name, found: lint(text) }).toEqual({ name, found: [] });
  });

  it('are numbered without gaps and begin with the reason', () => {
    expect(parseMigrations(files).length).toBe(files.length);
    for (const { name, text } of files) expect({ name, reason: /^-- Why: \S/.test(text) }).toEqual({ name, reason: true });
  });

  it('start with the table as the architecture defines it', () => {
    const [first] = files;
    const [schema, table, ...others] = splitStatements(first?.text ?? '').map(({ text }) => text.replace(/\s+/g, ' '));
    expect(schema).toBe('CREATE SCHEMA IF NOT EXISTS growthbook');
    expect(table).toBe(
      "CREATE TABLE IF NOT EXISTS growthbook.experiment_exposures ( exposure_id VARCHAR(64) PRIMARY KEY, ds_user_id VARCHAR(128) NOT NULL, experiment_id VARCHAR(128) NOT NULL, variation_id VARCHAR(64) NOT NULL, ts TIMESTAMP NOT NULL, attributes SUPER, source VARCHAR(32) DEFAULT 'python_sdk', created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP )",
    );
    expect(others).toEqual([]);
  });
});
