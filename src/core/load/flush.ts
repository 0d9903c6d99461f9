// Bringing one batch into the warehouse: dead letters first, then rows and ledger together, again until it is settled.

import type { Clock } from '../clock.ts';
import { asGbxError, GbxError } from '../errors.ts';
import type { Exposure } from '../exposure/exposure.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { type Batch, reusedId } from './batch.ts';
import type { Circuit } from './circuit.ts';
import type { DeadLetter, FlushDurations, FlushOutcome, LedgerRow, LedgerScope, LedgerStep, Warehouse, WriteDeadLetters } from './ports.ts';
import { coverRows } from './windows.ts';

export interface FlushDeps {
  readonly warehouse: Warehouse;
  readonly writeDeadLetters: WriteDeadLetters;
  readonly circuit: Circuit;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Places (`partition/offset`) whose dead letter this process has written and not yet passed in the ledger. */
  readonly lettersWritten: Set<string>;
}

export type Settled =
  | { readonly kind: 'loaded'; readonly batch: Batch; readonly steps: readonly LedgerStep[]; readonly inserted: number | undefined }
  | { readonly kind: 'fenced'; readonly holders: readonly LedgerRow[] }
  /** These ids stand for another exposure, and their records are needed to give them up: the batch is to be read again. */
  | { readonly kind: 'reread'; readonly exposureIds: readonly string[] }
  /** Given up between two attempts because the signal aborted: whoever claims next loads it. */
  | { readonly kind: 'abandoned' };

/**
 * Attempts until the batch is settled; waits as the circuit says. The signal is looked at between attempts only,
 * since an attempt that is cut may or may not have been committed.
 *
 * @throws {GbxError} what the circuit calls final.
 */
export async function flushBatch(
  deps: FlushDeps,
  batch: Batch,
  context: { scope: LedgerScope; owner: string; signal: AbortSignal },
): Promise<Settled> {
  const { signal } = context;
  const pending: DeadLetter[] = [...batch.letters];
  const reusedKnown = new Set<string>();
  let attempts = 0;
  while (!signal.aborted) {
    attempts++;
    const outcome = await attempt(deps, batch, { ...context, pending, reusedKnown }).catch(asGbxError);
    if (outcome instanceof GbxError) {
      const waitMs = deps.circuit.failed(outcome);
      deps.log.debug('flush.failed', { code: outcome.code, reason: outcome.message, attempts, waitMs: Math.round(waitMs) });
      await deps.clock.sleep(waitMs, signal);
    } else if (outcome.kind === 'id-reused') {
      for (const id of outcome.exposureIds) {
        const record = batch.kept.get(id);
        if (record === undefined) return { kind: 'reread', exposureIds: outcome.exposureIds };
        reusedKnown.add(id);
        pending.push(reusedId(record));
      }
    } else {
      if (outcome.kind !== 'fenced') for (const letter of pending) deps.lettersWritten.delete(placeOf(letter));
      return settle(deps, batch, { outcome, attempts, reused: reusedKnown.size });
    }
  }
  return { kind: 'abandoned' };
}

async function attempt(
  { warehouse, writeDeadLetters, lettersWritten, metrics, clock }: FlushDeps,
  batch: Batch,
  context: { scope: LedgerScope; owner: string; signal: AbortSignal; pending: DeadLetter[]; reusedKnown: ReadonlySet<string> },
): Promise<FlushOutcome> {
  const { scope, owner, pending, reusedKnown, signal } = context;
  // Before the ledger moves past them, and once a process, however often the batch is read or tried again.
  const unwritten = pending.filter((letter) => !lettersWritten.has(placeOf(letter)));
  if (unwritten.length > 0) {
    const onWritten = (letter: DeadLetter): void => {
      lettersWritten.add(placeOf(letter));
      metrics.count('gbx_records_dead_lettered_total', 1, { reason: letter.code });
    };
    await writeDeadLetters(unwritten, onWritten, signal);
  }
  const rows: readonly Exposure[] = batch.exposures;
  return warehouse.flush({
    scope,
    owner,
    rows,
    windows: coverRows(rows),
    steps: [...batch.steps.values()],
    createdAtMs: clock.now(),
    reusedKnown,
  });
}

function placeOf({ record }: DeadLetter): string {
  return `${record.partition}/${record.offset}`;
}

type FinalOutcome = Exclude<FlushOutcome, { kind: 'id-reused' }>;

function settle(
  deps: FlushDeps,
  batch: Batch,
  { outcome, attempts, reused }: { outcome: FinalOutcome; attempts: number; reused: number },
): Settled {
  if (outcome.kind === 'fenced') {
    deps.metrics.count('gbx_flush_failures_total', 1, { failure: 'fenced' });
    return outcome;
  }
  deps.circuit.succeeded('flush');
  const steps = [...batch.steps.values()];
  const inserted = outcome.kind === 'loaded' ? outcome.inserted : undefined;
  const inTable = inserted === undefined ? undefined : batch.exposures.length - inserted - reused;
  count(deps, batch, { inserted, inTable, durations: outcome.kind === 'loaded' ? outcome.durations : undefined });
  deps.log.info('batch.loaded', {
    records: batch.recordCount,
    rows: batch.exposures.length,
    inserted: inserted ?? 'by an earlier attempt',
    inBatchTwice: batch.duplicates,
    inTableAlready: inTable,
    deadLetters: batch.letters.length + reused,
    attempts,
    ...(outcome.kind === 'loaded' ? roundAll(outcome.durations) : {}),
    offsets: Object.fromEntries(steps.map((step) => [step.partition, `${step.from}..${step.to}`])),
  });
  return { kind: 'loaded', batch, steps, inserted };
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
