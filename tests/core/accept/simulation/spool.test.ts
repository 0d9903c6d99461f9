// The spool against a model disk and a model broker: whatever is killed at whatever step, every exposure that was answered as
// accepted reaches Kafka, none leaves the disk before its acknowledgement, none is invented, and what was surely not stored
// never appears. A seed that fails names itself: GBX_SIMULATION_SEED=<seed> npx vitest run tests/core/accept/simulation
import { describe, expect, test } from 'vitest';
import { type Mutant, type Outcome, simulate } from './simulate.ts';

const SEEDS = 2_000;
const FLIPPED_SEEDS = 1_000;
const MUTANT_SEEDS = 1_000;
const ONLY = Number(process.env['GBX_SIMULATION_SEED'] ?? Number.NaN);

interface RunOptions {
  readonly seeds: number;
  readonly flips?: boolean;
}

async function runSeeds({ seeds, flips = false }: RunOptions): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const seed of Number.isNaN(ONLY) ? Array.from({ length: seeds }, (_, index) => index) : [ONLY]) {
    const outcome = await simulate(seed, { flips });
    if (outcome.problems.length > 0) throw new Error(`seed ${seed}:\n${outcome.problems.join('\n')}`);
    outcomes.push(outcome);
  }
  return outcomes;
}

function sum(outcomes: readonly Outcome[], of: Exclude<keyof Outcome, 'problems'>): number {
  return outcomes.reduce((total, outcome) => total + outcome[of], 0);
}

test('the spool keeps its word in every seed, and the seeds hold what they are for', { timeout: 120_000 }, async () => {
  const outcomes = await runSeeds({ seeds: SEEDS });
  if (!Number.isNaN(ONLY)) return;
  for (const of of ['accepted', 'delivered', 'crashes', 'cut', 'refused', 'refusedByDisk', 'unknown'] as const) {
    expect({ of, total: sum(outcomes, of) }).toMatchObject({ total: expect.toSatisfy((total: number) => total > SEEDS / 20) });
  }
});

test('a bit that turns on the disk costs the record it is in, said loudly, and no other', { timeout: 120_000 }, async () => {
  const outcomes = await runSeeds({ seeds: FLIPPED_SEEDS, flips: true });
  if (Number.isNaN(ONLY)) expect(sum(outcomes, 'cut')).toBeGreaterThan(FLIPPED_SEEDS / 10);
});

const MUTANTS: readonly { readonly name: string; readonly mutant: Mutant; readonly flips?: boolean }[] = [
  {
    name: 'files are not synced',
    mutant: {
      disk: (disk) => ({
        ...disk,
        create: async (name) => ({ ...(await disk.create(name)), sync: async () => undefined }),
      }),
    },
  },
  { name: 'the folder is not synced', mutant: { disk: (disk) => ({ ...disk, syncFolder: async () => undefined }) } },
  {
    name: 'a sync that failed is tried again on the same file',
    mutant: {
      disk: (disk) => ({
        ...disk,
        create: async (name) => {
          const file = await disk.create(name);
          return { ...file, sync: () => file.sync().catch(() => file.sync()) };
        },
      }),
    },
  },
  {
    name: 'what is not acknowledged counts as sent',
    mutant: { send: (send) => async (records) => (await send(records)).map(() => ({ kind: 'acked' })) },
  },
  {
    name: 'a part of a failed write is left where it is',
    mutant: {
      disk: (disk) => ({
        ...disk,
        create: async (name) => ({ ...(await disk.create(name)), truncate: async () => undefined }),
      }),
    },
  },
  { name: 'checksums say nothing', mutant: { checksum: () => 0 }, flips: true },
];

describe.skipIf(!Number.isNaN(ONLY))('the simulation notices when', () => {
  test.each(MUTANTS)('$name', { timeout: 60_000 }, async ({ mutant, flips = false }) => {
    for (let seed = 0; seed < MUTANT_SEEDS; seed++) if ((await simulate(seed, { mutant, flips })).problems.length > 0) return;
    expect.fail(`${MUTANT_SEEDS} seeds found nothing wrong`);
  });
});
