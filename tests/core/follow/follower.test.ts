import { describe, expect, it } from 'vitest';
import { createFollower, type SecondOfWays, type WayStep } from '../../../src/core/follow/follower.ts';
import { manualClock } from '../../support/clock.ts';

function setUp() {
  const clock = manualClock(1_000_000);
  const steps: WayStep[] = [];
  const seconds: SecondOfWays[] = [];
  const follower = createFollower({ clock, onStep: (step) => void steps.push(step), onSecond: (second) => void seconds.push(second) });
  return { clock, steps, seconds, follower };
}

const row = (exposureId: string) => ({ exposureId, dsUserId: 'u', experimentId: 'e', variationId: 'v' });

describe('createFollower()', () => {
  it('shows the three steps of an exposure with their times since it was accepted', async () => {
    const { clock, steps, follower } = setUp();
    await clock.advance(4);
    follower.accepted('a', 4);
    follower.inKafka({ exposureId: 'a', partition: 2, offset: 17n, acceptedAtMs: 1_000_001 });
    expect(follower.awaited()).toEqual(['a']);
    await clock.advance(1000);
    follower.inTable(row('a'));
    expect(steps).toEqual([
      { kind: 'accepted', exposureId: 'a', atMs: 1_000_004, afterMs: 4 },
      { kind: 'in-kafka', exposureId: 'a', atMs: 1_000_004, afterMs: 4, partition: 2, offset: 17n },
      { kind: 'loaded', exposureId: 'a', atMs: 1_001_004, afterMs: 1004, seen: { dsUserId: 'u', experimentId: 'e', variationId: 'v' } },
    ]);
    expect(follower.awaited()).toEqual([]);
  });

  it('says nothing of a row that it does not follow', () => {
    const { steps, follower } = setUp();
    follower.inTable(row('unknown'));
    expect(steps).toEqual([]);
  });

  it('counts instead of showing when more than five come in a second, and shows again after a quiet one', () => {
    const { steps, seconds, follower } = setUp();
    for (let i = 0; i < 8; i++) follower.inKafka({ exposureId: `x${i}`, partition: 0, offset: BigInt(i), acceptedAtMs: 1_000_000 });
    expect(steps).toHaveLength(5);
    follower.batchLoaded({ records: 6, inserted: 5 });
    follower.tick();
    expect(seconds).toEqual([{ atMs: 1_000_000, accepted: 0, inKafka: 8, loaded: 5, waiting: 2 }]);
    follower.tick();
    expect(seconds).toHaveLength(2);
    follower.accepted('later', 1);
    expect(steps).toHaveLength(6);
    follower.tick();
    expect(seconds).toHaveLength(2);
  });

  it('keeps the latest ways only, however many never arrive', () => {
    const { follower } = setUp();
    for (let i = 0; i < 1000; i++) {
      follower.accepted(`x${i}`, 1);
      if (i % 4 === 0) follower.tick();
    }
    expect(follower.awaited()).toHaveLength(200);
    expect(follower.awaited().at(-1)).toBe('x999');
  });
});
