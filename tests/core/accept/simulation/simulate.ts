// One life of a spool by a seed: processes that take exposures, send them, and die at any step, over a model disk and a
// model broker, without real time. At the end everything works again, and the books are compared.
import { crc32 } from 'node:zlib';
import type { SendOutcome, SendRecords } from '../../../../src/core/accept/ports.ts';
import type { Checksum, Disk } from '../../../../src/core/accept/spool/disk.ts';
import { decodeRecords, HEADER_BYTES } from '../../../../src/core/accept/spool/format.ts';
import { openSpool, type Spool } from '../../../../src/core/accept/spool/open-spool.ts';
import type { Random } from '../../../../src/core/clock.ts';
import type { OutgoingRecord } from '../../../../src/core/exposure/exposure.ts';
import { type ManualClock, manualClock, seededRandom } from '../../../support/clock.ts';
import { silentLog } from '../../../support/log.ts';
import { collectingMetrics } from '../../../support/metrics.ts';
import { createModelDisk, type Gate, type ModelDisk } from './model-disk.ts';

/** A fault in the program under test, made from outside: the books must then be wrong for some seed. */
export interface Mutant {
  readonly disk?: (disk: Disk) => Disk;
  readonly send?: (send: SendRecords) => SendRecords;
  readonly checksum?: Checksum;
}

export interface Outcome {
  readonly problems: readonly string[];
  readonly accepted: number;
  readonly delivered: number;
  readonly crashes: number;
  readonly cut: number;
  readonly refused: number;
  readonly refusedByDisk: number;
  readonly unknown: number;
}

interface World {
  readonly random: Random;
  readonly clock: ManualClock;
  readonly disk: ModelDisk;
  readonly metrics: ReturnType<typeof collectingMetrics>;
  readonly mutant: Mutant;
  readonly pushed: Map<string, OutgoingRecord>;
  readonly outcomes: Map<string, SendOutcome['kind']>;
  readonly delivered: Map<string, OutgoingRecord>;
  /** Told to a sender: acknowledged, or refused for itself. */
  readonly answered: Set<string>;
  readonly problems: string[];
  broker: 'up' | 'down' | 'flaky';
  crashes: number;
  flips: number;
}

interface Process {
  readonly spool: Spool;
  /** Lets one step of disk or broker happen, if any waits. */
  step(): boolean;
  kill(): void;
}

const GENERATIONS = 3;
const STEPS_MAX = 60;
const DRAIN_ROUNDS_MAX = 4_000;
const ILL_ROUNDS_MAX = 300;
/** What is always left free, and room for some segments. */
const BYTES_MAX = 65_536 + 4_000;

export async function simulate(
  seed: number,
  { mutant = {}, flips = false }: { readonly mutant?: Mutant; readonly flips?: boolean } = {},
): Promise<Outcome> {
  const world = createWorld(seed, mutant);
  for (let generation = 0; generation < GENERATIONS; generation++) {
    const process = await start(world);
    if (process === undefined) break;
    await live(process, world);
    await end(process, world);
    if (flips && world.flips === 0 && world.random() < 0.5 && world.disk.flipBit()) world.flips += 1;
  }
  await settleAll(world);
  return takeBooks(world);
}

function createWorld(seed: number, mutant: Mutant): World {
  const random = seededRandom(seed);
  const world: World = {
    random,
    clock: manualClock(),
    disk: createModelDisk(random),
    metrics: collectingMetrics(),
    mutant,
    pushed: new Map(),
    outcomes: new Map(),
    delivered: new Map(),
    answered: new Set(),
    problems: [],
    broker: 'up',
    crashes: 0,
    flips: 0,
  };
  world.disk.onRemove = (name, content) => {
    if (!name.endsWith('.spool') || world.flips > 0) return;
    for (const { value } of decodeRecords(content.subarray(HEADER_BYTES), { checksum: crc32, isEnd: true }).records) {
      const id = value.toString();
      const isOwed = world.outcomes.get(id) === 'acked' && !world.answered.has(id);
      if (isOwed) world.problems.push(`${name} was removed before ${id} was acknowledged`);
    }
  };
  return world;
}

/** Undefined where the disk did not let it start. */
async function start(world: World): Promise<Process | undefined> {
  const gates: (() => void)[] = [];
  const life = { isDead: false };
  const gate: Gate = () => new Promise((resolve) => (life.isDead ? undefined : gates.push(resolve)));
  const step = (): boolean => {
    const [open] = gates.splice(Math.floor(world.random() * gates.length), 1);
    open?.();
    return open !== undefined;
  };
  const modelDisk = world.disk.open(gate);
  const send = createBroker(world, gate);
  const opening = openSpool({
    disk: world.mutant.disk?.(modelDisk) ?? modelDisk,
    checksum: world.mutant.checksum ?? crc32,
    send: world.mutant.send?.(send) ?? send,
    isUp: () => world.broker !== 'down' || world.random() < 0.2,
    clock: world.clock,
    random: world.random,
    log: silentLog(),
    metrics: world.metrics,
    bytesMax: BYTES_MAX,
    stallMs: 5_000,
    segmentBytesMax: 400 + Math.floor(world.random() * 600),
    retireBytes: 200,
    chunkBytes: 100 + Math.floor(world.random() * 300),
  });
  let spool: Spool | undefined;
  let failed = false;
  opening.then(
    (opened) => {
      spool = opened;
    },
    () => {
      failed = true;
    },
  );
  while (spool === undefined && !failed) {
    step();
    await turn();
  }
  const kill = (): void => {
    life.isDead = true;
    gates.length = 0;
  };
  return spool && { spool, step, kill };
}

function createBroker(world: World, gate: Gate): SendRecords {
  const { random } = world;
  return async (records) => {
    await gate();
    const outcomes = records.map((record): SendOutcome => {
      if (world.broker === 'down') return { kind: 'not-sent', reason: 'down' };
      const isBad = world.broker === 'flaky' && random() < 0.4;
      if (isBad && random() < 0.5) return { kind: 'not-sent', reason: 'no leader' };
      if (record.key.toString().startsWith('poison')) return { kind: 'refused', reason: 'too large' };
      if (isBad && random() < 0.5) return { kind: 'unknown', reason: 'no answer' };
      world.delivered.set(record.value.toString(), record);
      return isBad ? { kind: 'unknown', reason: 'no answer' } : { kind: 'acked' };
    });
    await gate();
    for (const [i, record] of records.entries()) {
      if (outcomes[i]?.kind === 'acked' || outcomes[i]?.kind === 'refused') world.answered.add(record.value.toString());
    }
    return outcomes;
  };
}

async function live(process: Process, world: World): Promise<void> {
  const { random, clock, disk } = world;
  const steps = Math.floor(random() * STEPS_MAX);
  for (let i = 0; i < steps; i++) {
    const dice = random();
    if (dice < 0.25) push(process.spool, world, 1 + Math.floor(random() * 4));
    else if (dice < 0.8) process.step();
    else if (dice < 0.9) await clock.advance(random() * 4_000);
    else if (dice < 0.91) disk.moveAside();
    else if (dice < 0.95) world.broker = random() < 0.5 ? 'up' : random() < 0.5 ? 'down' : 'flaky';
    else disk.failing.share = disk.failing.share > 0 ? 0 : random() * 0.5;
    await turn();
  }
}

function push(spool: Spool, world: World, count: number): void {
  for (let i = 0; i < count; i++) {
    const id = `e${world.pushed.size}-${'x'.repeat(Math.floor(world.random() * 60))}`;
    const key = world.random() < 0.05 ? 'poison' : `user-${world.pushed.size}`;
    const record = { key, value: id, timestampMs: world.clock.now() };
    world.pushed.set(id, record);
    void spool.push(record, world.clock.elapsed() + 5_000).then(({ kind }) => world.outcomes.set(id, kind));
  }
}

/** Killed with the power cut, or killed alone, or asked to end. */
async function end(process: Process, world: World): Promise<void> {
  const dice = world.random();
  if (dice < 0.3) {
    const stop = new AbortController();
    void process.spool.close().then(() => process.spool.drain(stop.signal));
    for (let i = 0; i < 30; i++) {
      process.step();
      await world.clock.advance(20);
    }
    stop.abort();
  }
  process.kill();
  if (dice < 0.8) {
    world.disk.crash();
    world.crashes += 1;
  }
  world.disk.failing.share = 0;
}

/** In its last process disk and broker are ill for a while, then everything works, and all that is left goes out. */
async function settleAll(world: World): Promise<void> {
  const { random, disk } = world;
  const illRounds = random() < 0.7 ? Math.floor(random() * ILL_ROUNDS_MAX) : 0;
  world.broker = 'up';
  disk.failing.share = 0;
  const process = await start(world);
  if (process === undefined) {
    world.problems.push('it does not start although everything works');
    return;
  }
  await process.spool.close();
  let isEmpty: boolean | undefined;
  void process.spool.drain(new AbortController().signal).then((answer) => {
    isEmpty = answer;
  });
  for (let round = 0; isEmpty === undefined && round < DRAIN_ROUNDS_MAX; round++) {
    if (round < illRounds) disk.failing.share = 0.5;
    if (round < illRounds && random() < 0.02) disk.moveAside();
    if (round === illRounds) disk.failing.share = 0;
    process.step();
    await turn();
    if (round % 5 === 0) await world.clock.advance(50);
  }
  if (isEmpty !== true) world.problems.push('the spool does not get empty although everything works');
  process.kill();
}

function takeBooks(world: World): Outcome {
  const { pushed, outcomes, delivered, problems, metrics } = world;
  const kept = world.disk
    .aside()
    .filter(([name]) => name.startsWith('refused/'))
    .map(([, content]) => content.toString())
    .join('\n');
  const cut = [...metrics.values].filter(([name]) => name.startsWith('gbx_spool_records_cut')).reduce((sum, [, value]) => sum + value, 0);
  let lost = 0;
  for (const [id, kind] of outcomes) {
    const isThere = delivered.has(id) || kept.includes(JSON.stringify(id));
    if (kind === 'acked' && !isThere) {
      lost += 1;
      if (world.flips === 0) problems.push(`${id} was accepted and is lost`);
    }
    if (kind === 'not-sent' && isThere) problems.push(`${id} was surely not stored, and is there`);
  }
  // One bit can hurt one record, and that is said.
  if (lost > world.flips) problems.push(`${lost} lost by ${world.flips} bits`);
  if (lost > cut) problems.push(`${lost} lost, but ${cut} reported as cut`);
  for (const [id, record] of delivered) {
    const sent = pushed.get(id);
    const isSame = sent?.key === record.key.toString() && sent.timestampMs === record.timestampMs;
    if (!isSame) problems.push(`${id.slice(0, 40)} was delivered and never given so`);
  }
  const kinds = [...outcomes.values()];
  return {
    problems,
    accepted: kinds.filter((kind) => kind === 'acked').length,
    delivered: delivered.size,
    crashes: world.crashes,
    cut,
    refused: kept.split('\n').filter((line) => line !== '').length,
    refusedByDisk: kinds.filter((kind) => kind === 'not-sent').length,
    unknown: kinds.filter((kind) => kind === 'unknown').length,
  };
}

/** Lets the program run until it waits again. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
