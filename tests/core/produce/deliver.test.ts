import { describe, expect, test } from 'vitest';
import type { SendOutcome } from '../../../src/core/accept/ports.ts';
import { deliver } from '../../../src/core/produce/deliver.ts';
import type { Outgoing } from '../../../src/core/produce/outgoing.ts';
import { createTraffic } from '../../../src/core/traffic/traffic.ts';
import { manualClock } from '../../support/clock.ts';

const traffic = createTraffic({ seed: 'deliver', startMs: 0 });
const ITEMS: readonly Outgoing[] = [0, 1, 2].map((i) => ({ kind: 'plain', exposure: traffic.exposureAt(i), value: String(i) }));
const ACKED: SendOutcome = { kind: 'acked' };
const NOT_SENT: SendOutcome = { kind: 'not-sent', reason: 'down' };
const UNKNOWN: SendOutcome = { kind: 'unknown', reason: 'silent' };
const REFUSED: SendOutcome = { kind: 'refused', reason: 'too large' };

async function run(answers: readonly (readonly SendOutcome[])[], { retryForMs = 10_000 } = {}) {
  const clock = manualClock();
  const stop = new AbortController();
  const attempts: string[][] = [];
  const attempt = async (items: readonly Outgoing[]): Promise<readonly SendOutcome[]> => {
    attempts.push(items.map(({ value }) => value));
    return answers[attempts.length - 1] ?? items.map(() => NOT_SENT);
  };
  const delivering = deliver(ITEMS, { attempt, clock, random: () => 0.5, signal: stop.signal, retryForMs });
  // Time passes only for who waits already.
  await clock.advance(0);
  await clock.advance(60_000);
  return { ...(await delivering), attempts };
}

describe('deliver()', () => {
  test('gives up when the time is over, and says surely not sent only of what never was', async () => {
    const { outcomes, attempts } = await run([[NOT_SENT, UNKNOWN, ACKED]], { retryForMs: 3_000 });
    expect(outcomes.map(({ kind }) => kind)).toEqual(['not-sent', 'unknown', 'acked']);
    expect(attempts.length).toBeGreaterThan(2);
    expect(attempts.slice(1).every((values) => values.join() === '0,1')).toBe(true);
  });

  test('keeps a refusal after a lost answer for unknown: the first attempt may have come through', async () => {
    const { outcomes } = await run([[UNKNOWN, REFUSED, ACKED], [REFUSED]]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['unknown', 'refused', 'acked']);
  });

  test('tries nothing again where it may not write', async () => {
    const denied: SendOutcome = { kind: 'not-sent', reason: 'not allowed', code: 'GBX_KAFKA_AUTH' };
    const { outcomes, attempts } = await run([[denied, denied, denied]]);
    expect(outcomes).toEqual([denied, denied, denied]);
    expect(attempts).toHaveLength(1);
  });

  test('takes a missing answer for a lost one', async () => {
    const { outcomes } = await run([[ACKED]], { retryForMs: 0 });
    expect(outcomes.map(({ kind }) => kind)).toEqual(['acked', 'unknown', 'unknown']);
  });

  test('sends the same again until it is in, and counts that', async () => {
    const { outcomes, retries, attempts } = await run([[NOT_SENT, UNKNOWN, ACKED], [UNKNOWN, ACKED], [ACKED]]);
    expect(outcomes).toEqual([ACKED, ACKED, ACKED]);
    expect(retries).toBe(3);
    expect(attempts).toEqual([['0', '1', '2'], ['0', '1'], ['0']]);
  });

  test('tries nothing again once the signal aborts', async () => {
    const clock = manualClock();
    const stop = new AbortController();
    let attempts = 0;
    const attempt = async (): Promise<readonly SendOutcome[]> => {
      attempts += 1;
      return [NOT_SENT, NOT_SENT, NOT_SENT];
    };
    const delivering = deliver(ITEMS, { attempt, clock, random: () => 0.5, signal: stop.signal, retryForMs: 10_000 });
    await clock.advance(1);
    stop.abort();
    expect((await delivering).outcomes).toEqual([NOT_SENT, NOT_SENT, NOT_SENT]);
    expect(attempts).toBe(1);
  });
});
