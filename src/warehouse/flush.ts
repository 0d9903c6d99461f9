// A flush (docs/delivery.md): stage the rows, then in one transaction move the ledger and insert what the table lacks.
// Called by open-warehouse; the ledger's compare-and-swap makes it safe to send the same request again after any error.
import type { Clock } from '../core/clock.ts';
import { GbxError } from '../core/errors.ts';
import { formatSqlTimestamp } from '../core/exposure/timestamp.ts';
import type { FlushOutcome, FlushRequest, TimeWindow } from '../core/load/ports.ts';
import { type FillStage, stageRows } from './dialect.ts';
import { beginLocked, brokenLedger, compareAndSwap, explainMiss, readLedger } from './ledger.ts';
import type { Answer, Session } from './session.ts';
import { isSureRollback } from './translate-error.ts';

/** Copies of a record carry its `ts`; this serves clients that send again and got their time from the server. */
const HORIZON_MICROS = 24 * 3600 * 1_000_000;

interface FlushDeps {
  readonly fill: FillStage;
  readonly clock: Clock;
  /**
   * Compare with the whole table: after a conflict on an enforced key the id may stand outside the horizon, and the next
   * attempt would meet it again.
   */
  readonly wholeTable: boolean;
  /** Runs while the transaction waits for its lock; what it returns is called when the wait is over. */
  readonly watchLock: () => () => void;
}

/** @throws {GbxError} nothing was written, save with GBX_WAREHOUSE_UNSURE */
export async function flushBatch(session: Session, request: FlushRequest, deps: FlushDeps): Promise<FlushOutcome> {
  assertWindows(request);
  const lap = createStopwatch(deps.clock);
  await stage(session, request, deps.fill);
  const stageMs = lap();

  const moved = await lockAndSwap(session, request, deps.watchLock);
  if (moved !== request.steps.length) {
    await session.run('ROLLBACK');
    if (moved > request.steps.length) throw brokenLedger(request.scope);
    return explainMiss(await readLedger(session, request.scope), request);
  }
  const lockMs = lap();

  const inserted = await insertWhatLacks(session, request, deps.wholeTable);
  if (inserted < request.rows.length) {
    const exposureIds = await findReused(session, request, deps.wholeTable);
    if (exposureIds.length > 0) {
      await session.run('ROLLBACK');
      return { kind: 'id-reused', exposureIds };
    }
  }
  const insertMs = lap();

  await commit(session, deps.wholeTable);
  return { kind: 'loaded', inserted, durations: { stageMs, lockMs, insertMs, commitMs: lap() } };
}

/** A row outside all windows would be left out and counted as known: better to stop. */
function assertWindows({ rows, windows, steps }: FlushRequest): void {
  if (steps.length === 0) throw new RangeError('a flush without a step of the ledger');
  const covered = rows.every(({ tsMicros }) => windows.some(({ fromMicros, toMicros }) => fromMicros <= tsMicros && tsMicros <= toMicros));
  if (!covered) throw new RangeError('a row of the batch lies outside its windows');
}

async function stage(session: Session, { rows }: FlushRequest, fill: FillStage): Promise<void> {
  if (rows.length === 0) return;
  const staged = await stageRows(session, rows, fill);
  if (staged !== rows.length) throw new GbxError('GBX_BUG', `the warehouse staged ${staged} rows of ${rows.length}`);
}

async function lockAndSwap(session: Session, request: FlushRequest, watchLock: FlushDeps['watchLock']): Promise<number> {
  const stop = watchLock();
  try {
    await beginLocked(session);
    return await compareAndSwap(session, request);
  } finally {
    stop();
  }
}

const COLUMNS = 'exposure_id, ds_user_id, experiment_id, variation_id, ts, attributes, source, created_at';

// Per row and, so that whole blocks can be skipped, for the batch as literals.
const NEAR = `AND t.ts >= $1::timestamp AND t.ts <= $2::timestamp
    AND t.ts BETWEEN s.ts - interval '24 hours' AND s.ts + interval '24 hours'`;

// LEFT JOIN, not NOT EXISTS: Redshift takes no correlated subquery with such conditions.
function insertText(near: string, { createdAt, where }: { readonly createdAt: string; readonly where: string }): string {
  return `INSERT INTO growthbook.experiment_exposures (${COLUMNS})
  SELECT s.exposure_id, s.ds_user_id, s.experiment_id, s.variation_id, s.ts, json_parse(s.attributes), s.source, ${createdAt}::timestamp
  FROM gbx_stage s LEFT JOIN growthbook.experiment_exposures t ON t.exposure_id = s.exposure_id ${near}
  WHERE t.exposure_id IS NULL ${where}`;
}

const INSERT_ALL = `INSERT INTO growthbook.experiment_exposures (${COLUMNS})
  SELECT s.exposure_id, s.ds_user_id, s.experiment_id, s.variation_id, s.ts, json_parse(s.attributes), s.source, $1::timestamp
  FROM gbx_stage s`;
const INSERT_WINDOW = insertText(NEAR, { createdAt: '$5', where: 'AND s.ts >= $3::timestamp AND s.ts <= $4::timestamp' });
const INSERT_WHOLE = insertText('', { createdAt: '$1', where: '' });

/** What is in the stage, without a look at what the table has. @returns how many were inserted */
export async function insertAll(session: Session, createdAtMs: number): Promise<number> {
  return (await session.query(INSERT_ALL, { values: [formatSqlTimestamp(createdAtMs * 1000)] })).count;
}

/** From the stage; the rows are those that it holds. @returns how many were inserted */
export async function insertWhatLacks(
  session: Session,
  request: Pick<FlushRequest, 'rows' | 'windows' | 'createdAtMs'>,
  wholeTable: boolean,
): Promise<number> {
  if (request.rows.length === 0) return 0;
  const createdAt = formatSqlTimestamp(request.createdAtMs * 1000);
  if (wholeTable) return (await session.query(INSERT_WHOLE, { values: [createdAt], comparesWhole: true })).count;
  let inserted = 0;
  for (const window of request.windows) {
    inserted += (await session.query(INSERT_WINDOW, { values: [...boundsOf(window), createdAt] })).count;
  }
  return inserted;
}

/** $1 and $2: where rows of the table may lie; $3 and $4: the rows of the batch. */
function boundsOf({ fromMicros, toMicros }: TimeWindow): [string, string, string, string] {
  const horizon = [fromMicros - HORIZON_MICROS, toMicros + HORIZON_MICROS] as const;
  return [formatSqlTimestamp(horizon[0]), formatSqlTimestamp(horizon[1]), formatSqlTimestamp(fromMicros), formatSqlTimestamp(toMicros)];
}

// An id with a row of the same content is a duplicate, whatever else stands under it: that row wins. Runs after the INSERT,
// so what was just inserted meets itself.
function reusedText(near: string, where: string): string {
  return `SELECT s.exposure_id FROM gbx_stage s JOIN growthbook.experiment_exposures t ON t.exposure_id = s.exposure_id ${near} ${where}
  GROUP BY s.exposure_id
  HAVING SUM(CASE WHEN t.ds_user_id = s.ds_user_id AND t.experiment_id = s.experiment_id AND t.variation_id = s.variation_id THEN 1 ELSE 0 END) = 0`;
}

const REUSED_WINDOW = reusedText(NEAR, 'WHERE s.ts >= $3::timestamp AND s.ts <= $4::timestamp');
const REUSED_WHOLE = reusedText('', '');

async function findReused(session: Session, { windows }: FlushRequest, wholeTable: boolean): Promise<readonly string[]> {
  return [...(await findIds(session, { windows, window: REUSED_WINDOW, whole: wholeTable ? REUSED_WHOLE : undefined }))];
}

function loadedText(near: string, where: string): string {
  return `SELECT s.exposure_id FROM gbx_stage s JOIN growthbook.experiment_exposures t ON t.exposure_id = s.exposure_id ${near} ${where}`;
}

const LOADED_WINDOW = loadedText(NEAR, 'WHERE s.ts >= $3::timestamp AND s.ts <= $4::timestamp');
const LOADED_WHOLE = loadedText('', '');

/** Of the rows in the stage, which the windows cover. @returns the ids that the table has */
export async function findLoaded(session: Session, windows: readonly TimeWindow[], wholeTable: boolean): Promise<ReadonlySet<string>> {
  return findIds(session, { windows, window: LOADED_WINDOW, whole: wholeTable ? LOADED_WHOLE : undefined });
}

interface IdQuery {
  readonly windows: readonly TimeWindow[];
  /** For each of them, with its bounds. */
  readonly window: string;
  /** Instead, where the whole table is compared. */
  readonly whole: string | undefined;
}

async function findIds(session: Session, { windows, window, whole }: IdQuery): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const take = ({ rows }: Answer): void => {
    for (const row of rows) found.add(row['exposure_id'] ?? '');
  };
  if (whole !== undefined) take(await session.query(whole));
  else for (const bounds of windows) take(await session.query(window, { values: boundsOf(bounds) }));
  return found;
}

/** From here on an error says nothing of the batch, unless the server itself says that it rolled back. */
async function commit(session: Session, comparesWhole: boolean): Promise<void> {
  let command: string;
  try {
    command = (await session.query('COMMIT', { comparesWhole })).command;
  } catch (error) {
    if (error instanceof GbxError && isSureRollback(error)) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new GbxError('GBX_WAREHOUSE_UNSURE', `no answer to COMMIT: ${message}`, { cause: error });
  }
  if (command === 'ROLLBACK') throw new GbxError('GBX_WAREHOUSE_BUSY', 'the warehouse rolled the batch back at COMMIT');
}

/** @returns a function that tells the milliseconds since its last call */
function createStopwatch(clock: Clock): () => number {
  let last = clock.elapsed();
  return () => {
    const now = clock.elapsed();
    const lapMs = now - last;
    last = now;
    return lapMs;
  };
}
