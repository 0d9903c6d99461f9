// The warehouse as migrations need it. Two sessions: one holds the lock from beginning to end, one works; if the lock's
// connection dies, nothing more is applied.
import { GbxError } from '../core/errors.ts';
import { formatSqlTimestamp } from '../core/exposure/timestamp.ts';
import type { MigrationLock, MigrationTarget } from '../core/migrate/migrate-up.ts';
import type { Migration } from '../core/migrate/migration.ts';
import { lineAt, type SqlStatement, splitStatements } from '../core/migrate/split-statements.ts';
import { backoffMs } from '../core/retry.ts';
import type { WarehouseConnection } from './connection.ts';
import { EXPOSURES_VERSION, isExposuresMadeByHand } from './hand-made.ts';
import { createOwnTables, isRace, LOCK_TABLE, readHistory, writeHistory } from './history.ts';
import { findLockHolders } from './lock-holder.ts';
import { openSession, type Session } from './session.ts';
import { openSessionPool } from './session-pool.ts';
import { isServerCause } from './translate-error.ts';

const CREATE_ATTEMPTS = 5;
/** An idle connection is cut by firewalls after minutes; a long file must not cost the lock. */
const LOCK_BEAT_MS = 30_000;

/** Nothing is connected before the first call. */
export function openMigrator(connection: WarehouseConnection): MigrationTarget & AsyncDisposable {
  const { statementTimeoutMs } = connection;
  const pool = openSessionPool(connection, { doing: 'migrate the warehouse', sessionsMax: 1, statementTimeoutMs });
  return {
    history: () => pool.withSession(readHistory),
    async isMadeByHand({ version }) {
      return version === EXPOSURES_VERSION && (await pool.withSession(isExposuresMadeByHand));
    },
    async lock(signal) {
      await withRacesRetried(connection, () => pool.withSession(createOwnTables));
      const holder = await takeLock(connection, signal);
      return createLock(connection, { holder, withSession: pool.withSession });
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}

async function withRacesRetried({ clock, random }: WarehouseConnection, work: () => Promise<void>): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isRace(error) || attempt === CREATE_ATTEMPTS - 1) throw error;
      await clock.sleep(backoffMs(attempt, { firstMs: 100, maxMs: 2_000 }, random));
    }
  }
}

/** Redshift's lock timeout is the statement's; PostgreSQL must not end the session for idling in its transaction. */
async function takeLock(connection: WarehouseConnection, signal: AbortSignal | undefined): Promise<Session> {
  const doing = 'take the lock of the migrations';
  const session = await openSession(connection, { doing, statementTimeoutMs: connection.lockTimeoutMs, idleInTransactionTimeoutMs: 0 });
  const giveUp = (): void => void session[Symbol.asyncDispose]();
  signal?.addEventListener('abort', giveUp, { once: true });
  try {
    await session.run(`BEGIN; LOCK TABLE ${LOCK_TABLE}`, { waitsForLock: true });
    return session;
  } catch (error) {
    await session[Symbol.asyncDispose]();
    if (!(error instanceof GbxError) || error.code !== 'GBX_WAREHOUSE_BUSY') throw error;
    const holders = await findLockHolders(connection, LOCK_TABLE).catch(() => []);
    const held = holders.length > 0 ? `is held by ${holders.join('; ')}` : 'is held by another session';
    throw new GbxError('GBX_WAREHOUSE_BUSY', `the lock of the migrations ${held}; waited ${connection.lockTimeoutMs / 1000} s for it`, {
      cause: error,
      hint: 'another gbx migrate runs: wait for it, or give --lock-timeout more seconds',
    });
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}

interface LockParts {
  readonly holder: Session;
  readonly withSession: <T>(work: (session: Session) => Promise<T>) => Promise<T>;
}

function createLock(connection: WarehouseConnection, { holder, withSession }: LockParts): MigrationLock {
  const done = new AbortController();
  const beating = beat(connection, { holder, signal: done.signal });

  function assertHeld(): void {
    if (!holder.isOpen()) throw new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'the connection that holds the lock of the migrations was lost');
  }

  async function transact(migration: Migration, run: (session: Session) => Promise<void>): Promise<void> {
    assertHeld();
    await withSession(async (session) => {
      await session.run('BEGIN');
      await run(session);
      await writeHistory(session, migration, { at: formatSqlTimestamp(connection.clock.now() * 1000), by: connection.user });
      assertHeld();
      await session.run('COMMIT', { doing: `commit ${migration.name}` });
    });
  }

  return {
    async apply(migration) {
      const startedMs = connection.clock.elapsed();
      await transact(migration, (session) => runStatements(session, migration));
      return { durationMs: connection.clock.elapsed() - startedMs };
    },
    adopt: (migration) => transact(migration, async () => undefined),
    [Symbol.asyncDispose]: async () => {
      done.abort();
      await beating;
      await holder[Symbol.asyncDispose]();
    },
  };
}

async function beat({ clock }: WarehouseConnection, { holder, signal }: { holder: Session; signal: AbortSignal }): Promise<void> {
  while (holder.isOpen()) {
    await clock.sleep(LOCK_BEAT_MS, signal);
    if (signal.aborted) return;
    await holder.run('SELECT 1').catch(() => undefined);
  }
}

// The schema stands by now, and without the right to create schemas one may not even say IF NOT EXISTS.
const CREATE_SCHEMA = /^CREATE\s+SCHEMA\s+IF\s+NOT\s+EXISTS\s+growthbook$/i;

async function runStatements(session: Session, migration: Migration): Promise<void> {
  for (const statement of splitStatements(migration.sql)) {
    if (CREATE_SCHEMA.test(statement.text)) continue;
    try {
      await session.run(statement.text, { doing: `apply ${migration.name}` });
    } catch (error) {
      throw failedAt(error, { migration, statement });
    }
  }
}

/** The server's refusal with its place; a lost connection or a held lock stays what it is. */
function failedAt(error: unknown, { migration, statement }: { migration: Migration; statement: SqlStatement }): unknown {
  if (!(error instanceof GbxError) || !isServerCause(error.cause)) return error;
  if (error.failure === 'transient' || error.failure === 'contention') return error;
  const { message, sqlstate, position, serverHint } = error.cause;
  const advice = serverHint === undefined ? '' : ` (${serverHint})`;
  return new GbxError(
    error.code === 'GBX_WAREHOUSE_PERMISSION' ? error.code : 'GBX_MIGRATION_FAILED',
    `sql/${migration.name}:${lineAt(statement, position)}: ${message}${advice} (${sqlstate}); ${migration.name} was rolled back, nothing of it remains`,
    { cause: error.cause },
  );
}
