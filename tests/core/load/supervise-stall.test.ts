// Clients that look alive and are not, by what the log and the group say: /supervise.ts and /stall-watch.ts.
import { describe, expect, test } from 'vitest';
import { exposureRecord, recordsEvent } from './fakes.ts';
import { JOINED, REBUILDS, supervised } from './supervise-fakes.ts';

describe('a stall', () => {
  async function reading(end: bigint) {
    const fixture = await supervised();
    fixture.latest().ends = [end];
    fixture.latest().give(JOINED);
    await fixture.takeNext();
    fixture.source.seek(new Map([[0, 0n]]));
    return fixture;
  }

  test('of a minute, with records in the log, makes a new client', async () => {
    const { takeNext, clients, metrics } = await reading(5n);
    await takeNext(100_000);
    expect([clients.length, metrics.values.get(`${REBUILDS}{reason=stall}`)]).toEqual([2, 1]);
  });

  test('is none where the log holds no more, or nobody takes', async () => {
    const idle = await reading(0n);
    await idle.takeNext(300_000);
    expect(idle.clients).toHaveLength(1);
    const busy = await reading(5n);
    await busy.clock.advance(300_000);
    await busy.takeNext(20_000);
    expect(busy.clients).toHaveLength(1);
  });

  test('is none where the loop is so slow that what the client gave waits for it', async () => {
    const { latest, source, clock, clients } = await supervised();
    const partitions = Array.from({ length: 12 }, (_, partition) => partition);
    latest().ends = partitions.map(() => 1n);
    latest().give({ kind: 'joined', partitions });
    await source.take(500);
    source.seek(new Map(partitions.map((partition) => [partition, 0n])));
    for (const partition of partitions) latest().give(recordsEvent([{ ...exposureRecord(0), partition }]));
    for (const _ of partitions) {
      await clock.advance(16_000);
      expect(await source.take(500)).toMatchObject({ kind: 'records' });
    }
    await clock.advance(16_000);
    expect(clients).toHaveLength(1);
  });
});

describe('a client that never joins', () => {
  const limits = { joinMs: 420_000 };

  test('is told of each minute, is not up, and is replaced; ten of them end the process', async () => {
    const { source, takeNext, clients, metrics, log } = await supervised([], limits);
    await takeNext(410_000);
    const said = (): number => log.events().filter((event) => event === 'group.join_waited_for').length;
    expect([clients.length, source.isUp(), said()]).toEqual([1, false, 6]);
    await takeNext(20_000);
    expect([clients.length, metrics.values.get(`${REBUILDS}{reason=unjoined}`)]).toEqual([2, 1]);
    await expect(takeNext(12 * 450_000)).rejects.toMatchObject({
      code: 'GBX_CONSUMER_CRASHED',
      message: expect.stringContaining('did not let this member join'),
    });
    expect([clients.length, clients.every(({ closed }) => closed)]).toEqual([11, true]);
  });

  test('has all of the rebalance for it, and is up from its join on', async () => {
    const { source, latest, takeNext, clients } = await supervised([], limits);
    await takeNext(400_000);
    latest().give(JOINED);
    expect(await takeNext()).toEqual(JOINED);
    expect(source.isUp()).toBe(true);
    await takeNext(3_600_000);
    expect(clients).toHaveLength(1);
    latest().die();
    await takeNext(20_000);
    expect([clients.length, source.isUp()]).toEqual([2, false]);
  });

  test('is judged by a take only: a join that waits for a slow loop is one', async () => {
    const { source, latest, clock, clients } = await supervised([], limits);
    latest().give(JOINED);
    await clock.advance(1_000_000);
    expect(await source.take(500)).toEqual(JOINED);
    await clock.advance(60_000);
    expect(clients).toHaveLength(1);
  });
});

describe('a commit that the group refuses', () => {
  async function evicted(rejoins: boolean) {
    const fixture = await supervised();
    fixture.latest().give(JOINED);
    await fixture.takeNext();
    fixture.latest().refuseCommits = true;
    await expect(fixture.source.commit(new Map([[0, 1n]]))).rejects.toMatchObject({ code: 'GBX_NOT_A_MEMBER' });
    if (rejoins) fixture.latest().give(JOINED);
    await fixture.takeNext(1_000);
    await fixture.takeNext(20_000);
    return fixture;
  }

  test('makes a new client where no join follows', async () => {
    const { clients, metrics } = await evicted(false);
    expect([clients.length, metrics.values.get(`${REBUILDS}{reason=evicted}`)]).toEqual([2, 1]);
  });

  test('is explained by the join that follows', async () => {
    expect((await evicted(true)).clients).toHaveLength(1);
  });

  test('is explained by a join that waits until the loop takes again', async () => {
    const { latest, source, clock, clients } = await supervised();
    latest().give(JOINED);
    await source.take(500);
    latest().refuseCommits = true;
    await expect(source.commit(new Map([[0, 1n]]))).rejects.toMatchObject({ code: 'GBX_NOT_A_MEMBER' });
    latest().give(JOINED);
    await clock.advance(60_000);
    expect(await source.take(500)).toEqual(JOINED);
    await clock.advance(60_000);
    expect(clients).toHaveLength(1);
  });
});
