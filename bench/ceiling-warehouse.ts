// Ceilings (b) and (c), a program of its own: the same rows into the same table, without Kafka, ledger or deduplication.
// (b) COPY into a temporary table and INSERT .. SELECT from there; (c) multi-row INSERT by bind parameters, as it is and,
// to be known, as a prepared statement.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { Exposure } from '../src/core/exposure/exposure.ts';
import { formatSqlTimestamp } from '../src/core/exposure/timestamp.ts';
import { programInput } from './children.ts';
import { exposuresOf, type RecordSet } from './records.ts';

export interface CeilingWarehouseInput {
  readonly how: 'copy' | 'insert' | 'prepared';
  readonly connection: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
  readonly set: RecordSet;
}

const COPY_ROWS = 20_000;
const INSERT_ROWS = 1_000;
const TABLE = 'growthbook.experiment_exposures (exposure_id, ds_user_id, experiment_id, variation_id, ts, attributes, source, created_at)';

async function main({ how, connection, set }: CeilingWarehouseInput): Promise<void> {
  const client = new pg.Client({ ...connection, options: '-c timezone=UTC' });
  await client.connect();
  const exposureAt = exposuresOf(set);
  const rows = Array.from({ length: set.records }, (_, i) => valuesOf(exposureAt(i)));
  const seconds = how === 'copy' ? await timeCopy(client, rows) : await timeInsert(client, rows, how === 'prepared');
  await client.end();
  console.log(JSON.stringify({ recordsPerSecond: set.records / seconds }));
}

type Values = readonly string[];

function valuesOf(exposure: Exposure): Values {
  const { exposureId, dsUserId, experimentId, variationId, tsMicros, attributes, source } = exposure;
  return [exposureId, dsUserId, experimentId, variationId, formatSqlTimestamp(tsMicros), attributes, source];
}

/** Nothing in the traffic needs a backslash. */
async function timeCopy(client: pg.Client, rows: readonly Values[]): Promise<number> {
  const chunks = slices(rows, COPY_ROWS).map((slice) => Buffer.from(slice.map((values) => `${values.join('\t')}\n`).join('')));
  await client.query(`CREATE TEMP TABLE bench_stage (exposure_id VARCHAR(64), ds_user_id VARCHAR(128), experiment_id VARCHAR(128),
    variation_id VARCHAR(64), ts TIMESTAMP, attributes VARCHAR(65535), source VARCHAR(32))`);
  const startedMs = performance.now();
  for (const chunk of chunks) {
    await client.query('BEGIN; TRUNCATE bench_stage');
    await pipeline(Readable.from([chunk]), client.query(copyFrom('COPY bench_stage FROM STDIN')));
    await client.query(`INSERT INTO ${TABLE} SELECT exposure_id, ds_user_id, experiment_id, variation_id, ts, json_parse(attributes), source, now()
      FROM bench_stage; COMMIT`);
  }
  return (performance.now() - startedMs) / 1000;
}

/** Prepared: the server reads the text of a full statement once, and the values alone from then on. */
async function timeInsert(client: pg.Client, rows: readonly Values[], isPrepared: boolean): Promise<number> {
  const statements = slices(rows, INSERT_ROWS).map((slice) => {
    const statement = { text: insertText(slice.length), values: slice.flat() };
    return isPrepared ? { ...statement, name: `insert-${slice.length}` } : statement;
  });
  const startedMs = performance.now();
  for (const statement of statements) await client.query(statement);
  return (performance.now() - startedMs) / 1000;
}

function insertText(rows: number): string {
  const tuples = Array.from({ length: rows }, (_, row) => {
    const at = row * 7;
    return `($${at + 1},$${at + 2},$${at + 3},$${at + 4},$${at + 5}::timestamp,json_parse($${at + 6}),$${at + 7},now())`;
  });
  return `INSERT INTO ${TABLE} VALUES ${tuples.join(',')}`;
}

function slices<T>(items: readonly T[], size: number): (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, part) => items.slice(part * size, (part + 1) * size));
}

await main(programInput());
