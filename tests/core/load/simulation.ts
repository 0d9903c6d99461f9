// A whole deployment in memory on a virtual clock: a log, a group coordinator, a warehouse with a ledger, and real
// `runLoad` loops as its consumers. One seed decides everything: delays, lost answers, outages, rebalances, kills and
// processes that sleep through their session. Used by load.model.test.ts.
import type { Clock, Random } from '../../../src/core/clock.ts';
import { GbxError } from '../../../src/core/errors.ts';
import { decodeRecord } from '../../../src/core/exposure/decode.ts';
import type { Exposure, LogRecord } from '../../../src/core/exposure/exposure.ts';
import { createCircuit } from '../../../src/core/load/circuit.ts';
import { runLoad } from '../../../src/core/load/load.ts';
import type {
  ClaimRequest,
  DeadLetter,
  FlushOutcome,
  FlushRequest,
  LedgerRow,
  Source,
  SourceEvent,
  Warehouse,
} from '../../../src/core/load/ports.ts';
import type { Logger } from '../../../src/core/log.ts';
import type { Metrics } from '../../../src/core/metrics.ts';

const PARTITIONS = 3;
const DAY_MICROS = 86_400_000_000;
const START_MS = Date.UTC(2026, 0, 15);
const SCOPE = { clusterId: 'sim', group: 'g', topic: 'exposures' };
const PLACE = { clusterId: 'sim', topic: 'exposures' };

/** Guards of the protocol that a test switches off to show that it would notice. */
export interface Guards {
  readonly lock?: boolean;
  readonly compareAndSwap?: boolean;
  readonly antiJoin?: boolean;
  readonly deadLetterFirst?: boolean;
}

export interface Report {
  readonly seed: number;
  readonly violations: readonly string[];
  /** What happened, so that a run in which nothing did is noticed. */
  readonly seen: Readonly<Record<string, number>>;
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly fire: () => void;
}

function createVirtualClock(): Clock & { advance(): Promise<boolean> } {
  const timers: Timer[] = [];
  let time = 0;
  let order = 0;
  return {
    now: () => START_MS + time,
    elapsed: () => time,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const onAbort = (): void => {
          const index = timers.indexOf(timer);
          if (index >= 0) timers.splice(index, 1);
          resolve();
        };
        const fire = (): void => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        };
        const timer: Timer = { at: time + Math.max(0, ms), order: order++, fire };
        timers.push(timer);
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
    async advance() {
      await new Promise((resolve) => setImmediate(resolve));
      let next: Timer | undefined;
      for (const timer of timers)
        if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer;
      if (next === undefined) return false;
      timers.splice(timers.indexOf(next), 1);
      time = next.at;
      next.fire();
      return true;
    },
  };
}

interface Row extends Exposure {
  readonly loadedBy: string;
}

interface World {
  readonly random: Random;
  readonly clock: ReturnType<typeof createVirtualClock>;
  readonly guards: Guards;
  readonly log: LogRecord[][];
  readonly ledger: Map<number, LedgerRow>;
  readonly committed: Map<number, bigint>;
  readonly table: Row[];
  /** Exposures given up, by id and user; records that are none, by place. */
  readonly letters: Set<string>;
  readonly members: Set<Member>;
  readonly seen: Record<string, number>;
  readonly violations: string[];
  lockTail: Promise<void>;
  outageUntil: number;
  faultsUntil: number;
  owners: number;
}

interface Member {
  readonly name: string;
  readonly source: Source;
  assign(partitions: number[]): void;
  /** While asleep nothing this process awaits comes back. */
  sleepUntil: number;
  dead: boolean;
  readonly stop: AbortController;
}

/** Runs one seed to the end: faults for a while, then calm, then everything must be loaded. */
export async function simulate(seed: number, guards: Guards = {}): Promise<Report> {
  const world = createWorld(seed, guards);
  startMember(world);
  startMember(world);
  scheduleFaults(world);
  const deadline = world.faultsUntil + 3_600_000;
  while (!isDrained(world) && world.clock.elapsed() < deadline && world.violations.length === 0) {
    if (!(await world.clock.advance())) break;
  }
  if (!isDrained(world) && world.violations.length === 0)
    world.violations.push(`not drained after ${world.clock.elapsed()} ms: ledger ${ledgerText(world)}`);
  for (const member of world.members) member.stop.abort();
  checkEnd(world);
  return { seed, violations: world.violations, seen: world.seen };
}

function ledgerText(world: World): string {
  return [...world.ledger.values()].map((row) => `${row.partition}:${row.nextOffset}/${world.log[row.partition]?.length}`).join(' ');
}

function createWorld(seed: number, guards: Guards): World {
  const random = createRandom(seed);
  return {
    random,
    clock: createVirtualClock(),
    guards,
    log: createLog(random),
    ledger: new Map(),
    committed: new Map(),
    table: [],
    letters: new Set(),
    members: new Set(),
    seen: {},
    violations: [],
    lockTail: Promise.resolve(),
    outageUntil: 0,
    faultsUntil: 5_000 + random() * 60_000,
    owners: 0,
  };
}

/** Ids come again in other partitions, some for another user; some records are no exposures. */
function createLog(random: Random): LogRecord[][] {
  const log: LogRecord[][] = Array.from({ length: PARTITIONS }, () => []);
  const count = 10 + Math.floor(random() * 60);
  for (let i = 0; i < count; i++) {
    const partition = Math.floor(random() * PARTITIONS);
    const roll = random();
    const id = `e${roll < 0.15 ? Math.floor(random() * i) : i}`;
    const isReuse = roll < 0.05;
    const value =
      roll > 0.93
        ? 'not json'
        : JSON.stringify({
            exposure_id: id,
            ds_user_id: isReuse ? 'other' : `u-${id}`,
            experiment_id: 'x',
            variation_id: '0',
            timestamp: '2026-01-14T00:00:00Z',
          });
    const records = log[partition] ?? [];
    records.push({
      partition,
      offset: BigInt(records.length),
      timestampMs: START_MS - 1000,
      key: null,
      value: Buffer.from(value),
      headers: {},
    });
  }
  return log;
}

function note(world: World, what: string): void {
  world.seen[what] = (world.seen[what] ?? 0) + 1;
}

// --- the group -------------------------------------------------------------------------------------------------------

function startMember(world: World): Member {
  const member = createMember(world, `m${world.owners++}`);
  world.members.add(member);
  const { clock, random } = world;
  const log = silentLog;
  const circuit = createCircuit({ clock, random, log, metrics: noMetrics });
  const deps = {
    source: member.source,
    warehouse: createWarehouse(world, member),
    writeDeadLetters: (letters: readonly DeadLetter[]) => writeDeadLetters(world, member, letters),
    decode: (record: LogRecord) => decodeRecord(record, PLACE),
    newOwner: () => `${member.name}-${world.owners++}`,
    clock: memberClock(world, member),
    circuit,
    random,
    log,
    metrics: noMetrics,
  };
  const rowsMax = 3 + Math.floor(random() * 20);
  const policy = { rowsDue: 1 + Math.floor(random() * 5), ageDueMs: 500, rowsMax, bytesMax: 1_000_000 };
  runLoad(deps, { policy, host: member.name, startFrom: 'earliest', drainTimeoutMs: 1_000 }, member.stop.signal).catch((error: unknown) => {
    if (error instanceof GbxError && error.code === 'GBX_FENCED') note(world, 'gave up fenced');
    else if (!member.stop.signal.aborted) world.violations.push(`${member.name} ended: ${String(error)}`);
    kill(world, member);
  });
  rebalance(world);
  return member;
}

function kill(world: World, member: Member): void {
  if (member.dead) return;
  member.dead = true;
  world.members.delete(member);
  startMember(world);
}

/** Hands the partitions out anew; each member learns of it a little later, a sleeping one when it wakes. */
function rebalance(world: World): void {
  const { random, clock } = world;
  const members = [...world.members].filter((member) => member.sleepUntil <= clock.elapsed());
  const shares = new Map<Member, number[]>(members.map((member) => [member, []]));
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const member = members[Math.floor(random() * members.length)];
    if (member !== undefined) shares.get(member)?.push(partition);
  }
  for (const [member, partitions] of shares) void clock.sleep(random() * 100).then(() => member.assign(partitions));
}

function createMember(world: World, name: string): Member {
  const { clock, random } = world;
  let queue: SourceEvent[] = [];
  const positions = new Map<number, bigint>();
  const source: Source = {
    ...SCOPE,
    async take(ms, signal) {
      const end = clock.elapsed() + ms;
      do {
        await answer(world, member, random() * 20);
        const event = queue.shift() ?? fetchRecords(world, positions);
        if (event !== undefined || signal?.aborted) return event;
        await clock.sleep(Math.min(50, Math.max(0, end - clock.elapsed())), signal);
      } while (clock.elapsed() < end && !signal?.aborted);
      return undefined;
    },
    async offsets(partitions) {
      const known = partitions.map((partition) => ({
        partition,
        start: 0n,
        end: BigInt(world.log[partition]?.length ?? 0),
        committed: world.committed.get(partition),
      }));
      await answer(world, member, random() * 30);
      if (isFaulty(world, 0.05)) throw new GbxError('GBX_KAFKA_UNREACHABLE', 'simulated');
      return known;
    },
    seek(wanted) {
      for (const [partition, offset] of wanted) positions.set(partition, offset);
      queue = queue.filter((event) => event.kind === 'joined');
    },
    async commit(wanted) {
      await answer(world, member, random() * 10);
      if (isFaulty(world, 0.1)) throw new GbxError('GBX_KAFKA_UNREACHABLE', 'simulated');
      for (const [partition, offset] of wanted) world.committed.set(partition, offset);
    },
  };
  const member: Member = {
    name,
    source,
    sleepUntil: 0,
    dead: false,
    stop: new AbortController(),
    assign(partitions) {
      positions.clear();
      queue = [{ kind: 'joined', partitions }];
      note(world, 'joins');
    },
  };
  return member;
}

function fetchRecords(world: World, positions: Map<number, bigint>): SourceEvent | undefined {
  for (const [partition, fetchOffset] of positions) {
    const log = world.log[partition] ?? [];
    const from = Number(fetchOffset);
    const records = log.slice(from, from + 1 + Math.floor(world.random() * 8));
    if (records.length === 0) continue;
    const nextOffset = fetchOffset + BigInt(records.length);
    positions.delete(partition);
    positions.set(partition, nextOffset);
    return { kind: 'records', partition, fetchOffset, nextOffset, endOffset: BigInt(log.length), records, bytes: 1 };
  }
  return undefined;
}

/** How an answer reaches a process: late when it sleeps, never when it is dead. */
async function answer(world: World, member: Member, ms: number): Promise<void> {
  await world.clock.sleep(ms);
  while (member.sleepUntil > world.clock.elapsed()) await world.clock.sleep(member.sleepUntil - world.clock.elapsed());
  if (member.dead) await new Promise(() => undefined);
}

function memberClock(world: World, member: Member): Clock {
  return {
    now: world.clock.now,
    elapsed: world.clock.elapsed,
    async sleep(ms, signal) {
      await world.clock.sleep(ms, signal);
      await answer(world, member, 0);
    },
  };
}

function isFaulty(world: World, chance: number): boolean {
  return world.clock.elapsed() < world.faultsUntil && world.random() < chance;
}

// --- the warehouse ---------------------------------------------------------------------------------------------------

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

function createWarehouse(world: World, member: Member): Warehouse {
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
  };
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

function lost(world: World): GbxError {
  note(world, 'lost answers');
  return new GbxError('GBX_WAREHOUSE_UNSURE', 'simulated: no answer to COMMIT');
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

async function writeDeadLetters(world: World, member: Member, letters: readonly DeadLetter[]): Promise<void> {
  await answer(world, member, world.random() * 20);
  if (isFaulty(world, 0.1)) throw new GbxError('GBX_KAFKA_UNREACHABLE', 'simulated');
  if (world.guards.deadLetterFirst === false && isFaulty(world, 0.5)) return;
  for (const { record } of letters) {
    world.letters.add(identityOf(record));
    note(world, 'dead letters');
  }
}

// --- faults ----------------------------------------------------------------------------------------------------------

function scheduleFaults(world: World): void {
  const { clock, random } = world;
  void (async () => {
    for (;;) {
      await clock.sleep(200 + random() * 8_000);
      if (clock.elapsed() > world.faultsUntil) return rebalance(world);
      const roll = random();
      const member = [...world.members][Math.floor(random() * world.members.size)];
      if (member === undefined) continue;
      if (roll < 0.35) rebalance(world);
      else if (roll < 0.6) {
        note(world, 'kills');
        kill(world, member);
      } else if (roll < 0.8) {
        note(world, 'outages');
        world.outageUntil = clock.elapsed() + random() * 20_000;
      } else if (world.members.size > 1) stopForAWhile(world, member);
    }
  })();
}

/** SIGSTOP: the others take over; on SIGCONT it goes on with what it believed, and only then learns of the group. */
function stopForAWhile(world: World, member: Member): void {
  note(world, 'sleeps');
  member.sleepUntil = world.clock.elapsed() + 1_000 + world.random() * 10_000;
  rebalance(world);
  void world.clock.sleep(member.sleepUntil - world.clock.elapsed() + world.random() * 300).then(() => rebalance(world));
}

// --- what must hold --------------------------------------------------------------------------------------------------

/** A copy of an exposure that was given up is given up with it. */
function identityOf(record: LogRecord): string {
  const decoded = decodeRecord(record, PLACE);
  return decoded.kind === 'exposure'
    ? `${decoded.exposure.exposureId} of ${decoded.exposure.dsUserId}`
    : `${record.partition}/${record.offset}`;
}

/** At every commit: whatever the ledger has passed is in the table or in the dead letters. */
function checkAccounted(world: World): void {
  const inTable = new Map(world.table.map((row) => [row.exposureId, row]));
  for (const row of world.ledger.values()) {
    for (const record of (world.log[row.partition] ?? []).slice(0, Number(row.nextOffset))) {
      const decoded = decodeRecord(record, PLACE);
      const stored = decoded.kind === 'exposure' ? inTable.get(decoded.exposure.exposureId) : undefined;
      const isStored = decoded.kind === 'exposure' && stored?.dsUserId === decoded.exposure.dsUserId;
      if (!isStored && !world.letters.has(identityOf(record))) world.violations.push(`lost: ${record.partition}/${record.offset}`);
    }
  }
}

function isDrained(world: World): boolean {
  return world.log.every(
    (records, partition) => records.length === 0 || Number(world.ledger.get(partition)?.nextOffset ?? 0) === records.length,
  );
}

function checkEnd(world: World): void {
  checkAccounted(world);
  const counts = new Map<string, number>();
  for (const row of world.table) counts.set(row.exposureId, (counts.get(row.exposureId) ?? 0) + 1);
  for (const [id, count] of counts) if (count > 1) world.violations.push(`doubled: ${id} stands ${count} times`);
}

const silentLog: Logger = { error: () => undefined, warn: () => undefined, info: () => undefined, debug: () => undefined };
const noMetrics: Metrics = { count: () => undefined, set: () => undefined, observe: () => undefined };
