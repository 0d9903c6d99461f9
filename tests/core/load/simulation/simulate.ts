// A whole deployment in memory on a virtual clock: a log, a group coordinator, a warehouse with a ledger, and real
// `runLoad` loops as its consumers. One seed decides everything: delays, lost answers, outages, rebalances, kills and
// processes that sleep through their session. Used by load.model.test.ts.
import { checkEnd, isDrained } from './checks.ts';
import { kill, rebalance, startMember } from './group.ts';
import { createWorld, type Guards, type Member, note, type World } from './world.ts';

export interface Report {
  readonly seed: number;
  readonly violations: readonly string[];
  /** What happened, so that a run in which nothing did is noticed. */
  readonly seen: Readonly<Record<string, number>>;
}

/** Runs one seed to the end: faults for a while, then calm, then everything must be loaded. */
export async function simulate(seed: number, guards: Guards = {}): Promise<Report> {
  const world = createWorld(seed, guards);
  startMember(world);
  startMember(world);
  scheduleFaults(world);
  const deadline = world.faultsUntil + 3_600_000;
  while (!isDrained(world) && world.clock.elapsed() < deadline && world.violations.length === 0) {
    if (!(await world.clock.advance())) break;
  }
  if (!isDrained(world) && world.violations.length === 0)
    world.violations.push(`not drained after ${world.clock.elapsed()} ms: ledger ${ledgerText(world)}`);
  for (const member of world.members) member.stop.abort();
  checkEnd(world);
  return { seed, violations: world.violations, seen: world.seen };
}

function ledgerText(world: World): string {
  return [...world.ledger.values()].map((row) => `${row.partition}:${row.nextOffset}/${world.log[row.partition]?.length}`).join(' ');
}

function scheduleFaults(world: World): void {
  const { clock, random } = world;
  void (async () => {
    for (;;) {
      await clock.sleep(200 + random() * 8_000);
      if (clock.elapsed() > world.faultsUntil) return rebalance(world);
      const roll = random();
      const member = [...world.members][Math.floor(random() * world.members.size)];
      if (member === undefined) continue;
      if (roll < 0.35) rebalance(world);
      else if (roll < 0.6) {
        note(world, 'kills');
        kill(world, member);
      } else if (roll < 0.8) {
        note(world, 'outages');
        world.outageUntil = clock.elapsed() + random() * 20_000;
      } else if (world.members.size > 1) stopForAWhile(world, member);
    }
  })();
}

/** SIGSTOP: the others take over; on SIGCONT it goes on with what it believed, and only then learns of the group. */
function stopForAWhile(world: World, member: Member): void {
  note(world, 'sleeps');
  member.sleepUntil = world.clock.elapsed() + 1_000 + world.random() * 10_000;
  rebalance(world);
  void world.clock.sleep(member.sleepUntil - world.clock.elapsed() + world.random() * 300).then(() => rebalance(world));
}
