// Who holds a lock that gbx waits for: asked on a connection of its own, best effort, for a log line or a message.
import type { WarehouseConnection } from './connection.ts';
import { openSession } from './session.ts';

const ASK_TIMEOUT_MS = 5_000;

const POSTGRES = `SELECT a.pid, a.usename, a.application_name, a.client_addr::varchar AS address, a.xact_start AS since
  FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE l.relation = $1::regclass AND l.granted AND l.mode <> 'AccessShareLock' AND a.pid <> pg_backend_pid()`;

// svv_transactions shows the user's own transactions, to a superuser all.
const REDSHIFT = `SELECT t.pid, t.txn_owner AS usename, '' AS application_name, '' AS address, t.txn_start AS since
  FROM svv_transactions t JOIN pg_class c ON c.oid = t.relation JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname || '.' || c.relname = $1 AND t.granted AND t.pid <> pg_backend_pid()`;

/** @returns one phrase a holder: "pid 41, ana (psql), 10.0.0.7, since 2026-01-05 10:00:00 UTC" */
export async function findLockHolders(connection: WarehouseConnection, table: string): Promise<readonly string[]> {
  await using session = await openSession(connection, { doing: `ask who holds ${table}`, statementTimeoutMs: ASK_TIMEOUT_MS });
  const { rows } = await session.query(session.server === 'redshift' ? REDSHIFT : POSTGRES, { values: [table] });
  return rows.map((row) => {
    const application = row['application_name'] ? ` (${row['application_name']})` : '';
    const address = row['address'] ? `, ${row['address']}` : '';
    return `pid ${row['pid']}, ${row['usename']}${application}${address}, since ${(row['since'] ?? '').slice(0, 'YYYY-MM-DD HH:MM:SS'.length)} UTC`;
  });
}

const SAY_AFTER_MS = 30_000;

/** Says who holds the lock each time the wait has lasted another 30 s. @returns the function that ends the watch */
export function watchLock(connection: WarehouseConnection, table: string): () => void {
  const { clock, log } = connection;
  const done = new AbortController();
  const startedMs = clock.elapsed();
  const watch = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(SAY_AFTER_MS, done.signal);
      if (done.signal.aborted) return;
      const holders = await findLockHolders(connection, table).catch((error: unknown) => [
        `unknown (${error instanceof Error ? error.message : error})`,
      ]);
      if (done.signal.aborted) return;
      log.warn('warehouse.lock_awaited', { table, waitedMs: Math.round(clock.elapsed() - startedMs), holders });
    }
  };
  void watch();
  return () => done.abort();
}
