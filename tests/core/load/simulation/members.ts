// The processes: the real load loop with a supervised source, started again whenever one ends, and the operator who sets
// the ledger when a topic was made anew.
import { asGbxError, type ErrorCode, type GbxError } from '../../../../src/core/errors.ts';
import { decodeRecord } from '../../../../src/core/exposure/decode.ts';
import { createCircuit } from '../../../../src/core/load/circuit.ts';
import { runLoad } from '../../../../src/core/load/load.ts';
import type { LoadDeps, LoadOptions } from '../../../../src/core/load/loop.ts';
import type { OwnedSource } from '../../../../src/core/load/rebuild-source.ts';
import { executeReset, planReset } from '../../../../src/core/load/reset-ledger.ts';
import { superviseSource } from '../../../../src/core/load/supervise.ts';
import type { Logger } from '../../../../src/core/log.ts';
import { noMetrics } from '../../../support/metrics.ts';
import { createDeadLetterWriter, createRequeuer } from './broker.ts';
import { loseClients, openClient } from './group.ts';
import { checkOnce, die, type Process, processClock } from './process.ts';
import { createWarehouse } from './warehouse.ts';
import { blame, note, SCOPE, type World } from './world.ts';

/** What a process may end with; anything else is a bug. */
const ENDS: ReadonlySet<ErrorCode> = new Set([
  'GBX_FENCED',
  'GBX_WAREHOUSE_SCHEMA',
  'GBX_WAREHOUSE_PERMISSION',
  'GBX_WAREHOUSE_UNREACHABLE',
  'GBX_WAREHOUSE_OVERLOADED',
  'GBX_KAFKA_UNREACHABLE',
  'GBX_TOPIC_MISSING',
  'GBX_TOPIC_CHANGED',
  'GBX_CONSUMER_CRASHED',
]);

export function startProcess(world: World): void {
  if (world.isStopped) return;
  const process = createProcess(world, { isMortal: true });
  world.processes.add(process);
  run(world, process)
    .then(
      () => note(world, process.isOnce && !process.stop.signal.aborted ? 'once finished' : 'stopped'),
      (error: unknown) => onEnd(world, process, asGbxError(error)),
    )
    .finally(() => die(process));
}

function createProcess(world: World, { isMortal }: Pick<Process, 'isMortal'>): Process {
  const { random, clock, kinds } = world;
  const isCalm = clock.elapsed() >= world.faultsUntil;
  const process: Process = {
    name: `p${world.serial++}`,
    isMortal,
    isOnce: !isCalm && random() < 0.15,
    allowance: random() < (kinds.has('mostly bad') ? 0.4 : 0.1) ? 10 + Math.floor(random() * 30) : 0,
    stop: new AbortController(),
    sleepUntil: 0,
    isDead: false,
    onDeath: () => {
      world.processes.delete(process);
      loseClients(world, process);
      clock.after(random() * 1_500, () => startProcess(world));
    },
    search: undefined,
    claimed: [],
    ends: new Map(),
    knownEnds: new Map(),
    claims: 0,
    givenUp: new Set(),
  };
  return process;
}

async function run(world: World, process: Process): Promise<void> {
  const { random } = world;
  const clock = processClock(world, process);
  const log = notingLog(world);
  const open = (): Promise<OwnedSource> => openClient(world, process);
  const silentChecksMax = world.off.has('stall watch') ? 1_000_000 : 3;
  const limits = { checkMs: 1_000, silentChecksMax, evictedMs: 2_000, closeMs: 3_000, openMs: 5_000, rebuildsMax: 5 };
  const source = await superviseSource({ open, clock, random, log, metrics: noMetrics, limits });
  const deps: LoadDeps = {
    source,
    warehouse: createWarehouse(world, process),
    writeDeadLetters: createDeadLetterWriter(world, process),
    requeue: createRequeuer(world, process),
    decode: (record) => decodeRecord(record, SCOPE),
    newOwner: () => `${process.name}-${world.serial++}`,
    clock,
    circuit: createCircuit({ clock, random, log, metrics: noMetrics }),
    status: { partitions: undefined, isDraining: false },
    random,
    log,
    metrics: noMetrics,
  };
  await runLoad(deps, optionsOf(world, process), process.stop.signal);
  if (process.isOnce && !process.stop.signal.aborted) checkOnce(world, process);
  await source[Symbol.asyncDispose]();
}

function optionsOf({ random, maxRetries }: World, process: Process): LoadOptions {
  const policy = {
    rowsDue: 1 + Math.floor(random() ** 3 * 25),
    ageDueMs: 500,
    rowsMax: 3 + Math.floor(random() * 25),
    bytesMax: 1_000_000,
  };
  return {
    policy,
    retry: { max: maxRetries, backoffMs: [300, 1_500, 4_000] },
    hold: { recordsMax: random() < 0.5 ? 1 + Math.floor(random() * 2) : 1_000, bytesMax: random() < 0.1 ? 1_000 : 1_000_000 },
    host: process.name,
    startFrom: 'earliest',
    drainTimeoutMs: 1_000,
    once: process.isOnce,
    deadLetterUpTo: process.allowance,
    retentionMs: random() < 0.5 ? 20_000 : undefined,
  };
}

/** The log names the paths that were taken. */
function notingLog(world: World): Logger {
  const at = (event: string): void => note(world, `log ${event}`);
  return { error: at, warn: at, info: at, debug: () => undefined };
}

function onEnd(world: World, { name }: Process, error: GbxError): void {
  note(world, `ended ${error.code}`);
  if (!ENDS.has(error.code)) {
    blame(world, `${name} ended: ${error.code} ${error.message} ${error.code === 'GBX_BUG' ? error.stack : ''}`);
  } else if (error.code === 'GBX_TOPIC_CHANGED' && !world.isStopped) {
    if (world.log.some(({ isAnother }) => isAnother)) void resetLedger(world);
    else blame(world, `${name} takes the topic for another one`);
  }
}

/** Stops the consumers, runs `gbx consume --reset-ledger earliest --execute` until it works, starts them again. */
async function resetLedger(world: World): Promise<void> {
  const { clock, random } = world;
  world.isStopped = true;
  for (const process of [...world.processes]) die(process);
  await clock.sleep(3_000);
  const operator = createProcess(world, { isMortal: false });
  const warehouse = createWarehouse(world, operator);
  const offsets = async () =>
    world.log.map(({ start, entries }, partition) => ({
      partition,
      start: BigInt(start),
      end: BigInt(entries.length),
      committed: world.committed.get(partition),
    }));
  const commit = async (positions: ReadonlyMap<number, bigint>): Promise<void> => {
    for (const [partition, offset] of positions) world.committed.set(partition, offset);
  };
  for (;;) {
    try {
      const broker = { offsets, commit };
      const steps = await planReset({ warehouse, broker }, SCOPE, 'earliest');
      await executeReset({ warehouse, broker }, steps, { scope: SCOPE, owner: 'operator', host: 'operator', nowMs: clock.now() });
      break;
    } catch (error) {
      const { failure, message } = asGbxError(error);
      if (failure === 'fatal') blame(world, `the ledger cannot be reset: ${message}`);
      await clock.sleep(1_000 + random() * 1_000);
    }
  }
  note(world, 'ledger reset');
  for (const log of world.log) log.isAnother = false;
  world.isStopped = false;
  for (let count = 0; count < world.processCount; count++) startProcess(world);
}
