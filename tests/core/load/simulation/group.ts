// A model of the consumer group: a coordinator that moves partitions about, and clients that crash, stand still, lose their
// position, or are forgotten by the group and read on all the same.
import { GbxError } from '../../../../src/core/errors.ts';
import type { LogRecord } from '../../../../src/core/exposure/exposure.ts';
import type { PartitionOffsets, SourceEvent } from '../../../../src/core/load/ports.ts';
import type { OwnedSource } from '../../../../src/core/load/rebuild-source.ts';
import { call, type Process, reply } from './process.ts';
import { partitionOf } from './topic.ts';
import { note, PARTITIONS, SCOPE, strikes, type World } from './world.ts';

export interface Client {
  readonly process: Process;
  /** Of the group, when it was last given partitions. */
  generation: number;
  assigned: readonly number[];
  /** Waits to be taken; then nothing else counts. */
  joined: readonly number[] | undefined;
  /** What was sought, and read on from there. */
  readonly positions: Map<number, bigint>;
  /** What a reader without gaps would ask for next. */
  readonly expected: Map<number, bigint>;
  readonly stalled: Set<number>;
  failure: GbxError | undefined;
  /** Left out by the coordinator, and not told. */
  forgottenUntil: number;
  isClosed: boolean;
  wake: () => void;
}

/** @throws {GbxError} GBX_KAFKA_UNREACHABLE */
export async function openClient(world: World, process: Process): Promise<OwnedSource> {
  const client: Client = {
    process,
    generation: -1,
    assigned: [],
    joined: undefined,
    positions: new Map(),
    expected: new Map(),
    stalled: new Set(),
    failure: undefined,
    forgottenUntil: 0,
    isClosed: false,
    wake: () => undefined,
  };
  await call(world, { step: 'open', process, ms: 50 }, async () => {
    if (world.clock.elapsed() < world.kafkaOutageUntil || strikes(world, 'client', 0.1)) {
      note(world, 'open failed');
      throw new GbxError('GBX_KAFKA_UNREACHABLE', 'simulated');
    }
    world.clients.add(client);
    rebalance(world);
  });
  return {
    ...SCOPE,
    take: (ms, signal) => take(world, client, { ms, signal }),
    offsets: (partitions) => readOffsets(world, process, partitions),
    seek: (wanted) => seek(world, client, wanted),
    commit: (positions) => commit(world, client, positions),
    async [Symbol.asyncDispose]() {
      leave(world, client);
      await reply(world, process, 20);
    },
  };
}

/** Hands the partitions out anew; each client learns of it a little later, that of a sleeping process when it wakes. */
export function rebalance(world: World): void {
  const { random, clock } = world;
  note(world, 'rebalances');
  const generation = ++world.generation;
  const now = clock.elapsed();
  const clients = [...world.clients].filter(
    ({ process, forgottenUntil }) => !process.isDead && process.sleepUntil <= now && forgottenUntil <= now,
  );
  const shares = new Map(clients.map((client) => [client, [] as number[]]));
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const client = clients[Math.floor(random() * clients.length)];
    if (client !== undefined) shares.get(client)?.push(partition);
  }
  for (const [client, partitions] of shares) {
    clock.after(random() * 100, () => {
      if (client.isClosed || world.generation !== generation) return;
      Object.assign(client, { generation, joined: partitions });
      client.positions.clear();
      client.wake();
    });
  }
}

function leave(world: World, client: Client): void {
  if (client.isClosed) return;
  client.isClosed = true;
  world.clients.delete(client);
  world.clock.after(world.random() * 500, () => rebalance(world));
}

/** A process that died says nothing: the group notices after its session timeout. */
export function loseClients(world: World, process: Process): void {
  for (const client of world.clients) {
    if (client.process !== process) continue;
    client.isClosed = true;
    world.clients.delete(client);
    world.clock.after(world.random() * 3_000, () => rebalance(world));
  }
}

async function take(
  world: World,
  client: Client,
  { ms, signal }: { ms: number; signal: AbortSignal | undefined },
): Promise<SourceEvent | undefined> {
  const { clock, random } = world;
  const end = clock.elapsed() + ms;
  for (;;) {
    await reply(world, client.process, random() * 5);
    if (client.failure !== undefined) throw client.failure;
    if (clock.elapsed() < world.unreadableUntil) throw new GbxError('GBX_CONSUMER_CRASHED', 'simulated: unreadable');
    const event = nextEvent(world, client);
    if (event !== undefined || signal?.aborted || clock.elapsed() >= end) return event;
    await new Promise<void>((resolve) => {
      const callOff = clock.after(end - clock.elapsed(), resolve);
      client.wake = () => {
        callOff();
        resolve();
      };
      signal?.addEventListener('abort', client.wake, { once: true });
    });
    signal?.removeEventListener('abort', client.wake);
  }
}

function nextEvent(world: World, client: Client): SourceEvent | undefined {
  const { joined } = client;
  if (joined !== undefined) {
    Object.assign(client, { joined: undefined, assigned: joined });
    return { kind: 'joined', partitions: joined };
  }
  if (world.clock.elapsed() < world.kafkaOutageUntil) return undefined;
  for (const [partition, position] of client.positions) {
    const event = client.stalled.has(partition) ? undefined : fetchRecords(world, client, { partition, position });
    if (event !== undefined) return event;
  }
  return undefined;
}

function fetchRecords(
  world: World,
  client: Client,
  { partition, position }: { partition: number; position: bigint },
): SourceEvent | undefined {
  const { start, entries } = partitionOf(world, partition);
  let fetchOffset = position;
  if (Number(position) < start || Number(position) > entries.length) {
    note(world, 'position out of range');
    fetchOffset = BigInt(start);
  }
  const from = Number(fetchOffset);
  const fetched = entries.slice(from, from + 1 + Math.floor(world.random() * 8));
  if (fetched.length === 0) return undefined;
  const nextOffset = fetchOffset + BigInt(fetched.length);
  // To the back, so that each has its turn.
  client.positions.delete(partition);
  client.positions.set(partition, nextOffset);
  const told = world.off.has('gaps seen') ? (client.expected.get(partition) ?? fetchOffset) : fetchOffset;
  client.expected.set(partition, nextOffset);
  const records = fetched.filter((record): record is LogRecord => record !== undefined);
  return { kind: 'records', partition, fetchOffset: told, nextOffset, endOffset: BigInt(entries.length), records, bytes: 1 };
}

/** Ignored while a join waits to be taken: then it was meant for the assignment before. */
function seek(_: World, client: Client, wanted: ReadonlyMap<number, bigint>): void {
  if (client.joined !== undefined) return;
  for (const [partition, offset] of wanted) {
    if (!client.assigned.includes(partition)) continue;
    client.positions.set(partition, offset);
    client.expected.set(partition, offset);
  }
}

async function readOffsets(world: World, process: Process, partitions: readonly number[]): Promise<readonly PartitionOffsets[]> {
  const known = await call(world, { step: 'offsets', process, ms: 15 }, async () => {
    if (world.clock.elapsed() < world.kafkaOutageUntil || strikes(world, 'kafka', 0.05))
      throw new GbxError('GBX_KAFKA_UNREACHABLE', 'simulated');
    return partitions.map((partition) => {
      const { start, entries } = partitionOf(world, partition);
      return { partition, start: BigInt(start), end: BigInt(entries.length), committed: world.committed.get(partition) };
    });
  });
  for (const { partition, end } of known) process.knownEnds.set(partition, end);
  return known;
}

async function commit(world: World, client: Client, positions: ReadonlyMap<number, bigint>): Promise<void> {
  const owned = client.joined === undefined ? [...positions].filter(([partition]) => client.assigned.includes(partition)) : [];
  await call(world, { step: 'commit', process: client.process, ms: 10 }, async () => {
    if (world.clock.elapsed() < world.kafkaOutageUntil || strikes(world, 'kafka', 0.1))
      throw new GbxError('GBX_KAFKA_UNREACHABLE', 'simulated');
    if (client.generation !== world.generation) {
      note(world, 'commit of no member');
      throw new GbxError('GBX_NOT_A_MEMBER', 'simulated');
    }
    for (const [partition, offset] of owned) world.committed.set(partition, offset);
  });
}
