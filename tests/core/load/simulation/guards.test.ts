// Each guard of the protocol switched off: the simulation must notice, or it proves nothing about it. Guards at the edges
// are switched off in the model, those inside core by replacing the module that holds them.
import { describe, expect, it, vi } from 'vitest';
import type * as HoldModule from '../../../../src/core/load/hold.ts';
import type * as IsolateModule from '../../../../src/core/load/isolate.ts';
import type * as MarkModule from '../../../../src/core/load/last-record.ts';
import type * as OnceModule from '../../../../src/core/load/once.ts';
import type * as RefusalsModule from '../../../../src/core/load/refusals.ts';
import { simulate } from './simulate.ts';
import type { Choice, Guard, Kind } from './world.ts';

type Inside = 'hold' | 'most' | 'mark' | 'once' | 'retries end';

const inside = vi.hoisted(() => ({ off: undefined as string | undefined }));

vi.mock('../../../../src/core/load/hold.ts', async (original) => {
  const real = await original<typeof HoldModule>();
  const createHold: typeof HoldModule.createHold = (limits) => {
    const hold = real.createHold(limits);
    return { ...hold, lowest: (partition) => (inside.off === 'hold' ? undefined : hold.lowest(partition)) };
  };
  return { ...real, createHold };
});

vi.mock('../../../../src/core/load/isolate.ts', async (original) => {
  const real = await original<typeof IsolateModule>();
  const isolate: typeof IsolateModule.isolate = (options) =>
    real.isolate(inside.off === 'most' ? { ...options, isFresh: () => false } : options);
  return { ...real, isolate };
});

vi.mock('../../../../src/core/load/last-record.ts', async (original) => {
  const real = await original<typeof MarkModule>();
  const isSameRecord: typeof MarkModule.isSameRecord = (record, mark) => inside.off === 'mark' || real.isSameRecord(record, mark);
  return { ...real, isSameRecord };
});

vi.mock('../../../../src/core/load/once.ts', async (original) => {
  const real = await original<typeof OnceModule>();
  const isAllLoaded: typeof OnceModule.isAllLoaded = (loop) =>
    inside.off === 'once' ? real.isAllTaken(loop) && loop.filling.recordCount === 0 : real.isAllLoaded(loop);
  return { ...real, isAllLoaded };
});

vi.mock('../../../../src/core/load/refusals.ts', async (original) => {
  const real = await original<typeof RefusalsModule>();
  const giveBack: typeof RefusalsModule.giveBack = (refused, options) => {
    if (inside.off === 'retries end') return real.giveBack(refused, { ...options, atOnce: false, retry: { ...options.retry, max: 999 } });
    return real.giveBack(refused, options);
  };
  return { ...real, giveBack };
});

const SEEDS_MAX = 400;

async function firstViolation(choice: Choice): Promise<string> {
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const { violations } = await simulate(seed, choice);
    if (violations.length > 0) return `seed ${seed}: ${violations.join('; ')}`;
  }
  return 'nothing';
}

describe('the simulation', () => {
  it.each<[Guard, readonly Kind[], RegExp]>([
    ['ledger lock', ['rebalances', 'sleeps', 'intruder'], /doubled|went back|lost/],
    ['compare and swap', ['rebalances', 'sleeps'], /doubled|went back|lost/],
    ['anti-join', [], /doubled/],
    ['dead letters acknowledged', [], /lost/],
    ['requeue acknowledged', ['bad rows'], /lost/],
    ['requeue before the ledger', ['bad rows', 'kills'], /lost/],
    ['gaps seen', ['client'], /lost|takes the topic|went back/],
    ['stall watch', ['client'], /not drained/],
    ['control row', ['bad table'], /blames a row where the table refuses everything/],
    ['retry count', ['bad rows'], /once more than allowed/],
  ])('notices when there is no more: %s', { timeout: 120_000 }, async (guard, kinds, seen) => {
    inside.off = undefined;
    expect(await firstViolation({ off: [guard], kinds })).toMatch(seen);
  });

  it.each<[Inside, readonly Kind[], RegExp]>([
    ['hold', ['bad rows', 'rebalances', 'kills'], /lost/],
    ['most', ['mostly bad', 'outages'], /blames a row where the table refuses most/],
    ['mark', ['retention'], /not drained|lost/],
    ['once', ['bad rows', 'stops'], /with once left/],
    ['retries end', ['bad rows'], /retry \d+ of/],
  ])('notices when the load loop does without: %s', { timeout: 120_000 }, async (guard, kinds, seen) => {
    inside.off = guard;
    expect(await firstViolation({ kinds })).toMatch(seen);
  });
});
