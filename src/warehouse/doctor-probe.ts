// The warehouse as `gbx doctor` asks it: what answers there, whether the table is as it must be, and what this login may do.
// Writes nothing. What a server does not tell is left undefined, never guessed.
import type { RightFacts, ServerFacts, WarehouseProbe } from '../core/doctor/ports.ts';
import { GbxError } from '../core/errors.ts';
import { parseTimestamp } from '../core/exposure/timestamp.ts';
import type { Migration } from '../core/migrate/migration.ts';
import { planMigrations } from '../core/migrate/plan.ts';
import { describeConnection, type WarehouseConnection } from './connection.ts';
import { findDifferences } from './hand-made.ts';
import { hasTable, readHistory } from './history.ts';
import { readLedger } from './ledger.ts';
import type { Session } from './session.ts';
import { openSessionPool } from './session-pool.ts';

const STATEMENT_TIMEOUT_MS = 4_000;
const TABLE = 'growthbook.experiment_exposures';
const LEDGER = 'growthbook.gbx_ledger';

interface ProbeOptions {
  /** Read when the history is asked about. */
  readonly migrations: () => Promise<readonly Migration[]>;
}

/** Nothing is connected before the first question. */
export function openWarehouseProbe(connection: WarehouseConnection, { migrations }: ProbeOptions): WarehouseProbe & AsyncDisposable {
  const pool = openSessionPool(connection, { doing: 'look at the warehouse', sessionsMax: 2, statementTimeoutMs: STATEMENT_TIMEOUT_MS });
  let server: Promise<ServerFacts> | undefined;
  return {
    host: connection.host,
    port: connection.port,
    tls: connection.tls,
    name: describeConnection(connection),
    server: () => {
      server ??= pool.withSession((session) => readServer(session, connection));
      return server;
    },
    tableDifferences: () => pool.withSession(readDifferences),
    hasLedger: () => pool.withSession((session) => hasTable(session, 'gbx_ledger')),
    rights: () => pool.withSession(readRights),
    migrations: async () => planMigrations(await migrations(), await pool.withSession(readHistory)),
    ledger: (scope) => pool.withSession((session) => readLedger(session, scope)),
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}

async function readServer(session: Session, connection: WarehouseConnection): Promise<ServerFacts> {
  const { rows } = await session.query('SELECT version() AS version');
  const clock = await readClock(session, connection);
  const version = rows[0]?.['version'] ?? '';
  const pattern = session.server === 'redshift' ? /Redshift ([\d.]+)/u : /PostgreSQL ([\d.]+)/u;
  return {
    server: session.server,
    version: pattern.exec(version)?.[1] ?? version,
    dialect: session.dialect,
    ...clock,
    isolation: await readOptional(session, ISOLATION[session.server]),
    idleTimeoutMs: parseMs(await readOptional(session, IDLE_TIMEOUT[session.server])),
  };
}

/** Half the way is to the server: its clock is compared with the middle of ours. */
async function readClock(session: Session, { clock }: WarehouseConnection): Promise<Pick<ServerFacts, 'skewMs' | 'skewErrorMs'>> {
  const beforeMs = clock.now();
  const { rows } = await session.query(`SELECT to_char(now(), 'YYYY-MM-DD HH24:MI:SS.US') AS now`);
  const afterMs = clock.now();
  const micros = parseTimestamp(rows[0]?.['now'] ?? '');
  if (micros === undefined) throw new RangeError('the warehouse gave a time that is none');
  return { skewMs: Math.round(micros / 1000 - (beforeMs + afterMs) / 2), skewErrorMs: Math.ceil((afterMs - beforeMs) / 2) };
}

const ISOLATION = {
  postgres: `SELECT current_setting('default_transaction_isolation') AS value`,
  redshift: 'SELECT database_isolation_level AS value FROM svv_redshift_databases WHERE database_name = current_database()',
} as const;

/** Milliseconds; 0: never. */
const IDLE_TIMEOUT = {
  postgres: `SELECT setting AS value FROM pg_settings WHERE name = 'idle_session_timeout'`,
  redshift: 'SELECT timeout_sec * 1000 AS value FROM stv_sessions WHERE process = pg_backend_pid()',
} as const;

function parseMs(text: string | undefined): number | undefined {
  return text === undefined || !/^\d+$/u.test(text) ? undefined : Number(text);
}

/** What a server of another version, or a login with fewer rights, may not be asked. The session is thrown away after an error. */
async function readOptional(session: Session, text: string): Promise<string | undefined> {
  if (!session.isOpen()) return undefined;
  try {
    return (await session.query(text)).rows[0]?.['value'] ?? undefined;
  } catch (error) {
    if (error instanceof GbxError && error.failure === 'systemic') return undefined;
    throw error;
  }
}

async function readDifferences(session: Session): Promise<readonly string[] | undefined> {
  const { rows } = await session.query(
    `SELECT column_name, data_type, character_maximum_length, is_nullable, column_default
      FROM information_schema.columns WHERE table_schema = 'growthbook' AND table_name = 'experiment_exposures'`,
  );
  return rows.length === 0 ? undefined : findDifferences(rows);
}

/** What gbx consume needs, all in one question. */
async function readRights(session: Session): Promise<readonly RightFacts[]> {
  const asked = [
    ...['SELECT', 'INSERT'].map((right) => ({ right: `${right} on ${TABLE}`, sql: `has_table_privilege('${TABLE}', '${right}')` })),
    ...['SELECT', 'INSERT', 'UPDATE'].map((right) => ({
      right: `${right} on ${LEDGER}`,
      sql: `has_table_privilege('${LEDGER}', '${right}')`,
    })),
    { right: 'USAGE on schema growthbook', sql: `has_schema_privilege('growthbook', 'USAGE')` },
    { right: 'TEMP on the database', sql: `has_database_privilege(current_database(), 'TEMP')` },
  ];
  const { rows } = await session.query(`SELECT ${asked.map(({ sql }, index) => `${sql} AS r${index}`).join(', ')}`);
  return asked.map(({ right }, index) => ({ right, has: /^t/u.test(rows[0]?.[`r${index}`] ?? '') }));
}
