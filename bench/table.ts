// The table that the drains load into: empty or full, with its key or without, and whether what was loaded is right.
import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';
import type { PostgresServer } from '../src/dev/postgres-server.ts';
import { LOADED_SOURCE, type RecordSet, startOf } from './records.ts';

const TABLE = 'growthbook.experiment_exposures';
const SQL_DIR = new URL('../sql/', import.meta.url);
const DAYS = 90;

export interface Table extends AsyncDisposable {
  readonly database: string;
  /** As on Redshift, which does not enforce it: without. */
  setKey(isWanted: boolean): Promise<void>;
  /** Rows of the past 90 days, up to the end of the set, with an index that plays the part of Redshift's zone maps. */
  fill(rows: number, set: RecordSet): Promise<void>;
  truncate(): Promise<void>;
  /** Takes the loaded rows out, their space too. */
  removeLoaded(set: RecordSet): Promise<void>;
  /** Takes out so many rows, whichever. */
  removeSome(rows: number): Promise<void>;
  /** @throws {Error} unless each record is there exactly once: then a rate means nothing */
  assertLoaded(set: Pick<RecordSet, 'records'>): Promise<void>;
  bytes(): Promise<number>;
}

/** In a new database of this name. */
export async function createTable({ host, port, user, password }: PostgresServer, database: string): Promise<Table> {
  const place = { host, port, user, password, options: '-c timezone=UTC' };
  const maker = new pg.Client({ ...place, database: 'postgres' });
  await maker.connect();
  await maker.query(`CREATE DATABASE ${database}`);
  await maker.end();
  const client = new pg.Client({ ...place, database });
  await client.connect();
  const run = async (text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]> =>
    (await client.query(text, values === undefined ? undefined : [...values])).rows;
  const files = (await readdir(SQL_DIR)).filter((name) => name.endsWith('.sql')).sort();
  for (const file of files) await run(await readFile(new URL(file, SQL_DIR), 'utf8'));
  return {
    database,
    async setKey(isWanted) {
      await run(`ALTER TABLE ${TABLE} DROP CONSTRAINT IF EXISTS experiment_exposures_pkey`);
      if (isWanted) await run(`ALTER TABLE ${TABLE} ADD CONSTRAINT experiment_exposures_pkey PRIMARY KEY (exposure_id)`);
    },
    async fill(rows, { endMs }) {
      await run(FILL, [rows, new Date(endMs - DAYS * 86_400_000).toISOString(), (DAYS * 86_400) / rows]);
      await run(`CREATE INDEX experiment_exposures_ts ON ${TABLE} USING brin (ts)`);
      await run(`VACUUM ANALYZE ${TABLE}`);
      await run('CHECKPOINT');
    },
    async truncate() {
      await run(`TRUNCATE ${TABLE}, growthbook.gbx_ledger`);
      await run('CHECKPOINT');
    },
    async removeLoaded(set) {
      await run(`DELETE FROM ${TABLE} WHERE ts >= $1 AND source = $2`, [new Date(startOf(set)).toISOString(), LOADED_SOURCE]);
      await run('TRUNCATE growthbook.gbx_ledger');
      await run(`VACUUM ANALYZE ${TABLE}`);
      await run('CHECKPOINT');
    },
    async removeSome(rows) {
      await run(`DELETE FROM ${TABLE} WHERE ctid IN (SELECT ctid FROM ${TABLE} LIMIT $1)`, [rows]);
    },
    async assertLoaded(set) {
      const [row] = await run(`SELECT count(*) AS rows, count(DISTINCT exposure_id) AS ids FROM ${TABLE} WHERE source = $1`, [
        LOADED_SOURCE,
      ]);
      const [rows, ids] = [Number(row?.['rows']), Number(row?.['ids'])];
      if (rows !== set.records || ids !== set.records) {
        throw new Error(`VOID: ${set.records} records became ${rows} rows with ${ids} ids`);
      }
    },
    async bytes() {
      const [row] = await run(`SELECT pg_table_size('${TABLE}') AS bytes`);
      return Number(row?.['bytes']);
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

/** $1 rows, $2 the time of the first, $3 seconds from one to the next. */
const FILL = `INSERT INTO ${TABLE} (exposure_id, ds_user_id, experiment_id, variation_id, ts, attributes, source, created_at)
  SELECT 'stood-' || md5(i::text) || i, 'user-' || i % 10000, 'checkout-button', (i % 2)::text, at,
         json_parse('{"country":"US","browser":"chrome","device":"mobile","page":"/ppppppppppppppppppp"}'), 'former', at
  FROM (SELECT i, $2::timestamp + i * $3::float8 * interval '1 second' AS at FROM generate_series(0, $1::bigint - 1) AS i) AS times`;
