// The warehouse as the load flow sees it: claim, read the ledger, flush, try rows, one after the other on one dedicated
// session that is made on first use and made anew after an error, so that nothing of a failed transaction is carried on.
import { GbxError } from '../core/errors.ts';
import type { Warehouse } from '../core/load/ports.ts';
import { claimPartitions } from './claim.ts';
import { describeConnection, type WarehouseConnection } from './connection.ts';
import { createStage, type FillStage } from './dialect.ts';
import { fillByCopy } from './dialect-postgres.ts';
import { fillByInsert } from './dialect-redshift.ts';
import { flushBatch } from './flush.ts';
import { readLedger } from './ledger.ts';
import { watchLock } from './lock-holder.ts';
import { openSession, type Session } from './session.ts';
import { sqlstateOf, UNIQUE_VIOLATION } from './translate-error.ts';
import { findLoadedRows, tryRows } from './try-rows.ts';

const LEDGER = 'growthbook.gbx_ledger';

/** Nothing is connected before the first call. Calls wait for each other. */
export function openWarehouse(connection: WarehouseConnection): Warehouse & AsyncDisposable {
  let session: Session | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let wholeTable = false;
  let closed = false;

  async function current(): Promise<Session> {
    if (session?.isOpen()) return session;
    await drop();
    const opened = await openSession(connection, { doing: 'load into the warehouse' });
    session = opened;
    if (closed) await drop();
    await createStage(opened);
    connection.log.info('warehouse.connected', { to: describeConnection(connection), server: opened.server, dialect: opened.dialect });
    return opened;
  }

  async function drop(): Promise<void> {
    const dropped = session;
    session = undefined;
    await dropped?.[Symbol.asyncDispose]();
  }

  async function onSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await work(await current());
    } catch (error) {
      await drop();
      throw error;
    }
  }

  /** The key is enforced and the id stands outside the horizon: the next attempt compares with the whole table. */
  function noteConflict(error: unknown): never {
    if (error instanceof GbxError && sqlstateOf(error) === UNIQUE_VIOLATION) wholeTable = true;
    throw error;
  }

  /** In turn: a claim after a rebalance waits for the flush that still runs. */
  function inTurn<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const turn = last.then(
      () => onSession(work),
      () => onSession(work),
    );
    last = turn;
    return turn;
  }

  return {
    claim: (request) =>
      inTurn((opened) =>
        claimPartitions(opened, request, { nowMs: connection.clock.now(), watchLock: () => watchLock(connection, LEDGER) }),
      ),
    readLedger: (scope) => inTurn((opened) => readLedger(opened, scope)),
    flush: (request) =>
      inTurn(async (opened) => {
        const deps = { fill: fillOf(opened), clock: connection.clock, wholeTable, watchLock: () => watchLock(connection, LEDGER) };
        const outcome = await flushBatch(opened, request, deps).catch(noteConflict);
        if (outcome.kind === 'loaded') wholeTable = false;
        return outcome;
      }),
    findLoaded: (rows) => inTurn((opened) => findLoadedRows(opened, rows, { fill: fillOf(opened), wholeTable })),
    async tryRows(rows) {
      const result = await inTurn((opened) =>
        tryRows(opened, rows, { fill: fillOf(opened), nowMs: connection.clock.now(), wholeTable }).catch(noteConflict),
      );
      if (result instanceof GbxError) throw result;
      return result;
    },
    /** Ends what runs: its caller gets an error. */
    [Symbol.asyncDispose]: async () => {
      closed = true;
      await drop();
    },
  };
}

function fillOf(session: Session): FillStage {
  return session.dialect === 'redshift' ? fillByInsert : fillByCopy;
}
