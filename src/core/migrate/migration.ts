// A migration: a numbered, forward-only SQL file, known by the SHA-256 of its text. Read by src/files, planned here, run by
// src/warehouse.
import { createHash } from 'node:crypto';
import { GbxError } from '../errors.ts';

export interface Migration {
  readonly version: number;
  /** Name of the file, e.g. `0001_experiment_exposures.sql`. */
  readonly name: string;
  readonly sql: string;
  /** Hex of SHA-256 over the text with LF as line end: a checkout with CRLF is no change. */
  readonly checksum: string;
}

/** A row of the migration history in the warehouse. */
export interface AppliedMigration {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
  /** `YYYY-MM-DD HH:MM:SS`, UTC, as the warehouse has it. */
  readonly appliedAt: string;
  readonly appliedBy: string;
}

export interface SqlFile {
  readonly name: string;
  readonly text: string;
}

const NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;

/**
 * The files in order of their numbers, which start at 1 and leave none out.
 * @throws {GbxError} GBX_CONFIG: a name of another form, a number twice or left out
 */
export function parseMigrations(files: readonly SqlFile[]): readonly Migration[] {
  const migrations = files.map(parseMigration).sort((a, b) => a.version - b.version);
  for (const [index, { version, name }] of migrations.entries()) {
    if (version === index + 1) continue;
    const former = migrations[index - 1];
    const what =
      former?.version === version
        ? `${former.name} and ${name} have the same number`
        : `${name} comes where number ${index + 1} is missing`;
    throw brokenSet(what);
  }
  return migrations;
}

function parseMigration({ name, text }: SqlFile): Migration {
  const number = NAME.exec(name)?.[1];
  if (number === undefined) throw brokenSet(`${name} is not named like 0001_what_it_does.sql`);
  return { version: Number(number), name, sql: text, checksum: checksumOf(text) };
}

function brokenSet(what: string): GbxError {
  return new GbxError('GBX_CONFIG', `the migrations of gbx are not whole: ${what}`, { hint: 'install gbx again, or mend its folder sql/' });
}

export function checksumOf(text: string): string {
  return createHash('sha256').update(text.replace(/\r\n?/g, '\n'), 'utf8').digest('hex');
}
