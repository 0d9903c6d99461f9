// Rows that the warehouse refuses: remembered until their records are read again, then given back record by record, to be
// tried once more or given up (docs/delivery.md).
import { hash } from 'node:crypto';
import type { Random } from '../clock.ts';
import type { Exposure, LogRecord } from '../exposure/exposure.ts';
import { backoffMs } from '../retry.ts';
import type { DeadLetter, RequeuedRecord } from './ports.ts';
import { retryCountOf } from './retry-headers.ts';

export interface RetryPolicy {
  /** Retries after the first attempt. */
  readonly max: number;
  /** The longest wait before each of them, milliseconds; the last one for all that follow. */
  readonly backoffMs: readonly number[];
}

export interface RefusedRow {
  readonly exposure: Exposure;
  /** In the warehouse's words, without values. */
  readonly message: string;
}

export interface RefusedRecord {
  readonly record: LogRecord;
  readonly message: string;
}

/** Rows that were refused when their records were not at hand; these are read again and leave their batch at once. */
export interface Refusals {
  /** @param before by partition, one past the records it holds for: copies made since stand behind and are tried anew. */
  remember(rows: readonly RefusedRow[], before: ReadonlyMap<number, bigint>): void;
  /** Why this record's row was refused; undefined where it was not. */
  find(exposure: Exposure, record: LogRecord): string | undefined;
  /** Drops what the ledger has passed, and what is another member's by now. */
  forget(ledger: ReadonlyMap<number, { readonly ledgerOffset: bigint }>): void;
  clear(): void;
  isEmpty(): boolean;
}

/** A bound of memory: what is not remembered is looked for again. */
const ROWS_MAX = 50_000;

interface Round {
  readonly before: ReadonlyMap<number, bigint>;
  readonly byId: ReadonlyMap<string, { readonly content: string; readonly message: string }>;
}

export function createRefusals(rowsMax = ROWS_MAX): Refusals {
  let rounds: Round[] = [];
  return {
    remember(rows, before) {
      const room = rowsMax - rounds.reduce((sum, { byId }) => sum + byId.size, 0);
      const taken = rows.slice(0, Math.max(0, room));
      const byId = new Map(taken.map(({ exposure, message }) => [exposure.exposureId, { content: contentOf(exposure), message }]));
      if (byId.size > 0) rounds.push({ before, byId });
    },
    find(exposure, record) {
      for (const { before, byId } of rounds) {
        const known = byId.get(exposure.exposureId);
        if (known === undefined || record.offset >= (before.get(record.partition) ?? 0n)) continue;
        if (known.content === contentOf(exposure)) return known.message;
      }
      return undefined;
    },
    forget(ledger) {
      if (rounds.length === 0) return;
      const isAhead = ([partition, limit]: [number, bigint]): boolean => (ledger.get(partition)?.ledgerOffset ?? limit) < limit;
      rounds = rounds.filter(({ before }) => [...before].some(isAhead));
    },
    clear: () => {
      rounds = [];
    },
    isEmpty: () => rounds.length === 0,
  };
}

/** Equal for equal exposures only; short, since an exposure may be large. */
export function contentOf({ exposureId, dsUserId, experimentId, variationId, tsMicros, attributes, source }: Exposure): string {
  return hash('sha256', JSON.stringify([exposureId, dsUserId, experimentId, variationId, tsMicros, attributes, source]), 'base64url');
}

interface GiveBackOptions {
  readonly retry: RetryPolicy;
  readonly nowMs: number;
  readonly random: Random;
  /** Without another try. */
  readonly atOnce: boolean;
}

export type GivenBack =
  | { readonly kind: 'letter'; readonly letter: DeadLetter }
  | { readonly kind: 'requeue'; readonly requeued: RequeuedRecord };

/** A record whose row is refused: to be tried again while it has retries left. */
export function giveBack({ record, message }: RefusedRecord, { retry, nowMs, random, atOnce }: GiveBackOptions): GivenBack {
  const count = retryCountOf(record, retry.max);
  if (atOnce || count >= retry.max) return { kind: 'letter', letter: refusedLetter(record, message) };
  const longestMs = retry.backoffMs[Math.min(count, retry.backoffMs.length - 1)] ?? 0;
  const waitMs = backoffMs(0, { firstMs: longestMs, maxMs: longestMs }, random);
  const notBeforeMs = Math.ceil(nowMs + waitMs);
  return { kind: 'requeue', requeued: { kind: 'refused', record, retryCount: count + 1, notBeforeMs, code: 'GBX_ROW_REFUSED', message } };
}

/** The dead letter of a record whose row the warehouse refuses. */
export function refusedLetter(record: LogRecord, message: string): DeadLetter {
  return { record, code: 'GBX_ROW_REFUSED', message, stage: 'load' };
}
