// Makes one planned fault happen and measures how long loading took to go on: from the kill, the freeze or the end of the
// outage to the first new rows of the partitions that it touched. Recovery runs on while the next fault is waited for.
import { systemClock } from '../../src/core/clock.ts';
import { logged } from '../support/log-lines.ts';
import type { Posting } from '../support/posting.ts';
import type { TestProcess } from '../support/process.ts';
import type { Progress } from '../support/progress.ts';
import type { Arrivals } from './arrivals.ts';
import type { Member } from './fleet.ts';
import type { PlannedFault } from './schedule.ts';
import type { SoakServers } from './servers.ts';

/** A COMMIT that was on its way when its consumer died still counts, and tells nothing of recovery. */
const ON_ITS_WAY_MS = 500;

export interface FaultScene {
  readonly servers: SoakServers;
  readonly consumers: readonly Member[];
  readonly serve: Member;
  readonly progress: Progress;
  readonly arrivals: Arrivals;
  readonly posting: Posting;
}

export interface FiredFault extends PlannedFault {
  /** performance.now() from which recovery counts. */
  readonly sinceMs: number;
  /** The partitions touched; empty where it is only serve. */
  readonly partitions: readonly number[];
}

export interface Recovery {
  readonly kind: PlannedFault['kind'];
  readonly atMs: number;
  readonly lastsMs: number;
  /** The first new row of any of these partitions, and of the last of them; undefined where none came. */
  readonly firstMs: number | undefined;
  readonly allMs: number | undefined;
  /** The first 2xx of serve. */
  readonly acceptMs: number | undefined;
  readonly partitions: number;
}

export async function fire(fault: PlannedFault, scene: FaultScene, all: readonly number[]): Promise<FiredFault> {
  const { servers, serve } = scene;
  const victim = scene.consumers[fault.victim] ?? serve;
  const fired = (sinceMs: number, partitions: readonly number[]): FiredFault => ({ ...fault, sinceMs, partitions });
  const wait = (): Promise<void> => systemClock.sleep(fault.lastsMs);
  const held = heldBy(victim.current());
  const startMs = performance.now();
  switch (fault.kind) {
    case 'kill-consumer':
      await victim.kill();
      await wait();
      await victim.revive();
      return fired(startMs + ON_ITS_WAY_MS, held);
    case 'kill-serve':
      await serve.kill();
      await wait();
      await serve.revive();
      return fired(startMs, []);
    case 'freeze-consumer':
      victim.signal('SIGSTOP');
      await wait();
      victim.signal('SIGCONT');
      return fired(startMs + ON_ITS_WAY_MS, held);
    case 'freeze-serve':
      serve.signal('SIGSTOP');
      await wait();
      serve.signal('SIGCONT');
      return fired(performance.now(), []);
    case 'warehouse-cut':
      await servers.warehouse.refuse();
      servers.warehouse.cut();
      await wait();
      await servers.warehouse.pass();
      return fired(performance.now(), all);
    case 'warehouse-silent':
      servers.warehouse.blackHole();
      await wait();
      await servers.warehouse.pass();
      return fired(performance.now(), all);
    case 'kafka-kill':
      await servers.killKafka();
      await wait();
      await servers.startKafka();
      return fired(performance.now(), all);
    case 'kafka-freeze':
      servers.signalKafka('SIGSTOP');
      await wait();
      servers.signalKafka('SIGCONT');
      return fired(performance.now(), all);
  }
}

/** Called when the next fault is due, or at the end: what is not back by then is not back. */
export function measure({ kind, atMs, lastsMs, sinceMs, partitions }: FiredFault, { arrivals, posting }: FaultScene): Recovery {
  const times = arrivals.firstRowsMs(sinceMs, partitions);
  const came = times.filter((ms) => ms !== undefined);
  const isConsumer = kind === 'kill-consumer' || kind === 'freeze-consumer';
  const add = isConsumer ? ON_ITS_WAY_MS : 0;
  return {
    kind,
    atMs,
    lastsMs,
    partitions: partitions.length,
    firstMs: came.length === 0 ? undefined : Math.round(Math.min(...came) + add),
    allMs: came.length < times.length || times.length === 0 ? undefined : Math.round(Math.max(...came) + add),
    acceptMs: roundIfAny(posting.firstOkMs(sinceMs)),
  };
}

function roundIfAny(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms);
}

/** What a consumer claimed last. */
function heldBy(consumer: TestProcess): readonly number[] {
  const claimed = logged(consumer, 'partitions.claimed').at(-1)?.['partitions'];
  return Array.isArray(claimed) ? claimed.map(({ partition }: { partition: number }) => partition) : [];
}
