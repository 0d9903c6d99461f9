// What the tests of the warehouse have in common: exposures, requests, and a claim to flush under.
import { randomUUID } from 'node:crypto';
import type { Exposure } from '../../src/core/exposure/exposure.ts';
import type { FlushRequest, LedgerScope, Warehouse } from '../../src/core/load/ports.ts';

/** 2026-01-15 12:00:00 UTC. */
export const NOON_MS = Date.UTC(2026, 0, 15, 12);
export const HOUR_MICROS = 3_600_000_000;

export function exposure(over: Partial<Exposure> = {}): Exposure {
  return {
    exposureId: randomUUID(),
    dsUserId: 'user-1',
    experimentId: 'checkout',
    variationId: '1',
    tsMicros: NOON_MS * 1000,
    attributes: '{"country":"de"}',
    source: 'http',
    ...over,
  };
}

export function newScope(): LedgerScope {
  return { clusterId: 'cluster-1', group: 'group-1', topic: `topic-${randomUUID()}` };
}

export interface Claimed {
  readonly scope: LedgerScope;
  readonly owner: string;
  readonly epoch: number;
}

/** Takes partition 0 (and more) over, starting at 0. */
export async function claim(warehouse: Warehouse, scope: LedgerScope = newScope(), partitions: readonly number[] = [0]): Promise<Claimed> {
  const owner = randomUUID();
  const startAt = new Map(partitions.map((partition) => [partition, 0n]));
  const [row] = await warehouse.claim({ scope, owner, host: 'host-1', partitions, startAt });
  return { scope, owner, epoch: row?.epoch ?? -1 };
}

interface RequestOptions extends Partial<Pick<FlushRequest, 'windows' | 'createdAtMs'>> {
  readonly from?: bigint;
  readonly to?: bigint;
  readonly partition?: number;
}

/** A flush of these rows that moves partition 0 from 0 to 10. */
export function requestOf(claimed: Claimed, rows: readonly Exposure[], options: RequestOptions = {}): FlushRequest {
  const { from = 0n, to = from + 10n, partition = 0, windows = [windowOf(rows)], createdAtMs = NOON_MS } = options;
  const lastRecord = { timestampMs: NOON_MS, hash: 'abcdef0123456789' };
  return {
    scope: claimed.scope,
    owner: claimed.owner,
    rows,
    windows,
    steps: [{ partition, epoch: claimed.epoch, from, to, lastRecord }],
    createdAtMs,
  };
}

function windowOf(rows: readonly Exposure[]): { fromMicros: number; toMicros: number } {
  const times = rows.map(({ tsMicros }) => tsMicros);
  return { fromMicros: Math.min(...times), toMicros: Math.max(...times) };
}
