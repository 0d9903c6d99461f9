import { describe, expect, test } from 'vitest';
import type { SendOutcome } from '../../../src/core/accept/ports.ts';
import { GbxError } from '../../../src/core/errors.ts';
import { takeSlots } from '../../../src/core/produce/from-traffic.ts';
import type { Outgoing } from '../../../src/core/produce/outgoing.ts';
import { createRun, type RunDeps, type RunPlan } from '../../../src/core/produce/run.ts';
import { createSchedule } from '../../../src/core/produce/schedule.ts';
import type { SettledBatch } from '../../../src/core/produce/tally.ts';
import { createSlots } from '../../../src/core/traffic/slots.ts';
import { createTraffic } from '../../../src/core/traffic/traffic.ts';
import { type ManualClock, manualClock } from '../../support/clock.ts';

const NO_TROUBLE = { copies: 0, late: 0, malformed: 0, lateMs: 0 };

const even = (perSecond: number, durationMs: number) => createSchedule([{ fromPerSecond: perSecond, toPerSecond: perSecond, durationMs }]);

function setUp(plan: Partial<RunPlan> = {}, deps: Partial<RunDeps> = {}) {
  const clock = manualClock();
  const stop = new AbortController();
  const batches: SettledBatch[] = [];
  const slotAt = createSlots({ seed: 's', traffic: createTraffic({ seed: 's', startMs: 0 }), trouble: NO_TROUBLE, isAlwaysJson: false });
  const run = createRun(
    {
      schedule: even(100, 1000),
      count: Number.POSITIVE_INFINITY,
      durationMs: Number.POSITIVE_INFINITY,
      warmupMs: 0,
      batchRecordsMax: 1000,
      batchBytesMax: 1_000_000,
      inFlightMax: 2,
      retryForMs: 2_000,
      ...plan,
    },
    {
      take: takeSlots(slotAt),
      attempt: async (items) => items.map(() => ({ kind: 'acked' })),
      onSettled: async (batch) => void batches.push(batch),
      lostCode: 'GBX_KAFKA_UNREACHABLE',
      clock,
      random: () => 0.5,
      signal: stop.signal,
      ...deps,
    },
  );
  return { run, clock, stop, batches };
}

/** A target that answers each batch after so long. */
function slowTarget(clock: { sleep(ms: number): Promise<void> }, ms: number) {
  const sizes: number[] = [];
  let open = 0;
  let openMax = 0;
  const attempt = async (items: readonly Outgoing[]): Promise<readonly SendOutcome[]> => {
    sizes.push(items.length);
    openMax = Math.max(openMax, ++open);
    await clock.sleep(ms);
    open -= 1;
    return items.map(() => ({ kind: 'acked' }));
  };
  return { attempt, sizes, openMax: () => openMax };
}

/** Time passes only for who waits already. */
async function play(clock: ManualClock, ms: number): Promise<void> {
  await clock.advance(0);
  await clock.advance(ms);
}

describe('createRun()', () => {
  test('ends with the reason when nothing comes through for as long as it may try', async () => {
    const attempt: RunDeps['attempt'] = async (items) => items.map(() => ({ kind: 'not-sent', reason: 'no broker answers' }));
    const { run, clock } = setUp({ schedule: even(100, 3_600_000) }, { attempt });
    const finishing = run.finish();
    await play(clock, 20_000);
    const { problem } = await finishing;
    expect(problem).toMatchObject({ code: 'GBX_KAFKA_UNREACHABLE', message: expect.stringContaining('no broker answers') });
    expect(run.tally.counts.failed).toBe(run.tally.counts.sent);
    expect(run.tally.counts.sent).toBeGreaterThan(0);
  });

  test('ends at once, with the reason, where it may not write', async () => {
    const attempt: RunDeps['attempt'] = async (items) =>
      items.map(() => ({ kind: 'not-sent', reason: 'the broker does not allow it', code: 'GBX_KAFKA_AUTH' }));
    const { run, clock } = setUp({ schedule: even(100, 3_600_000) }, { attempt });
    const finishing = run.finish();
    await play(clock, 100);
    const { problem } = await finishing;
    expect(problem).toMatchObject({ code: 'GBX_KAFKA_AUTH', message: 'the broker does not allow it' });
    expect(run.tally.counts.failed).toBe(run.tally.counts.sent);
  });

  test('goes on when single ones fail while others come through', async () => {
    const attempt: RunDeps['attempt'] = async (items) =>
      items.map((_, index) => (index === 0 ? { kind: 'refused', reason: 'too large' } : { kind: 'acked' }));
    const { run, clock } = setUp({ batchRecordsMax: 10 }, { attempt });
    const finishing = run.finish();
    await play(clock, 5_000);
    expect((await finishing).problem).toBeUndefined();
    expect(run.tally.counts).toMatchObject({ sent: 100, failed: 0, unknown: 0 });
    expect(run.tally.counts.refused + run.tally.counts.ok).toBe(100);
  });

  test('takes what a target throws for the end, and its batch for unknown', async () => {
    const attempt: RunDeps['attempt'] = () => Promise.reject(new GbxError('GBX_SERVE_UNREACHABLE', 'another server answers'));
    const { run, clock, batches } = setUp({}, { attempt });
    const finishing = run.finish();
    await play(clock, 2_000);
    expect((await finishing).problem).toMatchObject({ code: 'GBX_SERVE_UNREACHABLE' });
    expect(run.tally.counts.unknown).toBe(run.tally.counts.sent);
    expect(batches.flatMap(({ outcomes }) => outcomes)).toHaveLength(run.tally.counts.sent);
  });

  test('ends where the input is at fault, with all that came before settled', async () => {
    let taken = 0;
    const take: RunDeps['take'] = () => {
      if (taken++ > 2) throw new GbxError('GBX_INPUT_INVALID', 'line 4 is not JSON');
      return [{ kind: 'plain', exposure: createTraffic({ seed: 's', startMs: 0 }).exposureAt(taken), value: '{}' }];
    };
    const { run, clock } = setUp({ schedule: undefined }, { take });
    const finishing = run.finish();
    await play(clock, 10);
    expect((await finishing).problem).toMatchObject({ code: 'GBX_INPUT_INVALID' });
    expect(run.tally.counts).toMatchObject({ sent: 3, ok: 3 });
  });

  test('counts latency from when each was due: a target that stalls is seen to stall', async () => {
    const clock = manualClock();
    let calls = 0;
    const attempt: RunDeps['attempt'] = async (items) => {
      if (++calls === 2) await clock.sleep(500);
      return items.map(() => ({ kind: 'acked' }));
    };
    const { run } = setUp({ schedule: even(100, 1000), inFlightMax: 1 }, { attempt, clock });
    const finishing = run.finish();
    await play(clock, 3_000);
    await finishing;
    const { response, service, slip, counts } = run.tally;
    expect(counts.ok).toBe(100);
    // Half of the second's events fell due while it stood still: their times show it, though each was served at once.
    expect(response.quantile(0.75)).toBeGreaterThan(200);
    expect(service.quantile(0.75)).toBeLessThan(20);
    // It was not the generator that was late.
    expect(slip.quantile(0.99)).toBeLessThan(20);
  });

  test('calls a late input by its name, and not this machine late', async () => {
    const clock = manualClock();
    const traffic = createTraffic({ seed: 's', startMs: 0 });
    let taken = 0;
    // Lines that come one by one, the third after half a second.
    const take: RunDeps['take'] = async () => {
      taken += 1;
      if (taken === 3) await clock.sleep(500);
      return [{ kind: 'plain', exposure: traffic.exposureAt(taken), value: '{}' }];
    };
    const { run } = setUp({ schedule: even(100, 1000), count: 100 }, { take, clock });
    const finishing = run.finish();
    await play(clock, 3_000);
    await finishing;
    expect(run.tally.counts.ok).toBe(100);
    expect(run.tally.inputWaitMs()).toBe(500);
    expect(run.tally.slip.quantile(0.99)).toBeLessThan(20);
  });

  test('never has more on the way than it may, whatever falls due meanwhile', async () => {
    const clock = manualClock();
    const target = slowTarget(clock, 100);
    const { run } = setUp({ schedule: even(1000, 1000), inFlightMax: 3, batchRecordsMax: 50 }, { attempt: target.attempt, clock });
    const finishing = run.finish();
    await play(clock, 10_000);
    const { asked } = await finishing;
    expect(target.openMax()).toBe(3);
    expect(Math.max(...target.sizes)).toBeLessThanOrEqual(50);
    expect(run.tally.counts.ok).toBe(1000);
    expect(asked).toMatchObject({ count: 1000, firstMs: 0, lastMs: 999 });
  });

  test('hands nothing more over once the signal aborts, waits for what is on its way, and knows what was asked until then', async () => {
    const clock = manualClock();
    const stop = new AbortController();
    const target = slowTarget(clock, 300);
    const { run } = setUp({ schedule: even(100, 10_000), inFlightMax: 1 }, { attempt: target.attempt, clock, signal: stop.signal });
    const finishing = run.finish();
    await play(clock, 450);
    stop.abort();
    await clock.advance(1_000);
    const { asked, problem } = await finishing;
    expect(problem).toBeUndefined();
    expect(run.tally.counts.ok).toBe(run.tally.counts.sent);
    expect(run.tally.counts.sent).toBeLessThan(45);
    expect(asked?.count).toBeGreaterThan(run.tally.counts.sent);
  });

  test('sends the warm-up, and does not measure it', async () => {
    const { run, clock } = setUp({ warmupMs: 400 });
    const finishing = run.finish();
    await play(clock, 2_000);
    await finishing;
    expect(run.tally.counts.ok).toBe(100);
    expect(run.tally.response.count()).toBe(60);
  });

  test('ends after the count, or when the source has no more', async () => {
    for (const schedule of [even(1000, 10_000), undefined]) {
      const { run, clock } = setUp({ schedule, count: 25, batchRecordsMax: 10 });
      const finishing = run.finish();
      await play(clock, 1_000);
      await finishing;
      expect(run.tally.counts.sent).toBe(25);
    }
    const { run, clock } = setUp({}, { take: () => [] });
    const finishing = run.finish();
    await play(clock, 100);
    expect((await finishing).problem).toBeUndefined();
    expect(run.tally.counts.sent).toBe(0);
  });

  test('ends after its time where nothing is asked for but speed', async () => {
    const clock = manualClock();
    const target = slowTarget(clock, 10);
    const { run } = setUp(
      { schedule: undefined, durationMs: 1_000, batchRecordsMax: 5, inFlightMax: 1 },
      { attempt: target.attempt, clock },
    );
    const finishing = run.finish();
    await play(clock, 2_000);
    expect((await finishing).asked).toBeUndefined();
    expect(run.tally.counts.sent).toBe(500);
  });
});
