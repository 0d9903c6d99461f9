// The stage: a temporary table of the session that a batch is put into before the transaction that counts. How it is filled
// is the one thing in which the dialects differ; everything else is SQL that Redshift and PostgreSQL both take.
import type { Exposure } from '../core/exposure/exposure.ts';
import type { Session } from './session.ts';

/** Fills the empty stage, inside a transaction. @returns the rows that the server says it took */
export type FillStage = (session: Session, rows: readonly Exposure[]) => Promise<number>;

/** In the order in which values are sent. */
export const STAGE_COLUMNS = 'exposure_id, ds_user_id, experiment_id, variation_id, ts, attributes, source';

// Attributes as text: parsed by json_parse in INSERT .. SELECT, as Redshift takes no more than a VARCHAR as a parameter.
const CREATE_STAGE = `CREATE TEMP TABLE gbx_stage (
  exposure_id VARCHAR(64) NOT NULL,
  ds_user_id VARCHAR(128) NOT NULL,
  experiment_id VARCHAR(128) NOT NULL,
  variation_id VARCHAR(64) NOT NULL,
  ts TIMESTAMP NOT NULL,
  attributes VARCHAR(65535) NOT NULL,
  source VARCHAR(32) NOT NULL
)`;

// PostgreSQL has no statistics of a temporary table, and a wrong guess makes it loop over two days of exposures for each
// row: 100 rows took two seconds. At a statistics target of 1 telling it takes a millisecond.
const ANALYZE_STAGE = 'ANALYZE gbx_stage (exposure_id, ts)';

/** Once a session. */
export async function createStage(session: Session): Promise<void> {
  if (session.server === 'postgres') await session.run(`SET default_statistics_target TO 1; SET work_mem TO '64MB'`);
  await session.run(CREATE_STAGE);
}

/** Empties the stage and fills it, committed. @returns the rows that the server says it took */
export async function stageRows(session: Session, rows: readonly Exposure[], fill: FillStage): Promise<number> {
  await emptyStage(session);
  await session.run('BEGIN');
  const staged = await fill(session, rows);
  await session.run(session.server === 'postgres' ? `${ANALYZE_STAGE}; COMMIT` : 'COMMIT');
  return staged;
}

/** Outside a transaction: TRUNCATE commits whatever is open on Redshift. */
export async function emptyStage(session: Session): Promise<void> {
  await session.run('TRUNCATE gbx_stage');
}

/** For a transaction that fills the stage and goes on. */
export async function analyzeStage(session: Session): Promise<void> {
  if (session.server === 'postgres') await session.run(ANALYZE_STAGE);
}
