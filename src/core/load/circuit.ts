// What to do after a failure: try again, when, and when to give up (docs/delivery.md). One circuit a consumer. It is open
// while the warehouse (or the dead-letter topic) does not take batches; the loop then holds its batch and its group.

import type { Clock, Random } from '../clock.ts';
import type { GbxError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { type Backoff, backoffMs } from '../retry.ts';

const PROBE: Backoff = { firstMs: 100, maxMs: 3_000 };
/** Without ever having reached the warehouse, this long is an answer: the process ends with 69. */
const FIRST_REACH_MS = 60_000;
/** Contention is everyday; this much of it is an outage. */
const CONTENTION_MS = 120_000;
const REMIND_MS = 30_000;

export interface Circuit {
  /** `claim`: the warehouse answered. `flush`: it took a batch. */
  succeeded(step: 'claim' | 'flush'): void;
  /**
   * @returns milliseconds to wait before the next attempt.
   * @throws the error itself when the process is to end with it.
   */
  failed(error: GbxError): number;
  isOpen(): boolean;
}

interface Deps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

interface State {
  attempts: number;
  firstFailureMs: number | undefined;
  openedMs: number | undefined;
  /** Open for an outage only, which any answer of the warehouse ends. */
  isOutage: boolean;
  lastSaidMs: number;
  hasReached: boolean;
  hasWritten: boolean;
}

export function createCircuit(deps: Deps): Circuit {
  const state: State = {
    attempts: 0,
    firstFailureMs: undefined,
    openedMs: undefined,
    isOutage: true,
    lastSaidMs: 0,
    hasReached: false,
    hasWritten: false,
  };
  deps.metrics.set('gbx_circuit_open', 0);
  return {
    isOpen: () => state.openedMs !== undefined,
    succeeded(step) {
      state.hasReached = true;
      if (step === 'flush') state.hasWritten = true;
      // A claim says nothing of the table, its rights or its rows: only a flush closes what they opened.
      if (step === 'flush' || state.isOutage) close(state, deps);
      state.attempts = 0;
      state.firstFailureMs = undefined;
    },
    failed(error) {
      const now = deps.clock.elapsed();
      state.firstFailureMs ??= now;
      const lastedMs = now - state.firstFailureMs;
      if (error.failure !== 'fatal') deps.metrics.count('gbx_flush_failures_total', 1, { failure: error.failure });
      if (isFinal(error, state, lastedMs)) throw error;
      if (isOutage(error, state, lastedMs)) open(state, deps, error);
      return backoffMs(state.attempts++, PROBE, deps.random);
    },
  };
}

function isFinal(error: GbxError, state: State, lastedMs: number): boolean {
  if (error.failure === 'fatal') return true;
  if (error.failure === 'systemic') return !state.hasWritten;
  return error.failure === 'transient' && !state.hasReached && lastedMs >= FIRST_REACH_MS;
}

function isOutage({ failure }: GbxError, { attempts }: State, lastedMs: number): boolean {
  if (failure === 'contention') return lastedMs > CONTENTION_MS;
  // One lost answer is settled by the next attempt; it is that one which tells of an outage.
  return failure !== 'ambiguous' || attempts > 0;
}

function open(state: State, { clock, log, metrics }: Deps, error: GbxError): void {
  const now = clock.elapsed();
  const facts = { code: error.code, reason: error.message, nextStep: error.hint };
  const isOurs = error.failure === 'systemic' || error.failure === 'row';
  state.isOutage = !isOurs;
  if (state.openedMs === undefined) {
    state.openedMs = now;
    state.lastSaidMs = now;
    metrics.set('gbx_circuit_open', 1);
    log[isOurs ? 'error' : 'warn']('circuit.opened', { ...facts, held: 'the batch; nothing is fetched, no retry counted' });
  } else if (now - state.lastSaidMs >= REMIND_MS) {
    state.lastSaidMs = now;
    log.warn('circuit.still_open', { ...facts, openMs: Math.round(now - state.openedMs) });
  }
}

function close(state: State, { clock, log, metrics }: Deps): void {
  if (state.openedMs === undefined) return;
  log.info('circuit.closed', { openMs: Math.round(clock.elapsed() - state.openedMs) });
  state.openedMs = undefined;
  metrics.set('gbx_circuit_open', 0);
}
