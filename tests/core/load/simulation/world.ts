// The state of a simulated deployment, and what one seed decides about it: how many processes, which kinds of faults.
import type { Random } from '../../../../src/core/clock.ts';
import type { Exposure, LogRecord } from '../../../../src/core/exposure/exposure.ts';
import type { LedgerRow } from '../../../../src/core/load/ports.ts';
import { seededRandom } from '../../../support/clock.ts';
import type { Client } from './group.ts';
import type { Process } from './process.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

export const PARTITIONS = 3;
export const START_MS = Date.UTC(2026, 0, 15);
export const SCOPE = { clusterId: 'sim', group: 'g', topic: 'exposures' };

/** Guards of the protocol that a test switches off to show that the simulation notices. */
export type Guard =
  | 'ledger lock'
  | 'compare and swap'
  | 'anti-join'
  | 'dead letters acknowledged'
  | 'requeue acknowledged'
  | 'requeue before the ledger'
  | 'gaps seen'
  | 'stall watch'
  | 'control row'
  | 'retry count';

/** Kinds of faults; a seed has some of them, since those that come together every time hide what one does alone. */
const KINDS = [
  'kills',
  'stops',
  'rebalances',
  'sleeps',
  'intruder',
  'warehouse',
  'lost answers',
  'kafka',
  'outages',
  'wrong schema',
  'client',
  'bad rows',
  'bad table',
  'mostly bad',
  'retention',
] as const;
export type Kind = (typeof KINDS)[number];

/** A record as a producer wrote it. */
export interface Sent {
  readonly root: number;
  readonly record: LogRecord;
  readonly exposure: Exposure | undefined;
  /** Its headers were made up by the producer. */
  readonly isForged: boolean;
  /** Gone from the log before it was loaded: nobody can be blamed. */
  isExpired: boolean;
}

export interface ModelPartition {
  start: number;
  /** By offset, also below `start`; undefined are marks of transactions, that no consumer gets to see. */
  entries: (LogRecord | undefined)[];
  /** Made anew, and the ledger not yet reset by the operator. */
  isAnother: boolean;
}

export interface Letter {
  readonly root: number;
  readonly code: string;
}

/** What the table refuses. */
export interface Refusing {
  /** Every row, whatever it holds. */
  everything: boolean;
  /** Four ids of five. */
  most: boolean;
  /** By id: until when, by the clock. */
  readonly rows: Map<string, number>;
  /** When any of this changed last. */
  changedMs: number;
}

export interface World {
  readonly seed: number;
  readonly random: Random;
  readonly clock: VirtualClock;
  readonly off: ReadonlySet<Guard>;
  readonly kinds: ReadonlySet<Kind>;
  readonly maxRetries: number;
  readonly processCount: number;
  readonly log: readonly ModelPartition[];
  readonly sent: Sent[];
  /** Ids of which a copy stands in the topic, or what looks like one. */
  readonly copiedIds: Set<string>;
  /** By place in the topic: how often a record was requeued on its way there, whatever its headers say. */
  readonly retries: Map<string, number>;
  readonly ledger: Map<number, LedgerRow>;
  readonly committed: Map<number, bigint>;
  readonly table: Map<string, Exposure>;
  readonly letters: Map<number, Letter[]>;
  /** Ids of rows that were refused alone. */
  readonly refusedAlone: Set<string>;
  readonly refusing: Refusing;
  readonly processes: Set<Process>;
  readonly clients: Set<Client>;
  readonly seen: Record<string, number>;
  readonly violations: string[];
  generation: number;
  lockTail: Promise<void>;
  outageUntil: number;
  kafkaOutageUntil: number;
  wrongSchemaUntil: number;
  /** No client can read. */
  unreadableUntil: number;
  readonly faultsUntil: number;
  /** The operator has stopped the consumers. */
  isStopped: boolean;
  serial: number;
}

export interface Choice {
  /** Guards that are switched off. */
  readonly off?: readonly Guard[];
  /** Kinds of faults, in place of those that the seed decides. */
  readonly kinds?: readonly Kind[];
}

export function createWorld(seed: number, { off = [], kinds: chosen }: Choice): World {
  const random = seededRandom(seed);
  const drawn = KINDS.filter(() => random() < 0.5);
  const kinds = new Set(chosen ?? drawn);
  return {
    seed,
    random,
    clock: createVirtualClock(START_MS),
    off: new Set(off),
    kinds,
    maxRetries: Math.floor(random() * 4),
    processCount: chosen === undefined ? 1 + Math.floor(random() * 3) : 3,
    log: Array.from({ length: PARTITIONS }, () => ({ start: 0, entries: [], isAnother: false })),
    sent: [],
    copiedIds: new Set(),
    retries: new Map(),
    ledger: new Map(),
    committed: new Map(),
    table: new Map(),
    letters: new Map(),
    refusedAlone: new Set(),
    refusing: { everything: false, most: false, rows: new Map(), changedMs: 0 },
    processes: new Set(),
    clients: new Set(),
    seen: {},
    violations: [],
    generation: 0,
    lockTail: Promise.resolve(),
    outageUntil: 0,
    kafkaOutageUntil: 0,
    wrongSchemaUntil: 0,
    unreadableUntil: 0,
    // Longer histories found no more broken guards in the same CPU time.
    faultsUntil: 1_500 + random() ** 2 * 8_000,
    isStopped: false,
    serial: 0,
  };
}

export function note(world: World, what: string): void {
  world.seen[what] = (world.seen[what] ?? 0) + 1;
}

export function blame({ violations, clock }: Pick<World, 'violations' | 'clock'>, what: string): void {
  violations.push(`${Math.round(clock.elapsed())} ms: ${what}`);
}

/** Whether a fault of this kind strikes now. */
export function strikes(world: World, kind: Kind, chance: number): boolean {
  return world.kinds.has(kind) && world.clock.elapsed() < world.faultsUntil && world.random() < chance;
}

export function pick<T>({ random }: World, items: readonly T[]): T | undefined {
  return items[Math.floor(random() * items.length)];
}

/** Whether the table takes this row now. */
export function isRefused({ refusing, clock }: World, exposureId: string): boolean {
  if (refusing.everything) return true;
  if (exposureId === 'gbx-control') return false;
  if (refusing.most && hashOf(exposureId) % 5 !== 0) return true;
  return (refusing.rows.get(exposureId) ?? 0) > clock.elapsed();
}

function hashOf(text: string): number {
  let hash = 7;
  for (let at = 0; at < text.length; at++) hash = (hash * 31 + text.charCodeAt(at)) >>> 0;
  return hash;
}
