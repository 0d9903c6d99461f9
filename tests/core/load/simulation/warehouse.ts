// A model of the warehouse: one ledger lock, compare-and-swap, anti-join, and answers that get lost.
import { GbxError } from '../../../../src/core/errors.ts';
import type { Exposure } from '../../../../src/core/exposure/exposure.ts';
import type {
  ClaimRequest,
  DeadLetter,
  FlushOutcome,
  FlushRequest,
  LedgerRow,
  OnWritten,
  Warehouse,
} from '../../../../src/core/load/ports.ts';
import { checkAccounted, identityOf } from './checks.ts';
import { answer, isFaulty, type Member, note, type World } from './world.ts';

const DAY_MICROS = 86_400_000_000;

export function createWarehouse(world: World, member: Member): Warehouse {
  const { clock, random } = world;
  /** One request: the server works on whether or not its client lives; only the answer is lost. */
  async function ask<T>(work: () => Promise<T>): Promise<T> {
    if (clock.elapsed() < world.outageUntil || isFaulty(world, 0.05)) {
      await answer(world, member, random() * 20);
      note(world, 'transient');
      throw new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'simulated');
    }
    const outcome = await withLock(world, work).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    await answer(world, member, random() * 10);
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }
  return {
    claim: (request) => ask(() => claim(world, request)),
    readLedger: async () => [...world.ledger.values()],
    async flush(request) {
      await answer(world, member, random() * 30);
      if (isFaulty(world, 0.05)) throw new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'simulated while staging');
      return ask(() => flush(world, request));
    },
    tryRows: () => ask(async () => undefined),
  };
}

async function withLock<T>(world: World, work: () => Promise<T>): Promise<T> {
  if (world.guards.lock === false) return work();
  const before = world.lockTail;
  let release = (): void => undefined;
  world.lockTail = new Promise((resolve) => {
    release = resolve;
  });
  await before;
  try {
    return await work();
  } finally {
    release();
  }
}

async function claim(world: World, request: ClaimRequest): Promise<LedgerRow[]> {
  await world.clock.sleep(world.random() * 20);
  const rows = request.partitions.map((partition): LedgerRow => {
    const row = world.ledger.get(partition);
    return {
      partition,
      nextOffset: row?.nextOffset ?? request.startAt.get(partition) ?? 0n,
      epoch: (row?.epoch ?? 0) + 1,
      owner: request.owner,
      host: request.host,
      lastRecord: row?.lastRecord,
    };
  });
  for (const row of rows) world.ledger.set(row.partition, row);
  if (isFaulty(world, 0.05)) throw lost(world);
  return rows;
}

async function flush(world: World, request: FlushRequest): Promise<FlushOutcome> {
  const { clock, random, ledger, guards } = world;
  await clock.sleep(random() * 20);
  const mine = request.steps.filter((step) => {
    const row = ledger.get(step.partition);
    return row?.owner === request.owner && row.epoch === step.epoch && row.nextOffset === step.from;
  });
  if (guards.compareAndSwap !== false && mine.length !== request.steps.length) {
    const isIn = request.steps.every(
      (step) => ledger.get(step.partition)?.owner === request.owner && ledger.get(step.partition)?.nextOffset === step.to,
    );
    note(world, isIn ? 'already loaded' : 'fenced');
    return isIn ? { kind: 'already-loaded' } : { kind: 'fenced', holders: [...ledger.values()] };
  }
  const snapshot = [...world.table];
  await clock.sleep(random() * 20);
  const standsFor = (row: Exposure): Exposure | undefined =>
    snapshot.find((stored) => stored.exposureId === row.exposureId && Math.abs(stored.tsMicros - row.tsMicros) <= DAY_MICROS);
  const isOther = (row: Exposure): boolean => (standsFor(row)?.dsUserId ?? row.dsUserId) !== row.dsUserId;
  const reused = request.rows.filter((row) => isOther(row) && !request.reusedKnown.has(row.exposureId));
  if (reused.length > 0) {
    note(world, 'reused ids');
    return { kind: 'id-reused', exposureIds: reused.map((row) => row.exposureId) };
  }
  const rows = guards.antiJoin === false ? request.rows : request.rows.filter((row) => standsFor(row) === undefined);
  if (isFaulty(world, 0.05)) {
    // COMMIT was sent and never arrived.
    note(world, 'lost answers');
    throw new GbxError('GBX_WAREHOUSE_UNSURE', 'simulated: COMMIT lost');
  }
  if (isFaulty(world, 0.05)) throw new GbxError('GBX_WAREHOUSE_BUSY', 'simulated');
  commit(world, request, rows);
  if (isFaulty(world, 0.08)) throw lost(world);
  note(world, 'flushes');
  return { kind: 'loaded', inserted: rows.length, durations: { stageMs: 1, lockMs: 1, insertMs: 1, commitMs: 1 } };
}

function commit(world: World, request: FlushRequest, rows: readonly Exposure[]): void {
  for (const row of rows) world.table.push({ ...row, loadedBy: request.owner });
  for (const step of request.steps) {
    const row = world.ledger.get(step.partition);
    if (row === undefined) continue;
    if (step.to < row.nextOffset)
      world.violations.push(`ledger of partition ${step.partition} stepped back from ${row.nextOffset} to ${step.to}`);
    world.ledger.set(step.partition, { ...row, nextOffset: step.to, lastRecord: step.lastRecord });
  }
  checkAccounted(world);
}

function lost(world: World): GbxError {
  note(world, 'lost answers');
  return new GbxError('GBX_WAREHOUSE_UNSURE', 'simulated: no answer to COMMIT');
}

/** A part of them may be written when it fails. */
export async function writeDeadLetters(
  world: World,
  member: Member,
  { letters, onWritten }: { readonly letters: readonly DeadLetter[]; readonly onWritten: OnWritten },
): Promise<void> {
  await answer(world, member, world.random() * 20);
  for (const letter of letters) {
    if (isFaulty(world, 0.1)) throw new GbxError('GBX_KAFKA_UNREACHABLE', 'simulated');
    const isLost = world.guards.deadLetterFirst === false && isFaulty(world, 0.5);
    if (!isLost) world.letters.add(identityOf(letter.record));
    onWritten(letter);
    note(world, 'dead letters');
  }
}
