// Setting the ledger by hand: the way on after GBX_TOPIC_CHANGED and GBX_COMMITTED_AHEAD, for `gbx consume --reset-ledger`.
// Ledger and group are moved together: a group left ahead of the ledger would stop the next consumer.
import { GbxError } from '../errors.ts';
import type { LedgerScope, LedgerStep, PartitionOffsets, Warehouse } from './ports.ts';

/** What the broker must answer and do. */
export interface ResetBroker {
  offsets(): Promise<readonly PartitionOffsets[]>;
  /** Moves the group's committed offsets. @throws {GbxError} when the group has members that run */
  commit(positions: ReadonlyMap<number, bigint>): Promise<void>;
}

export interface ResetStep {
  readonly partition: number;
  /** Undefined where the ledger has no row. */
  readonly from: bigint | undefined;
  readonly to: bigint;
}

export type ResetTarget = 'earliest' | 'committed' | bigint;

/** @throws {GbxError} GBX_USAGE */
export function parseResetTarget(text: string): ResetTarget {
  if (text === 'earliest' || text === 'committed') return text;
  if (/^\d{1,18}$/u.test(text)) return BigInt(text);
  throw new GbxError('GBX_USAGE', 'Cannot reset the ledger as --reset-ledger takes earliest, committed or an offset');
}

/** @throws {GbxError} GBX_USAGE when a partition's log has no such place */
export async function planReset(
  deps: { warehouse: Warehouse; broker: ResetBroker },
  scope: LedgerScope,
  target: ResetTarget,
): Promise<ResetStep[]> {
  const rows = new Map((await deps.warehouse.readLedger(scope)).map((row) => [row.partition, row.nextOffset]));
  const offsets = await deps.broker.offsets();
  return offsets.map((known) => ({ partition: known.partition, from: rows.get(known.partition), to: placeOf(known, target) }));
}

function placeOf({ partition, start, end, committed }: PartitionOffsets, target: ResetTarget): bigint {
  const place = target === 'earliest' ? start : target === 'committed' ? (committed ?? start) : target;
  if (place >= start && place <= end) return place;
  throw new GbxError('GBX_USAGE', `Cannot reset the ledger to ${place} as partition ${partition} holds offsets ${start} to ${end}`);
}

/** Claims the partitions, which fences whoever loads them, and moves ledger and group. @throws {GbxError} */
export async function executeReset(
  deps: { warehouse: Warehouse; broker: ResetBroker },
  steps: readonly ResetStep[],
  context: { scope: LedgerScope; owner: string; host: string; nowMs: number },
): Promise<void> {
  const { scope, owner, host, nowMs } = context;
  const positions = new Map(steps.map((step) => [step.partition, step.to]));
  await deps.broker.commit(positions);
  const rows = await deps.warehouse.claim({ scope, owner, host, partitions: [...positions.keys()], startAt: positions });
  const moves = rows.map(
    (row): LedgerStep => ({
      partition: row.partition,
      epoch: row.epoch,
      from: row.nextOffset,
      to: positions.get(row.partition) ?? row.nextOffset,
      lastRecord: undefined,
    }),
  );
  const outcome = await deps.warehouse.flush({
    scope,
    owner,
    rows: [],
    windows: [],
    steps: moves,
    createdAtMs: nowMs,
  });
  if (outcome.kind !== 'loaded' && outcome.kind !== 'already-loaded') {
    throw new GbxError('GBX_WAREHOUSE_BUSY', 'Cannot reset the ledger as another consumer claimed it meanwhile', {
      hint: 'stop the consumers of the group and try again',
    });
  }
}
