// Would the table take these rows? The same statements as a flush, in one transaction that is rolled back, so that the load
// flow can find a refused row by halving. Called by open-warehouse; moves no ledger, and locks it on Redshift alone.
import { GbxError } from '../core/errors.ts';
import type { Exposure } from '../core/exposure/exposure.ts';
import { coverRows } from '../core/load/windows.ts';
import { analyzeStage, emptyStage, type FillStage } from './dialect.ts';
import { insertWhatLacks } from './flush.ts';
import type { Session } from './session.ts';
import { sqlstateOf, UNIQUE_VIOLATION } from './translate-error.ts';

interface TryDeps {
  readonly fill: FillStage;
  readonly nowMs: number;
  readonly wholeTable: boolean;
}

/**
 * The session stays usable either way, its stage empty.
 * @returns the refusal, or how many rows the table lacks. @throws {GbxError} what says nothing of the rows
 */
export async function tryRows(session: Session, rows: readonly Exposure[], deps: TryDeps): Promise<GbxError | number> {
  if (rows.length === 0) return 0;
  const result = await tryOnce(session, rows, deps);
  // Another consumer may have loaded the same id meanwhile, as the ledger is not locked: by now it can be seen.
  return sqlstateOf(result) === UNIQUE_VIOLATION ? tryOnce(session, rows, deps) : result;
}

async function tryOnce(session: Session, rows: readonly Exposure[], { fill, nowMs, wholeTable }: TryDeps): Promise<GbxError | number> {
  // What a flush left in it; on Redshift this commits, so it goes before BEGIN. What is filled in below goes by the ROLLBACK.
  await emptyStage(session);
  await session.run('BEGIN');
  // There the snapshot is taken by the first statement that reads or writes: without its turn a trial that waits for another
  // writer of the table would fail as not serializable.
  if (session.server === 'redshift') await session.run('LOCK growthbook.gbx_ledger', { waitsForLock: true });
  let result: GbxError | number;
  try {
    const staged = await fill(session, rows);
    if (staged !== rows.length) throw new GbxError('GBX_BUG', `the warehouse staged ${staged} rows of ${rows.length}`);
    await analyzeStage(session);
    result = await insertWhatLacks(session, { rows, windows: coverRows(rows), createdAtMs: nowMs }, wholeTable);
    // A flush meets deferred ones at its COMMIT; Redshift enforces none.
    if (session.server === 'postgres') await session.run('SET CONSTRAINTS ALL IMMEDIATE', { comparesWhole: wholeTable });
  } catch (error) {
    if (!(error instanceof GbxError) || error.failure !== 'row') throw error;
    result = error;
  }
  await session.run('ROLLBACK');
  return result;
}
