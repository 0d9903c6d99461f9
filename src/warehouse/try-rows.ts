// Would the table take these rows? What a flush does, without the ledger and in one transaction that is rolled back, so that
// the load flow can find a refused row by halving. Called by open-warehouse; locks the ledger on Redshift alone.
import { GbxError } from '../core/errors.ts';
import type { Exposure } from '../core/exposure/exposure.ts';
import { coverRows } from '../core/load/windows.ts';
import { analyzeStage, emptyStage, type FillStage, stageRows } from './dialect.ts';
import { findLoaded, insertAll, insertWhatLacks } from './flush.ts';
import type { Session } from './session.ts';
import { sqlstateOf, UNIQUE_VIOLATION } from './translate-error.ts';

interface TryDeps {
  readonly fill: FillStage;
  readonly nowMs: number;
  readonly wholeTable: boolean;
}

type Insert = (session: Session, rows: readonly Exposure[], deps: TryDeps) => Promise<number>;

/**
 * Most rows of a search are tried several times: what stands in the table is looked for once, before the first trial.
 * @returns their ids. @throws {GbxError} of class `row` where the stage refuses one
 */
export async function findLoadedRows(
  session: Session,
  rows: readonly Exposure[],
  { fill, wholeTable }: Pick<TryDeps, 'fill' | 'wholeTable'>,
): Promise<ReadonlySet<string>> {
  if (rows.length === 0) return new Set();
  assertStaged(await stageRows(session, rows, fill), rows);
  return findLoaded(session, coverRows(rows), wholeTable);
}

/**
 * The session stays usable either way, its stage empty.
 * @returns the refusal, or how many rows the table lacks. @throws {GbxError} what says nothing of the rows
 */
export async function tryRows(session: Session, rows: readonly Exposure[], deps: TryDeps): Promise<GbxError | number> {
  if (rows.length === 0) return 0;
  let result = await tryOnce(session, rows, { ...deps, insert: insertEach });
  // Another consumer may have loaded the same id meanwhile, as the ledger is not locked: by now it can be seen. It may as well
  // stand beyond the horizon, or the key be another one: once more, since that one may load the id just then.
  for (let again = 0; again < 2 && sqlstateOf(result) === UNIQUE_VIOLATION; again++) {
    result = await tryOnce(session, rows, { ...deps, insert: insertLacking });
  }
  return result;
}

const insertEach: Insert = (session, _rows, { nowMs }) => insertAll(session, nowMs);

const insertLacking: Insert = async (session, rows, { nowMs, wholeTable }) => {
  await analyzeStage(session);
  return insertWhatLacks(session, { rows, windows: coverRows(rows), createdAtMs: nowMs }, wholeTable);
};

async function tryOnce(
  session: Session,
  rows: readonly Exposure[],
  { insert, ...deps }: TryDeps & { readonly insert: Insert },
): Promise<GbxError | number> {
  // What a flush left in it; on Redshift this commits, so it goes before BEGIN. What is filled in below goes by the ROLLBACK.
  await emptyStage(session);
  await session.run('BEGIN');
  // There the snapshot is taken by the first statement that reads or writes: without its turn a trial that waits for another
  // writer of the table would fail as not serializable.
  if (session.server === 'redshift') await session.run('LOCK growthbook.gbx_ledger', { waitsForLock: true });
  let result: GbxError | number;
  try {
    assertStaged(await deps.fill(session, rows), rows);
    result = await insert(session, rows, deps);
    // A flush meets deferred ones at its COMMIT; Redshift enforces none.
    if (session.server === 'postgres') await session.run('SET CONSTRAINTS ALL IMMEDIATE', { comparesWhole: deps.wholeTable });
  } catch (error) {
    if (!(error instanceof GbxError)) throw error;
    const isOfKey = insert === insertEach && sqlstateOf(error) === UNIQUE_VIOLATION;
    if (error.failure !== 'row' && !isOfKey) throw error;
    result = error;
  }
  await session.run('ROLLBACK');
  return result;
}

function assertStaged(staged: number, rows: readonly Exposure[]): void {
  if (staged !== rows.length) throw new GbxError('GBX_BUG', `the warehouse staged ${staged} rows of ${rows.length}`);
}
