// A simulated process: it can die at any step, and sleep (SIGSTOP) while the world goes on without it.
import type { Clock } from '../../../../src/core/clock.ts';
import { blame, note, strikes, type World } from './world.ts';

/** What a flush that was refused for its rows began: see checks.ts. */
export interface SearchSeen {
  readonly atMs: number;
  readonly ids: ReadonlySet<string>;
  /** Refused ones among them, by the predicate that the program does not know. */
  readonly refusedCount: number;
  /** By the protocol none of these rows may be requeued or given up. */
  readonly mustHold: 'everything' | 'most' | undefined;
  trials: number;
}

export interface Process {
  readonly name: string;
  readonly isMortal: boolean;
  readonly isOnce: boolean;
  readonly allowance: number;
  readonly stop: AbortController;
  /** While asleep nothing this process awaits comes back. */
  sleepUntil: number;
  isDead: boolean;
  readonly onDeath: () => void;
  search: SearchSeen | undefined;
  /** The partitions of its last claim, and where each one's log ended at the first. */
  claimed: readonly number[];
  readonly ends: Map<number, bigint>;
  readonly knownEnds: Map<number, bigint>;
  /** Claims after the first: what was counted of a batch that was dropped is not. */
  claims: number;
  readonly givenUp: Set<number>;
}

export function die(process: Process): void {
  if (process.isDead) return;
  process.isDead = true;
  process.onDeath();
}

/** How an answer reaches a process: late when it sleeps, never when it is dead. */
export async function reply({ clock }: World, process: Process, ms: number): Promise<void> {
  await clock.sleep(ms);
  while (process.sleepUntil > clock.elapsed() && !process.isDead) await clock.sleep(process.sleepUntil - clock.elapsed());
  if (process.isDead) await new Promise(() => undefined);
}

export interface Call {
  readonly step: string;
  readonly process: Process;
  /** Longest time on the way, there and back. */
  readonly ms: number;
}

/** A request: the other side works on whether or not its client lives, which may die just before it or just after. */
export async function call<T>(world: World, { step, process, ms }: Call, work: () => Promise<T>): Promise<T> {
  const { random } = world;
  await reply(world, process, random() * ms);
  if (process.isMortal && strikes(world, 'kills', 0.008)) {
    note(world, `killed before ${step}`);
    die(process);
    return new Promise(() => undefined);
  }
  const outcome = await work().then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (process.isMortal && !process.isDead && strikes(world, 'kills', 0.008)) {
    note(world, `killed after ${step}`);
    die(process);
  }
  await reply(world, process, random() * ms);
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}

export function processClock(world: World, process: Process): Clock {
  const { clock } = world;
  return {
    now: clock.now,
    elapsed: clock.elapsed,
    async sleep(ms, signal) {
      await clock.sleep(ms, signal);
      if (process.isDead || process.sleepUntil > clock.elapsed()) await reply(world, process, 0);
    },
  };
}

/** At the end of a `--once` run: all is loaded that stood in the log when it began. */
export function checkOnce(world: World, { name, claimed, ends }: Process): void {
  for (const partition of claimed) {
    const ledger = world.ledger.get(partition)?.nextOffset ?? 0n;
    const end = ends.get(partition) ?? 0n;
    const { start, entries, isAnother } = world.log[partition] ?? { start: 0, entries: [], isAnother: true };
    // What expired is passed with the next batch only.
    const records = entries.slice(Math.max(start, Number(ledger)), Number(end));
    if (isAnother || records.every((record) => record === undefined)) continue;
    blame(world, `${name} with once left at ${ledger} of partition ${partition}, which ended at ${end}`);
  }
}
