// Bringing one batch into the warehouse: dead letters first, then rows and ledger together, again until it is settled.

import type { Clock, Random } from '../clock.ts';
import { asGbxError, GbxError } from '../errors.ts';
import type { Decoded } from '../exposure/decode.ts';
import type { Exposure, LogRecord } from '../exposure/exposure.ts';
import type { Logger } from '../log.ts';
import { addNotDue, type Batch, reusedId, SEARCHED_ROWS_MAX, takeOutIds } from './batch.ts';
import type { Circuit } from './circuit.ts';
import { type Outgoing, type OutgoingDeps, writeLetters, writeRequeues } from './outgoing.ts';
import type { FlushDurations, FlushOutcome, LedgerRow, LedgerScope, LedgerStep, Warehouse } from './ports.ts';
import type { RefusedRow, RetryPolicy } from './refusals.ts';
import { probe, type RowSearch, type Stuck, searchOn, sortOut, startSearch } from './row-search.ts';
import { coverRows } from './windows.ts';

export interface FlushDeps extends OutgoingDeps {
  readonly warehouse: Warehouse;
  readonly decode: (record: LogRecord) => Decoded;
  readonly circuit: Circuit;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** A row that the table has taken; undefined before the first. */
  readonly lastLoaded: { row: Exposure | undefined };
}

export interface FlushContext {
  readonly scope: LedgerScope;
  readonly owner: string;
  readonly retry: RetryPolicy;
  /** Records that may still be given up at once, see LoadOptions. */
  readonly allowance: { left: number };
  /** Dead letters of the batch that are being written already. */
  readonly early: Promise<void> | undefined;
  readonly signal: AbortSignal;
}

export type Settled =
  | {
      readonly kind: 'loaded';
      readonly batch: Batch;
      readonly steps: readonly LedgerStep[];
      readonly inserted: number | undefined;
      /** Spent on rows that were refused. */
      readonly trials: number;
    }
  | { readonly kind: 'fenced'; readonly holders: readonly LedgerRow[] }
  /** Records of the batch are needed and were not kept: it is to be read again. */
  | {
      readonly kind: 'reread';
      /** Need not be tried when they are read again. */
      readonly refused: readonly RefusedRow[];
      /** At most so many records then. */
      readonly recordsMax?: number;
    }
  /** Given up between two attempts because the signal aborted: whoever claims next loads it. */
  | { readonly kind: 'abandoned' };

/** A batch on its way: what is known of it from one attempt to the next. */
export interface Work extends Outgoing {
  readonly batch: Batch;
  /** Flushes, and the trials that looked for refused rows. */
  attempts: number;
  trials: number;
  search: RowSearch | undefined;
  /** Searches that found no row to be refused alone. */
  emptySearches: number;
  stuck: Stuck | undefined;
  /** Dead letters of the allowance. */
  givenUpAtOnce: number;
}

/**
 * Attempts until the batch is settled; waits as the circuit says. The signal is looked at between attempts only,
 * since an attempt that is cut may or may not have been committed.
 *
 * @throws {GbxError} what the circuit calls final.
 */
export async function flushBatch(deps: FlushDeps, batch: Batch, context: FlushContext): Promise<Settled> {
  const { signal, retry } = context;
  const requeues: Work['requeues'] = batch.notDue.map((record) => ({ kind: 'not-due', record }));
  const progress = { attempts: 0, trials: 0, search: undefined, emptySearches: 0, stuck: undefined, givenUpAtOnce: 0 };
  const work: Work = { batch, letters: [...batch.letters], requeues, ...progress };
  sortOut(deps, work, { refused: batch.refused, retry, atOnce: false });
  await context.early;
  while (!signal.aborted) {
    const settled = await advance(deps, work, context).catch(asGbxError);
    if (settled instanceof GbxError) {
      const waitMs = deps.circuit.failed(settled);
      const { attempts, trials } = work;
      deps.log.debug('flush.failed', { code: settled.code, reason: settled.message, attempts, trials, waitMs: Math.round(waitMs) });
      await deps.clock.sleep(waitMs, signal);
    } else if (settled !== undefined) {
      return settled;
    }
  }
  return { kind: 'abandoned' };
}

/** One request to the warehouse, by what is known. @returns undefined while there is more to do */
async function advance(deps: FlushDeps, work: Work, context: FlushContext): Promise<Settled | undefined> {
  if (work.stuck !== undefined) await probe(deps, work);
  if (work.search !== undefined) return searchOn(deps, work, context);
  const outcome = await attempt(deps, work, context);
  if (outcome.kind === 'refused') {
    // A search through thousands of rows lasts, and a rebalance in its midst is for nothing: in small batches most rows land.
    if (work.batch.exposures.length > SEARCHED_ROWS_MAX && work.batch.records === undefined) return { kind: 'reread', refused: [] };
    startSearch(work, outcome.error, { ...context, random: deps.random });
    return undefined;
  }
  return outcome.kind === 'id-reused' ? giveUpReused(deps, work, outcome.exposureIds) : settle(deps, work, { outcome, context });
}

type Attempted = FlushOutcome | { readonly kind: 'refused'; readonly error: GbxError };

async function attempt(deps: FlushDeps, work: Work, { scope, owner, signal }: FlushContext): Promise<Attempted> {
  const { batch } = work;
  work.attempts++;
  // Rather too early than never.
  work.letters.push(...addNotDue(batch, await writeRequeues(deps, work, signal), deps.decode));
  await writeLetters(deps, work.letters, signal);
  const rows = batch.exposures;
  const steps = [...batch.steps.values()];
  try {
    const createdAtMs = deps.clock.now();
    return await deps.warehouse.flush({ scope, owner, rows, windows: coverRows(rows), steps, createdAtMs });
  } catch (error) {
    if (error instanceof GbxError && error.code === 'GBX_ROW_REFUSED' && rows.length > 0) return { kind: 'refused', error };
    throw error;
  }
}

/** These ids stand in the table for another exposure: their records become dead letters. */
function giveUpReused(deps: FlushDeps, work: Work, exposureIds: readonly string[]): Settled | undefined {
  if (work.batch.records === undefined) return { kind: 'reread', refused: [] };
  const records = takeOutIds(work.batch, exposureIds, deps.decode);
  if (records.length === 0) throw new GbxError('GBX_BUG', 'the warehouse names exposure ids that are not in the batch');
  work.letters.push(...records.map(reusedId));
  return undefined;
}

type FinalOutcome = Exclude<FlushOutcome, { kind: 'id-reused' }>;

function settle(
  deps: FlushDeps,
  work: Work,
  { outcome, context }: { readonly outcome: FinalOutcome; readonly context: FlushContext },
): Settled {
  if (outcome.kind === 'fenced') {
    deps.metrics.count('gbx_flush_failures_total', 1, { failure: 'fenced' });
    return outcome;
  }
  deps.circuit.succeeded('flush');
  const { batch, attempts, trials } = work;
  deps.lastLoaded.row = batch.exposures.at(-1) ?? deps.lastLoaded.row;
  context.allowance.left -= work.givenUpAtOnce;
  const steps = [...batch.steps.values()];
  const inserted = outcome.kind === 'loaded' ? outcome.inserted : undefined;
  const inTable = inserted === undefined ? undefined : batch.exposures.length - inserted;
  count(deps, batch, { inserted, inTable, durations: outcome.kind === 'loaded' ? outcome.durations : undefined });
  deps.log.info('batch.loaded', {
    records: batch.recordCount,
    rows: batch.exposures.length,
    inserted: inserted ?? 'by an earlier attempt',
    inBatchTwice: batch.duplicates,
    inTableAlready: inTable,
    deadLetters: work.letters.length,
    requeued: work.requeues.length,
    attempts,
    ...(trials > 0 ? { trials } : {}),
    ...(outcome.kind === 'loaded' ? roundAll(outcome.durations) : {}),
    offsets: Object.fromEntries(steps.map((step) => [step.partition, `${step.from}..${step.to}`])),
  });
  return { kind: 'loaded', batch, steps, inserted, trials };
}

function count(
  { metrics, clock }: FlushDeps,
  batch: Batch,
  result: { inserted: number | undefined; inTable: number | undefined; durations: FlushDurations | undefined },
): void {
  metrics.observe('gbx_batch_rows', batch.recordCount);
  metrics.count('gbx_rows_loaded_total', result.inserted ?? batch.exposures.length);
  metrics.count('gbx_records_deduplicated_total', batch.duplicates, { where: 'batch' });
  metrics.count('gbx_records_deduplicated_total', result.inTable ?? 0, { where: 'table' });
  metrics.set('gbx_warehouse_last_commit_timestamp_seconds', clock.now() / 1000);
  if (result.durations === undefined) return;
  const { stageMs, lockMs, insertMs, commitMs } = result.durations;
  for (const [step, ms] of Object.entries({ stage: stageMs, lock: lockMs, insert: insertMs, commit: commitMs })) {
    metrics.observe('gbx_flush_duration_seconds', ms / 1000, { step });
  }
}

function roundAll({ stageMs, lockMs, insertMs, commitMs }: FlushDurations): Record<string, number> {
  const round = (ms: number): number => Math.round(ms * 10) / 10;
  return { stageMs: round(stageMs), lockMs: round(lockMs), insertMs: round(insertMs), commitMs: round(commitMs) };
}
