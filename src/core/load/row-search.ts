// A batch that the warehouse refuses because of its rows: which ones, and what then (docs/delivery.md). Runs outside the
// ledger's transaction, one trial at a time, so that the flush can wait for an outage between two of them and go on.
import { GbxError } from '../errors.ts';
import type { Exposure } from '../exposure/exposure.ts';
import { takeOutRefused } from './batch.ts';
import type { FlushContext, FlushDeps, Settled, Work } from './flush.ts';
import { isolate, type RowRefusal, type Trial, type Verdict } from './isolate.ts';
import { giveBack, type RefusedRow } from './refusals.ts';

export interface RowSearch {
  readonly steps: Generator<Trial, Verdict, string | undefined>;
  next: IteratorResult<Trial, Verdict>;
}

/** The warehouse refuses too much to blame single rows: held, until one of the rows it refused is taken. */
export interface Stuck {
  readonly known: readonly RefusedRow[];
  readonly error: GbxError;
}

/** Fewer cannot be meant to make a batch of their own: a batch of ten is the smallest that is judged as a whole. */
const ALLOWANCE_MIN = 10;
const MESSAGES_LOGGED_MAX = 5;

/** @param refusal what the warehouse said to the whole batch */
export function startSearch(work: Work, refusal: GbxError, { random, allowance }: Pick<FlushDeps, 'random'> & FlushContext): void {
  const { batch } = work;
  const steps = isolate({
    count: batch.exposures.length,
    message: messageOf(refusal),
    isFresh: (index) => !batch.copiedIds.has(batch.exposures[index]?.exposureId ?? ''),
    random,
    toTheEnd: batch.records !== undefined && allowance.left >= Math.max(batch.recordCount, ALLOWANCE_MIN),
  });
  work.search = { steps, next: steps.next() };
}

/** One trial, or what follows from all of them. @throws {GbxError} an outage, or what the consumer now holds for */
export async function searchOn(deps: FlushDeps, work: Work, context: FlushContext): Promise<Settled | undefined> {
  const { search } = work;
  if (search === undefined) return undefined;
  if (search.next.done !== true) {
    const trial = search.next.value;
    const rows =
      trial.kind === 'control' ? [controlRow(deps.clock.now())] : trial.rows.flatMap((index) => work.batch.exposures[index] ?? []);
    const refusal = await refusalOf(deps, rows);
    work.trials++;
    search.next = search.steps.next(refusal);
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
  work.stuck = { known: rowsOf(work, verdict.known), error: stuckError(work, verdict) };
  throw work.stuck.error;
}

/** While stuck: one of the rows that were refused. @throws {GbxError} the same again, while it is */
export async function probe(deps: FlushDeps, work: Work): Promise<void> {
  const { known = [], error } = work.stuck ?? {};
  const row = known[Math.floor(deps.random() * known.length)];
  if (row !== undefined && (await refusalOf(deps, [row.exposure])) !== undefined) throw error;
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
  if (refused.length === 0) throw new GbxError('GBX_WAREHOUSE_BUSY', 'the warehouse refused rows that it takes by now');
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

/** @returns what the warehouse says against these rows; undefined where it would take them. @throws {GbxError} anything else */
async function refusalOf({ warehouse }: FlushDeps, rows: readonly Exposure[]): Promise<string | undefined> {
  try {
    await warehouse.tryRows(rows);
    return undefined;
  } catch (error) {
    if (error instanceof GbxError && error.code === 'GBX_ROW_REFUSED') return messageOf(error);
    throw error;
  }
}

/** The server's own words where they are known: short, and the place of the warehouse is nobody's business. */
function messageOf({ cause, message }: GbxError): string {
  return cause instanceof Error ? cause.message : message;
}

/** Rolled back like every trial. */
function controlRow(nowMs: number): Exposure {
  const tsMicros = Math.floor(nowMs) * 1000;
  const who = { dsUserId: 'gbx-control', experimentId: 'gbx-control', variationId: '0' };
  return { exposureId: 'gbx-control', ...who, tsMicros, attributes: '{}', source: 'gbx' };
}
