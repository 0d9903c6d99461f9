// Would the table take these rows? The same statements as a flush, in one transaction that is rolled back, so that the load
// flow can find a refused row by halving. Called by open-warehouse; neither locks nor moves the ledger.
import { GbxError } from '../core/errors.ts';
import type { Exposure } from '../core/exposure/exposure.ts';
import { coverRows } from '../core/load/windows.ts';
import { analyzeStage, emptyStage, type FillStage } from './dialect.ts';
import { insertWhatLacks } from './flush.ts';
import type { Session } from './session.ts';

interface TryDeps {
  readonly fill: FillStage;
  readonly nowMs: number;
  readonly wholeTable: boolean;
}

/**
 * The session stays usable either way, its stage empty.
 * @returns the refusal, undefined where the table takes them. @throws {GbxError} what says nothing of the rows
 */
export async function tryRows(
  session: Session,
  rows: readonly Exposure[],
  { fill, nowMs, wholeTable }: TryDeps,
): Promise<GbxError | undefined> {
  if (rows.length === 0) return undefined;
  // What a flush left in it; on Redshift this commits, so it goes before BEGIN. What is filled in below goes by the ROLLBACK.
  await emptyStage(session);
  await session.run('BEGIN');
  let refusal: GbxError | undefined;
  try {
    const staged = await fill(session, rows);
    if (staged !== rows.length) throw new GbxError('GBX_BUG', `the warehouse staged ${staged} rows of ${rows.length}`);
    await analyzeStage(session);
    await insertWhatLacks(session, { rows, windows: coverRows(rows), createdAtMs: nowMs }, wholeTable);
  } catch (error) {
    if (!(error instanceof GbxError) || error.failure !== 'row') throw error;
    refusal = error;
  }
  await session.run('ROLLBACK');
  return refusal;
}
