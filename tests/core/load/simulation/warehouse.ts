// A model of the warehouse: one ledger lock, compare-and-swap, anti-join, rows that it refuses, and answers that get lost.
import { GbxError } from '../../../../src/core/errors.ts';
import type { Exposure } from '../../../../src/core/exposure/exposure.ts';
import type { ClaimRequest, FlushOutcome, FlushRequest, LedgerRow, Warehouse } from '../../../../src/core/load/ports.ts';
import { checkPassed, checkSearch } from './checks.ts';
import { call, type Process } from './process.ts';
import { blame, isRefused, note, strikes, type World } from './world.ts';

export function createWarehouse(world: World, process: Process): Warehouse {
  const ask = <T>(step: string, work: () => Promise<T>): Promise<T> =>
    call(world, { step, process, ms: 15 }, async () => {
      throwIfAway(world);
      return work();
    });
  return {
    async claim(request) {
      const rows = await ask('claim', () => withLock(world, () => claim(world, request)));
      const { ends, knownEnds } = process;
      for (const partition of request.partitions) if (!ends.has(partition)) ends.set(partition, knownEnds.get(partition) ?? 0n);
      process.claimed = request.partitions;
      process.claims++;
      return rows;
    },
    async readLedger() {
      process.claimed = [];
      return ask('readLedger', async () => [...world.ledger.values()]);
    },
    flush: (request) => {
      checkSearch(world, process);
      process.search = undefined;
      return ask('flush', () => withLock(world, () => flush(world, process, request)));
    },
    findLoaded: (rows) =>
      ask('findLoaded', async () => new Set(rows.map(({ exposureId }) => exposureId).filter((id) => world.table.has(id)))),
    tryRows: async (rows) => {
      const { refusal, lacking } = await ask('tryRows', async () => {
        const lacking = rows.filter(({ exposureId }) => !world.table.has(exposureId));
        return { refusal: refusalOf(world, lacking), lacking };
      });
      if (process.search !== undefined) process.search.trials++;
      if (refusal !== undefined) throw refusal;
      return lacking.length;
    },
  };
}

function throwIfAway(world: World): void {
  const now = world.clock.elapsed();
  if (now < world.wrongSchemaUntil) {
    note(world, 'wrong schema');
    throw new GbxError(world.random() < 0.5 ? 'GBX_WAREHOUSE_SCHEMA' : 'GBX_WAREHOUSE_PERMISSION', 'simulated');
  }
  if (now < world.outageUntil || strikes(world, 'warehouse', 0.05)) {
    note(world, 'transient');
    throw new GbxError(world.random() < 0.5 ? 'GBX_WAREHOUSE_UNREACHABLE' : 'GBX_WAREHOUSE_OVERLOADED', 'simulated');
  }
  if (strikes(world, 'warehouse', 0.05)) {
    note(world, 'contention');
    throw new GbxError('GBX_WAREHOUSE_BUSY', 'simulated');
  }
}

async function withLock<T>(world: World, work: () => Promise<T>): Promise<T> {
  if (world.off.has('ledger lock')) return work();
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
  await world.clock.sleep(world.random() * 10);
  if (strikes(world, 'lost answers', 0.03)) throw lost(world, 'claim, not committed');
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
  note(world, 'claims');
  if (strikes(world, 'lost answers', 0.05)) throw lost(world, 'claim, committed');
  return rows;
}

async function flush(world: World, process: Process, request: FlushRequest): Promise<FlushOutcome> {
  const { clock, random, ledger, off, table } = world;
  await clock.sleep(random() * 10);
  const outcome = off.has('compare and swap') ? undefined : explainMiss(world, request);
  if (outcome !== undefined) return outcome;
  const snapshot = off.has('ledger lock') ? new Map(table) : table;
  await clock.sleep(random() * 10);
  const lacking = off.has('anti-join') ? request.rows : request.rows.filter(({ exposureId }) => !snapshot.has(exposureId));
  const refusal = refusalOf(world, lacking);
  if (refusal !== undefined) {
    beginSearch(world, process, { rows: request.rows, lacking });
    throw refusal;
  }
  const isOther = ({ exposureId, dsUserId }: Exposure): boolean => (snapshot.get(exposureId)?.dsUserId ?? dsUserId) !== dsUserId;
  const exposureIds = request.rows.filter(isOther).map(({ exposureId }) => exposureId);
  if (exposureIds.length > 0) {
    note(world, 'reused in the table');
    return { kind: 'id-reused', exposureIds };
  }
  if (strikes(world, 'lost answers', 0.05)) throw lost(world, 'COMMIT, not committed');
  if (strikes(world, 'warehouse', 0.05)) throw new GbxError('GBX_WAREHOUSE_BUSY', 'simulated at COMMIT');
  for (const row of lacking) {
    if (table.has(row.exposureId)) blame(world, `doubled: ${row.exposureId}`);
    table.set(row.exposureId, row);
  }
  moveLedger(world, request);
  note(world, ledger.size === 0 ? 'empty' : 'flushes');
  if (strikes(world, 'lost answers', 0.08)) throw lost(world, 'COMMIT, committed');
  return { kind: 'loaded', inserted: lacking.length, durations: { stageMs: 1, lockMs: 1, insertMs: 1, commitMs: 1 } };
}

/** As src/warehouse/ledger.ts has it. */
function explainMiss(world: World, { steps, owner }: FlushRequest): FlushOutcome | undefined {
  const isMine = (partition: number, epoch: number): boolean => {
    const row = world.ledger.get(partition);
    return row?.owner === owner && row.epoch === epoch;
  };
  if (steps.every(({ partition, epoch, from }) => isMine(partition, epoch) && world.ledger.get(partition)?.nextOffset === from)) {
    return undefined;
  }
  const isIn = steps.every(({ partition, epoch, to }) => isMine(partition, epoch) && world.ledger.get(partition)?.nextOffset === to);
  if (isIn && steps.some(({ from, to }) => from !== to)) {
    note(world, 'already loaded');
    return { kind: 'already-loaded' };
  }
  note(world, 'fenced');
  const asked = steps.flatMap(({ partition }) => world.ledger.get(partition) ?? []);
  const others = asked.filter((row) => row.owner !== owner);
  return { kind: 'fenced', holders: others.length > 0 ? others : asked };
}

function moveLedger(world: World, { steps, owner }: FlushRequest): void {
  for (const step of steps) {
    const row = world.ledger.get(step.partition);
    if (row === undefined) continue;
    if (step.to === step.from) note(world, 'ledger held back');
    if (step.to < row.nextOffset && owner !== 'operator')
      blame(world, `the ledger of ${step.partition} went back from ${row.nextOffset} to ${step.to}`);
    world.ledger.set(step.partition, { ...row, nextOffset: step.to, lastRecord: step.lastRecord });
    checkPassed(world, step);
  }
}

/** One bad row refuses all of them; a row refused alone is known to be bad. */
function refusalOf(world: World, rows: readonly Exposure[]): GbxError | undefined {
  const bad = rows.find(
    ({ exposureId }) => isRefused(world, exposureId) && !(world.off.has('control row') && exposureId === 'gbx-control'),
  );
  if (bad === undefined) return undefined;
  if (rows.length === 1) world.refusedAlone.add(bad.exposureId);
  if (bad.exposureId === 'gbx-control') note(world, 'control row refused');
  return new GbxError('GBX_ROW_REFUSED', 'simulated', { cause: new Error('no good') });
}

/** What the program has to find out, as the model knows it. */
function beginSearch(
  world: World,
  process: Process,
  { rows, lacking }: { readonly rows: readonly Exposure[]; readonly lacking: readonly Exposure[] },
): void {
  const refused = lacking.filter(({ exposureId }) => isRefused(world, exposureId));
  const freshCount = refused.filter(({ exposureId }) => !world.copiedIds.has(exposureId)).length;
  const isMost = freshCount >= 10 && freshCount * 2 > rows.length;
  const mustHold = world.refusing.everything ? 'everything' : isMost ? 'most' : undefined;
  note(world, mustHold === undefined ? 'rows refused' : `${mustHold} refused`);
  const ids = new Set(rows.map(({ exposureId }) => exposureId));
  process.search = { atMs: world.clock.elapsed(), ids, refusedCount: refused.length, mustHold, trials: 0 };
}

function lost(world: World, what: string): GbxError {
  note(world, `lost answer: ${what}`);
  return new GbxError('GBX_WAREHOUSE_UNSURE', 'simulated: no answer');
}
