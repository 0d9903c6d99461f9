// A whole deployment in memory on a virtual clock: a topic, a group, a warehouse, and real `runLoad` loops with supervised
// sources as its processes. One seed decides everything. Used by load.model.test.ts and guards.test.ts.
import { checkEnd, isDrained } from './checks.ts';
import { makeFaults, makeTraffic } from './faults.ts';
import { startProcess } from './members.ts';
import { type Choice, createWorld, type World } from './world.ts';

export interface Report {
  readonly seed: number;
  readonly violations: readonly string[];
  /** What happened, so that a run in which nothing did is noticed. */
  readonly seen: Readonly<Record<string, number>>;
}

/** All must be loaded so long after the faults, by the virtual clock, and within so many steps. */
const CALM_MS_MAX = 600_000;
const STEPS_MAX = 30_000;

/** Runs one seed to the end: faults for a while, then calm, then everything must be loaded. */
export async function simulate(seed: number, choice: Choice = {}): Promise<Report> {
  // Thousands of errors are made and nobody looks at their stacks, which cost a fifth of the time.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return await run(createWorld(seed, choice));
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function run(world: World): Promise<Report> {
  const { clock, violations } = world;
  void makeTraffic(world);
  for (let count = 0; count < world.processCount; count++) startProcess(world);
  void makeFaults(world);
  const isOver = (): boolean => clock.elapsed() > world.faultsUntil + CALM_MS_MAX || clock.steps() > STEPS_MAX;
  const isDone = (): boolean => clock.elapsed() > world.faultsUntil && isDrained(world);
  while (violations.length === 0 && !isDone() && !isOver()) {
    if (!(await clock.advance())) break;
  }
  if (violations.length === 0 && !isDone()) {
    violations.push(`not drained after ${clock.elapsed()} ms and ${clock.steps()} steps: ${describe(world)}`);
  }
  if (violations.length === 0) checkEnd(world);
  world.isStopped = true;
  for (const process of world.processes) process.stop.abort();
  return { seed: world.seed, violations, seen: world.seen };
}

function describe({ ledger, log, processes, clients }: World): string {
  const ledgers = [...ledger.values()].map(
    (row) => `${row.partition}:${row.nextOffset}/${log[row.partition]?.entries.length} of ${row.owner}`,
  );
  return `ledger ${ledgers.join(' ')}; ${processes.size} processes, ${clients.size} clients`;
}
