import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GbxError } from '../../src/core/errors.ts';
import { backoffMs, untilReached } from '../../src/core/retry.ts';
import { manualClock, seededRandom } from '../support/clock.ts';

describe('backoffMs()', () => {
  it('stays between a tenth and the whole of its bound, for any attempt', () => {
    fc.assert(
      fc.property(
        fc.nat(10_000),
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempt, firstMs, maxMs, luck) => {
          const bound = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
          const wait = backoffMs(attempt, { firstMs, maxMs }, () => luck);
          expect(wait).toBeGreaterThanOrEqual(bound * 0.1);
          expect(wait).toBeLessThanOrEqual(bound);
        },
      ),
    );
  });
});

describe('untilReached()', () => {
  const setUp = () => ({
    clock: manualClock(),
    random: seededRandom(1),
    forMs: 10_000,
    signal: new AbortController().signal,
    onWait: () => undefined,
  });

  it('gives an error that waiting does not mend at once', async () => {
    const options = setUp();
    await expect(untilReached(() => Promise.reject(new GbxError('GBX_KAFKA_AUTH', 'no')), options)).rejects.toThrow('no');
    expect(options.clock.elapsed()).toBe(0);
  });

  it('gives the last failure once the time is over', async () => {
    const options = setUp();
    const ended = expect(untilReached(() => Promise.reject(new GbxError('GBX_KAFKA_UNREACHABLE', 'down')), options)).rejects.toThrow(
      'down',
    );
    for (let i = 0; i < 20; i++) await options.clock.advance(1_000);
    await ended;
  });

  it('answers as soon as it is reached', async () => {
    const options = setUp();
    let attempts = 0;
    const reached = untilReached(async () => {
      if (++attempts < 3) throw new GbxError('GBX_KAFKA_UNREACHABLE', 'down');
      return 'up';
    }, options);
    for (let i = 0; i < 5; i++) await options.clock.advance(1_000);
    expect(await reached).toBe('up');
  });
});
