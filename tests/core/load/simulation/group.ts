// A model of the consumer group: members that run the real load loop, and a coordinator that moves partitions about.
import type { Clock } from '../../../../src/core/clock.ts';
import { GbxError } from '../../../../src/core/errors.ts';
import { decodeRecord } from '../../../../src/core/exposure/decode.ts';
import type { LogRecord } from '../../../../src/core/exposure/exposure.ts';
import { createCircuit } from '../../../../src/core/load/circuit.ts';
import { runLoad } from '../../../../src/core/load/load.ts';
import type { DeadLetter, OnWritten, Source, SourceEvent } from '../../../../src/core/load/ports.ts';
import { silentLog } from '../../../support/log.ts';
import { noMetrics } from '../../../support/metrics.ts';
import { createWarehouse, writeDeadLetters } from './warehouse.ts';
import { answer, isFaulty, type Member, note, PARTITIONS, PLACE, type World } from './world.ts';

const SCOPE = { clusterId: 'sim', group: 'g', topic: 'exposures' };

export function startMember(world: World): Member {
  const member = createMember(world, `m${world.owners++}`);
  world.members.add(member);
  const { clock, random } = world;
  const log = silentLog();
  const circuit = createCircuit({ clock, random, log, metrics: noMetrics });
  const deps = {
    source: member.source,
    warehouse: createWarehouse(world, member),
    writeDeadLetters: (letters: readonly DeadLetter[], onWritten: OnWritten) => writeDeadLetters(world, member, { letters, onWritten }),
    requeue: async () => undefined,
    decode: (record: LogRecord) => decodeRecord(record, PLACE),
    newOwner: () => `${member.name}-${world.owners++}`,
    clock: memberClock(world, member),
    circuit,
    status: { partitions: undefined, isDraining: false },
    random,
    log,
    metrics: noMetrics,
  };
  const rowsMax = 3 + Math.floor(random() * 20);
  const policy = { rowsDue: 1 + Math.floor(random() * 5), ageDueMs: 500, rowsMax, bytesMax: 1_000_000 };
  const retry = { max: 3, backoffMs: [1_000] };
  const options = { policy, retry, host: member.name, startFrom: 'earliest', drainTimeoutMs: 1_000 } as const;
  runLoad(deps, options, member.stop.signal).catch((error: unknown) => {
    if (error instanceof GbxError && error.code === 'GBX_FENCED') note(world, 'gave up fenced');
    else if (!member.stop.signal.aborted) world.violations.push(`${member.name} ended: ${String(error)}`);
    kill(world, member);
  });
  rebalance(world);
  return member;
}

export function kill(world: World, member: Member): void {
  if (member.dead) return;
  member.dead = true;
  world.members.delete(member);
  startMember(world);
}

/** Hands the partitions out anew; each member learns of it a little later, a sleeping one when it wakes. */
export function rebalance(world: World): void {
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
