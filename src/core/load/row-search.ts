// A batch that the warehouse refuses because of its rows: which ones, and what then (docs/delivery.md). Runs outside the
// ledger's transaction, one trial at a time, so that the flush can wait for an outage between two of them and go on.
import { GbxError } from '../errors.ts';
import type { Exposure } from '../exposure/exposure.ts';
import { takeOutRefused } from './batch.ts';
import type { FlushContext, FlushDeps, Settled, Work } from './flush.ts';
import { isolate, type RowRefusal, type Steps, type Trial, type TrialResult, type Verdict } from './isolate.ts';
import { giveBack, type RefusedRow } from './refusals.ts';

export interface RowSearch {
  /** Ids of rows that stand in the table: nothing is to be tried of them. Undefined before the first trial. */
  loaded: ReadonlySet<string> | undefined;
  readonly steps: Steps<Verdict>;
  next: IteratorResult<Trial, Verdict>;
}

/** The warehouse refuses too much to blame single rows: held, until one of the rows it refused is taken. */
export interface Stuck {
  readonly kind: 'most' | 'everything';
  probes: number;
  readonly known: readonly RefusedRow[];
  readonly error: GbxError;
}

/** Fewer cannot be meant to make a batch of their own: a batch of ten is the smallest that is judged as a whole. */
const ALLOWANCE_MIN = 10;
const MESSAGES_LOGGED_MAX = 5;
/** A table that is mended meanwhile explains one; then it is not the single rows. */
const EMPTY_SEARCHES_MAX = 3;
/** About a minute of probes, at the circuit's pace. */
const PROBES_A_SEARCH = 40;

/** @param refusal what the warehouse said to the whole batch */
export function startSearch(work: Work, refusal: GbxError, { random, allowance }: Pick<FlushDeps, 'random'> & FlushContext): void {
  const { batch } = work;
  const steps = isolate({
    count: batch.exposures.length,
    message: messageOf(refusal),
    isFresh: (index) => !batch.retriedIds.has(batch.exposures[index]?.exposureId ?? ''),
    random,
    toTheEnd: batch.records !== undefined && allowance.left >= Math.max(batch.recordCount, ALLOWANCE_MIN),
  });
  work.search = { loaded: undefined, steps, next: steps.next() };
}

/** One trial, or what follows from all of them. @throws {GbxError} an outage, or what the consumer now holds for */
export async function searchOn(deps: FlushDeps, work: Work, context: FlushContext): Promise<Settled | undefined> {
  const { search } = work;
  if (search === undefined) return undefined;
  if (search.next.done !== true) {
    const trial = search.next.value;
    const { exposures } = work.batch;
    search.loaded ??= await findLoaded(deps, exposures);
    const { loaded } = search;
    const lacking = (rows: readonly number[]): Exposure[] =>
      rows.flatMap((index) => exposures[index] ?? []).filter(({ exposureId }) => !loaded.has(exposureId));
    const result = trial.kind === 'control' ? await tryControl(deps) : await tryRows(deps, lacking(trial.rows));
    work.trials++;
    search.next = search.steps.next(result);
    return undefined;
  }
  work.search = undefined;
  const verdict = search.next.value;
  if (verdict.kind === 'rows') return leave(deps, work, { ...context, verdict });
  const { allowance } = context;
  if (verdict.kind === 'most' && allowance.left >= ALLOWANCE_MIN) {
    // A batch no larger than what may be given up, and with its records at hand.
    deps.log.warn('batch.cut_down', { refused: 'over half of its rows', recordsMax: allowance.left, trials: work.trials });
    return { kind: 'reread', refused: [], recordsMax: allowance.left };
  }
  work.stuck = { kind: verdict.kind, probes: 0, known: rowsOf(work, verdict.known), error: stuckError(work, verdict) };
  throw work.stuck.error;
}

/**
 * While stuck: one of the rows that were refused. It may be bad for good where the table is mended: so the control row is asked
 * too, or where that tells nothing a new search, now and then. @throws {GbxError} the same again, while it is
 */
export async function probe(deps: FlushDeps, work: Work): Promise<void> {
  const { stuck } = work;
  if (stuck === undefined) return;
  const { kind, known, error } = stuck;
  stuck.probes++;
  const row = known[Math.floor(deps.random() * known.length)];
  const isRefused = row !== undefined && (await tryRows(deps, [row.exposure])).kind === 'refused';
  const isStill = kind === 'everything' ? isRefused && (await tryControl(deps)).kind === 'refused' : isRefused;
  if (isStill && (kind === 'everything' || stuck.probes % PROBES_A_SEARCH !== 0)) throw error;
  work.stuck = undefined;
}

/** Refused rows leave the batch, record by record; without the records at hand the batch is to be read again. */
function leave(
  deps: FlushDeps,
  work: Work,
  { verdict, ...context }: FlushContext & { readonly verdict: Extract<Verdict, { kind: 'rows' }> },
): Settled | undefined {
  const { batch } = work;
  const refused = rowsOf(work, verdict.refused);
  if (refused.length === 0) {
    // Some rules are about rows together, and some limits about all of them: half as many, until they are taken or one is left.
    if (++work.emptySearches >= EMPTY_SEARCHES_MAX)
      return { kind: 'reread', refused, recordsMax: Math.max(1, Math.floor(batch.recordCount / 2)) };
    throw new GbxError('GBX_WAREHOUSE_BUSY', 'the warehouse refused rows that it takes by now');
  }
  deps.metrics.count('gbx_rows_refused_total', refused.length);
  deps.log.warn('rows.refused', {
    rows: batch.exposures.length,
    refused: refused.length,
    trials: work.trials,
    reasons: [...new Set(refused.map(({ message }) => message))].slice(0, MESSAGES_LOGGED_MAX),
  });
  if (batch.records === undefined) return { kind: 'reread', refused };
  const atOnce = verdict.isMost;
  const taken = takeOutRefused(batch, refused, deps.decode);
  if (atOnce) work.givenUpAtOnce += taken.length;
  sortOut(deps, work, { ...context, refused: taken, atOnce });
  return undefined;
}

interface SortOutOptions extends Pick<FlushContext, 'retry'> {
  readonly refused: Work['batch']['refused'];
  readonly atOnce: boolean;
}

/** To be tried again, or given up. */
export function sortOut({ clock, random }: FlushDeps, work: Work, { refused, retry, atOnce }: SortOutOptions): void {
  const nowMs = clock.now();
  for (const one of refused) {
    const given = giveBack(one, { retry, nowMs, random, atOnce });
    if (given.kind === 'letter') work.letters.push(given.letter);
    else work.requeues.push(given.requeued);
  }
}

function rowsOf({ batch }: Work, refusals: readonly RowRefusal[]): RefusedRow[] {
  return refusals.flatMap(({ index, message }) => {
    const exposure = batch.exposures[index];
    return exposure === undefined ? [] : [{ exposure, message }];
  });
}

function stuckError({ batch }: Work, { kind, known }: Exclude<Verdict, { kind: 'rows' }>): GbxError {
  const reason = known.at(-1)?.message ?? 'it names no reason';
  const count = batch.exposures.length;
  if (kind === 'everything') {
    return new GbxError(
      'GBX_ROW_REFUSED',
      `Cannot load as the warehouse refuses every row, one that is surely right among them: ${reason}`,
      {
        hint: 'look at the columns, constraints and triggers of growthbook.experiment_exposures: once they are mended it goes on by itself',
      },
    );
  }
  return new GbxError('GBX_ROW_REFUSED', `Cannot load as the warehouse refuses over half of a batch of ${count} rows: ${reason}`, {
    hint: 'mend the table, and it goes on by itself; or give such rows up: gbx consume --dead-letter-up-to <n>',
  });
}

/** Asked once a search: comparing with the table is most of what a trial would cost. @throws {GbxError} what says nothing of the rows */
async function findLoaded({ warehouse }: FlushDeps, rows: readonly Exposure[]): Promise<ReadonlySet<string>> {
  try {
    return await warehouse.findLoaded(rows);
  } catch (error) {
    // By the trials then: a row that stands in the table is tried like the others.
    if (error instanceof GbxError && error.code === 'GBX_ROW_REFUSED') return new Set();
    throw error;
  }
}

/** @throws {GbxError} what says nothing of these rows */
async function tryRows({ warehouse }: FlushDeps, rows: readonly Exposure[]): Promise<TrialResult> {
  if (rows.length === 0) return { kind: 'taken', lacking: 0 };
  try {
    return { kind: 'taken', lacking: await warehouse.tryRows(rows) };
  } catch (error) {
    if (error instanceof GbxError && error.code === 'GBX_ROW_REFUSED') return { kind: 'refused', message: messageOf(error) };
    throw error;
  }
}

/** The server's own words where they are known: short, and the place of the warehouse is nobody's business. */
function messageOf({ cause, message }: GbxError): string {
  return cause instanceof Error ? cause.message : message;
}

/**
 * A row that is surely right. A table may have rules of its own for users, experiments or sources: then one as the last that it
 * took decides.
 */
async function tryControl(deps: FlushDeps): Promise<TrialResult> {
  const madeUp = { dsUserId: 'gbx-control', experimentId: 'gbx-control', variationId: '0', attributes: '{}', source: 'gbx' };
  const { row } = deps.lastLoaded;
  // Rolled back like every trial.
  const control = (like: Omit<Exposure, 'exposureId' | 'tsMicros'>): Promise<TrialResult> =>
    tryRows(deps, [{ ...like, exposureId: 'gbx-control', tsMicros: Math.floor(deps.clock.now()) * 1000 }]);
  const result = await control(madeUp);
  return result.kind === 'refused' && row !== undefined ? control(row) : result;
}
