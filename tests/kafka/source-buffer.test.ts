import { describe, expect, test } from 'vitest';
import { createSourceBuffer } from '../../src/kafka/source-buffer.ts';

function setUp(bytesMax = 100) {
  const calls: string[] = [];
  let events = 0;
  const buffer = createSourceBuffer({
    bytesMax,
    onEvent: () => {
      events++;
    },
    onRoom: () => void calls.push('room'),
    controls: {
      pauseAll: () => void calls.push('pause'),
      resume: (partitions) => void calls.push(`resume ${partitions.join()}`),
      seek: (partition, offset) => void calls.push(`seek ${partition} to ${offset}`),
    },
  });
  const push = (partition: number, fetchOffset: bigint, bytes = 10): void =>
    buffer.push({ partition, fetchOffset, nextOffset: fetchOffset + 5n, endOffset: 100n, records: [], bytes });
  return { buffer, calls, push, events: () => events };
}

/** With an assignment that was taken, and sought to 0. */
function reading(partitions: readonly number[], bytesMax?: number) {
  const all = setUp(bytesMax);
  all.buffer.joined(partitions);
  all.buffer.take();
  all.buffer.seek(new Map(partitions.map((partition) => [partition, 0n])));
  all.calls.length = 0;
  return all;
}

describe('createSourceBuffer()', () => {
  test('gives nothing out of a former assignment', () => {
    const { buffer, push } = reading([0, 1]);
    push(0, 0n);
    buffer.joined([1, 0]);
    push(0, 5n);
    expect([buffer.take(), buffer.take(), buffer.accepts(0)]).toEqual([{ kind: 'joined', partitions: [0, 1] }, undefined, false]);
  });

  test('ignores a seek and a commit that were meant for the assignment before', () => {
    const { buffer, calls } = reading([0, 1]);
    buffer.joined([0]);
    calls.length = 0;
    buffer.seek(new Map([[0, 7n]]));
    expect([calls, buffer.accepts(0), buffer.owned([0, 1])]).toEqual([[], false, []]);
    buffer.take();
    expect(buffer.owned([0, 1])).toEqual([0]);
  });

  test('does not seek a partition that is not ours', () => {
    const { buffer, calls } = reading([0]);
    buffer.seek(new Map([[9, 7n]]));
    expect([calls.includes('seek 9 to 7'), buffer.accepts(9)]).toEqual([false, false]);
  });

  test('drops what waits of a partition that is sought, and of no other', () => {
    const { buffer, push } = reading([0, 1]);
    push(0, 0n);
    push(1, 0n);
    buffer.seek(new Map([[0, 50n]]));
    expect([buffer.take(), buffer.take()]).toMatchObject([{ partition: 1, fetchOffset: 0n }, undefined]);
  });

  test('is full beyond the limit, until half of it is free again', () => {
    const { buffer, calls, push } = reading([0, 1], 100);
    push(0, 0n, 60);
    expect(buffer.isFull()).toBe(false);
    push(1, 0n, 60);
    push(0, 5n, 60);
    expect([buffer.isFull(), calls]).toEqual([true, []]);
    buffer.take();
    buffer.take();
    expect([buffer.isFull(), calls]).toEqual([true, []]);
    expect(buffer.take()).toMatchObject({ fetchOffset: 5n });
    expect([buffer.isFull(), calls]).toEqual([false, ['room']]);
  });

  test('has room when what filled it was dropped by a seek', () => {
    const { buffer, calls, push } = reading([0, 1], 100);
    push(0, 0n, 150);
    buffer.seek(new Map([[0, 3n]]));
    expect([buffer.isFull(), calls]).toEqual([false, ['seek 0 to 3', 'resume 0', 'room']]);
  });

  test('stays full on a seek while another partition fills it', () => {
    const { buffer, push } = reading([0, 1], 100);
    push(1, 0n, 150);
    buffer.seek(new Map([[0, 3n]]));
    expect(buffer.isFull()).toBe(true);
  });

  test('starts a new assignment empty and paused, however full it was', () => {
    const { buffer, calls, push } = reading([0], 100);
    push(0, 0n, 150);
    buffer.joined([0]);
    expect([buffer.isFull(), calls]).toEqual([false, ['pause', 'room']]);
  });

  test('passes over a stretch without records as a link of the chain', () => {
    const { buffer, push } = reading([0]);
    push(0, 0n);
    buffer.skip({ partition: 0, firstOffset: 5n, nextOffset: 8n, endOffset: 9n });
    buffer.take();
    expect(buffer.take()).toEqual({ kind: 'records', partition: 0, fetchOffset: 5n, nextOffset: 8n, endOffset: 9n, records: [], bytes: 0 });
  });

  test('shows where a stretch begins once kafkajs has set the position anew', () => {
    const { buffer } = reading([0]);
    buffer.positionLost(0);
    buffer.skip({ partition: 0, firstOffset: 900n, nextOffset: 901n, endOffset: 901n });
    expect(buffer.take()).toMatchObject({ fetchOffset: 900n, nextOffset: 901n });
  });

  test('ignores a stretch that lies before the seek it arrives after, however late', () => {
    const { buffer } = reading([0]);
    buffer.seek(new Map([[0, 50n]]));
    buffer.skip({ partition: 0, firstOffset: 5n, nextOffset: 8n, endOffset: 9n });
    expect(buffer.take()).toBeUndefined();
    buffer.skip({ partition: 0, firstOffset: 50n, nextOffset: 51n, endOffset: 51n });
    expect(buffer.take()).toMatchObject({ fetchOffset: 50n, nextOffset: 51n });
  });

  test('gives a stretch that lies beyond the seek it arrives after as the gap it is', () => {
    const { buffer } = reading([0]);
    buffer.seek(new Map([[0, 5n]]));
    buffer.skip({ partition: 0, firstOffset: 100n, nextOffset: 102n, endOffset: 102n });
    expect(buffer.take()).toMatchObject({ fetchOffset: 100n, nextOffset: 102n });
  });

  test('tells of each event', () => {
    const { events, push } = reading([0]);
    push(0, 0n);
    expect(events()).toBe(2);
  });
});
