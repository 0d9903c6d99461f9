// What goes wrong, and when: one loop until the faults end, and then calm.
import { GbxError } from '../../../../src/core/errors.ts';
import { rebalance } from './group.ts';
import { die, type Process } from './process.ts';
import { expire, makeAnew, partitionOf, produce } from './topic.ts';
import { blame, type Kind, note, PARTITIONS, pick, type World } from './world.ts';

/** A drain may take its own timeout, an answer of Kafka, and what the world takes to answer. */
const STOP_MS_MAX = 15_000;

export async function makeFaults(world: World): Promise<void> {
  const { clock, random, kinds } = world;
  // On a backlog, where batches are large.
  if (kinds.has('mostly bad') && random() < 0.7) refuseFor(world, 'most');
  const enabled = (Object.keys(FAULTS) as Kind[]).filter((kind) => kinds.has(kind));
  for (;;) {
    await clock.sleep(100 + random() * 2_500);
    if (clock.elapsed() > world.faultsUntil) return calm(world);
    const kind = pick(world, enabled);
    if (kind !== undefined) FAULTS[kind]?.(world);
  }
}

/** Arrivals, until the faults end. */
export async function makeTraffic(world: World): Promise<void> {
  const { clock, random } = world;
  for (let count = Math.floor(random() * 60); count > 0; count--) produce(world);
  const pauseMs = 50 + random() * 2_000;
  while (clock.elapsed() < world.faultsUntil) {
    produce(world);
    await clock.sleep(random() * pauseMs);
  }
}

const FAULTS: Partial<Record<Kind, (world: World) => void>> = {
  kills: (world) => {
    const process = pick(world, [...world.processes]);
    if (process === undefined) return;
    note(world, 'killed');
    die(process);
  },
  stops: (world) => {
    const process = pick(world, [...world.processes]);
    if (process !== undefined) stopSoftly(world, process);
  },
  rebalances: rebalance,
  sleeps: stopForAWhile,
  intruder: intrude,
  outages: (world) => {
    const until = world.clock.elapsed() + world.random() ** 3 * 90_000;
    const isKafka = world.random() < 0.3;
    note(world, isKafka ? 'outage of Kafka' : 'outage of the warehouse');
    if (isKafka) world.kafkaOutageUntil = until;
    else world.outageUntil = until;
  },
  'wrong schema': (world) => {
    world.wrongSchemaUntil = world.clock.elapsed() + world.random() * 10_000;
  },
  client: breakClient,
  'bad table': (world) => refuseFor(world, 'everything'),
  'mostly bad': (world) => refuseFor(world, 'most'),
  retention: (world) => {
    const partition = Math.floor(world.random() * PARTITIONS);
    if (world.random() < 0.85) return expire(world, partition);
    if (!makeAnew(world, partition)) return;
    for (let count = Math.floor(world.random() * 60); count > 0; count--) produce(world);
    for (const client of world.clients) {
      client.failure = new GbxError('GBX_CONSUMER_CRASHED', 'simulated: the topic is gone');
      client.wake();
    }
  },
};

function refuseFor(world: World, what: 'everything' | 'most'): void {
  const { refusing, clock, random } = world;
  const set = (value: boolean): void => {
    refusing[what] = value;
    refusing.changedMs = clock.elapsed();
  };
  set(true);
  clock.after(random() * 12_000, () => set(false));
}

/** Somebody else claims the same partitions in the ledger, again and again, and loads nothing. */
function intrude(world: World): void {
  note(world, 'intruder');
  const { clock, random, ledger } = world;
  for (let afterMs = 0; afterMs < random() * 30_000; afterMs += 1_000 + random() * 3_000) {
    clock.after(afterMs, () => {
      for (const [partition, row] of ledger) ledger.set(partition, { ...row, epoch: row.epoch + 1, owner: 'intruder', host: 'elsewhere' });
    });
  }
}

function stopSoftly(world: World, process: Process): void {
  note(world, 'asked to stop');
  process.stop.abort();
  world.clock.after(STOP_MS_MAX, () => {
    if (!process.isDead && process.sleepUntil === 0) blame(world, `${process.name} did not stop in time`);
  });
}

/** SIGSTOP: the others take over; on SIGCONT it goes on with what it believed, and only then learns of the group. */
function stopForAWhile(world: World): void {
  const { clock, random } = world;
  const process = pick(world, [...world.processes]);
  if (process === undefined) return;
  note(world, 'slept');
  process.sleepUntil = clock.elapsed() + 500 + random() * 10_000;
  rebalance(world);
  clock.after(process.sleepUntil - clock.elapsed() + random() * 300, () => rebalance(world));
}

function breakClient(world: World): void {
  const { clock, random } = world;
  const client = pick(world, [...world.clients]);
  if (client === undefined) return;
  const partition = pick(world, client.assigned) ?? 0;
  const roll = random();
  if (roll < 0.05) {
    note(world, 'unreadable for a while');
    world.unreadableUntil = clock.elapsed() + random() * 30_000;
  } else if (roll < 0.3) {
    note(world, 'client crashed');
    client.failure = new GbxError(random() < 0.5 ? 'GBX_CONSUMER_CRASHED' : 'GBX_KAFKA_UNREACHABLE', 'simulated');
    client.wake();
  } else if (roll < 0.55) {
    note(world, 'client stalled');
    client.stalled.add(partition);
  } else if (roll < 0.8) {
    if (!client.positions.has(partition)) return;
    note(world, 'position lost');
    const { start, entries } = partitionOf(world, partition);
    client.positions.set(partition, BigInt(random() < 0.5 ? start : entries.length));
  } else {
    note(world, 'forgotten by the group');
    client.forgottenUntil = clock.elapsed() + random() * 12_000;
    rebalance(world);
    clock.after(client.forgottenUntil - clock.elapsed() + 1, () => rebalance(world));
  }
}

function calm(world: World): void {
  // Outages last as long as they do.
  Object.assign(world.refusing, { everything: false, most: false, changedMs: world.clock.elapsed() });
  for (const client of world.clients) client.wake();
  rebalance(world);
}
