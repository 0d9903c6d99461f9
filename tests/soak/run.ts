// `npm run soak -- --minutes 10 --seed n`: serve and two consumers under known traffic while they and their servers are
// killed, frozen and cut off by a seeded schedule; then every exposure is accounted for. Exit 0 when clean, 1 when not.
// `--accept spool`: serve answers from its spool.
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/core/clock.ts';
import { readResult, type SoakRun } from './account.ts';
import { type FiredFault, fire, measure, type Recovery } from './faults.ts';
import { formatResult } from './report.ts';
import { type PlannedFault, planSoak } from './schedule.ts';
import { openServers } from './servers.ts';
import { openSoak, type Soak } from './soak.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 1_000_000) },
    out: { type: 'string' },
    /** `spool`: serve answers once it is on its disk, and keeps its folder over all kills. */
    accept: { type: 'string', default: 'broker' },
    /** `off`: no rows that only the warehouse refuses. */
    refused: { type: 'string', default: 'on' },
  },
});

async function main(signal: AbortSignal): Promise<boolean> {
  const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
  if (!(minutes >= 1 && minutes <= 24 * 60) || !Number.isSafeInteger(seed)) throw new Error('--minutes takes 1 to 1440, --seed an integer');
  const { accept } = values;
  if (accept !== 'broker' && accept !== 'spool') throw new Error('--accept takes broker or spool');
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`;
  console.error(`soak: ${minutes} min, seed ${seed}; again with: npm run soak -- --minutes ${minutes} --seed ${seed} --accept ${accept}`);
  await using servers = await openServers(signal);
  await using soak = await openSoak(servers, { seed, accept, withRefused: values.refused !== 'off' });
  const plan = planSoak({ minutes, seed });
  const run: SoakRun = {
    soak,
    minutes,
    seed,
    accept,
    plan,
    machine,
    startedAt: new Date().toISOString(),
    recoveries: await runFaults(soak, plan, { forMs: minutes * 60_000, signal }),
  };
  signal.throwIfAborted();
  const result = await readResult(run);
  const file = values.out ?? join(tmpdir(), `gbx-soak-${seed}.json`);
  await writeFile(file, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`${formatResult(result)}result in ${file}`);
  if (result.problems.length > 0) await keepLogs(soak, file.replace(/(\.json)?$/u, '-logs'));
  return result.problems.length === 0;
}

/** What each process said, by its place in the order of starts. */
async function keepLogs({ fleet }: Soak, dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  await Promise.all(fleet.all.map((one, place) => writeFile(join(dir, `${place}-${one.pid}.log`), one.stderr())));
  console.log(`logs in ${dir}`);
}

interface FaultRun {
  readonly forMs: number;
  readonly signal: AbortSignal;
}

async function runFaults(soak: Soak, plan: readonly PlannedFault[], { forMs, signal }: FaultRun): Promise<readonly Recovery[]> {
  const startMs = performance.now();
  const until = (atMs: number): Promise<void> => systemClock.sleep(Math.max(0, startMs + atMs - performance.now()), signal);
  const recoveries: Recovery[] = [];
  let last: FiredFault | undefined;
  const note = (): void => {
    if (last === undefined) return;
    const recovery = measure(last, soak.scene);
    recoveries.push(recovery);
    console.error(`soak: ${JSON.stringify(recovery)}`);
    last = undefined;
  };
  for (const fault of plan) {
    await until(fault.atMs);
    note();
    if (signal.aborted) return recoveries;
    last = await fire(fault, soak.scene, soak.partitions);
  }
  await until(forMs);
  note();
  return recoveries;
}

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort(new Error(`ended by ${name}`)));
process.exitCode = await main(stopping.signal).then(
  (isClean) => (isClean ? 0 : 1),
  (error: unknown) => {
    console.error(error);
    return 1;
  },
);
