// The state of a simulated deployment, and the log it starts with.
import type { Random } from '../../../../src/core/clock.ts';
import type { Exposure, LogRecord } from '../../../../src/core/exposure/exposure.ts';
import type { LedgerRow, Source } from '../../../../src/core/load/ports.ts';
import { seededRandom } from '../../../support/clock.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

export const PARTITIONS = 3;

export const START_MS = Date.UTC(2026, 0, 15);

export const PLACE = { clusterId: 'sim', topic: 'exposures' };

/** Guards of the protocol that a test switches off to show that it would notice. */
export interface Guards {
  readonly lock?: boolean;
  readonly compareAndSwap?: boolean;
  readonly antiJoin?: boolean;
  readonly deadLetterFirst?: boolean;
}

interface Row extends Exposure {
  readonly loadedBy: string;
}

export interface World {
  readonly random: Random;
  readonly clock: VirtualClock;
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

export interface Member {
  readonly name: string;
  readonly source: Source;
  assign(partitions: number[]): void;
  /** While asleep nothing this process awaits comes back. */
  sleepUntil: number;
  dead: boolean;
  readonly stop: AbortController;
}

export function createWorld(seed: number, guards: Guards): World {
  const random = seededRandom(seed);
  return {
    random,
    clock: createVirtualClock(START_MS),
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

export function note(world: World, what: string): void {
  world.seen[what] = (world.seen[what] ?? 0) + 1;
}

export function isFaulty(world: World, chance: number): boolean {
  return world.clock.elapsed() < world.faultsUntil && world.random() < chance;
}

/** How an answer reaches a process: late when it sleeps, never when it is dead. */
export async function answer(world: World, member: Member, ms: number): Promise<void> {
  await world.clock.sleep(ms);
  while (member.sleepUntil > world.clock.elapsed()) await world.clock.sleep(member.sleepUntil - world.clock.elapsed());
  if (member.dead) await new Promise(() => undefined);
}
