// The SQL files that belong to this gbx: the folder sql/ beside src/ or dist/, wherever the package lies.
import { readdir, readFile } from 'node:fs/promises';
import type { SqlFile } from '../core/migrate/migration.ts';

const SQL_FOLDER = new URL('../../sql/', import.meta.url);

/** @throws when the package is not whole */
export async function readMigrationFiles(): Promise<readonly SqlFile[]> {
  const names = (await readdir(SQL_FOLDER)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(new URL(name, SQL_FOLDER), 'utf8') })));
}
