import { describe, expect, it } from 'vitest';
import { followTopic } from '../../../src/core/follow/follow-topic.ts';
import type { Follower } from '../../../src/core/follow/follower.ts';
import { manualClock } from '../../support/clock.ts';
import { exposureRecord, fakeSource, recordsEvent } from '../load/fakes.ts';

type Seen = Parameters<Follower['inKafka']>[0];

function follow() {
  const clock = manualClock();
  const source = fakeSource(clock);
  const seen: Seen[] = [];
  const follower = { inKafka: (placed: Seen) => void seen.push(placed) } as unknown as Follower;
  const stop = new AbortController();
  let placed = 0;
  const ended = followTopic(source, follower, { onPlaced: () => placed++, signal: stop.signal });
  return { clock, source, seen, stop, ended, placed: () => placed };
}

describe('followTopic()', () => {
  it('fails with the error of the client', async () => {
    const { source, ended } = follow();
    source.fail(new Error('gone'));
    await expect(ended).rejects.toThrow('gone');
  });

  it('starts at the end of each partition, tells of exposures and passes over what is none', async () => {
    const { clock, source, seen, stop, ended, placed } = follow();
    source.known = [{ partition: 0, start: 0n, end: 7n, committed: 2n }];
    source.give({ kind: 'joined', partitions: [0] });
    await clock.advance(10);
    expect([source.sought, placed()]).toEqual([[new Map([[0, 7n]])], 1]);
    source.give(recordsEvent([exposureRecord(7), { ...exposureRecord(8), value: Buffer.from('{') }]));
    await clock.advance(10);
    expect(seen).toMatchObject([{ exposureId: 'e0-7', partition: 0, offset: 7n }]);
    stop.abort();
    await clock.advance(2_000);
    await ended;
  });
});
