// The supervisor as the load loop sees it; building the client anew is /rebuild-source.ts.
import { describe, expect, test } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import { JOINED, REBUILDS, records, supervised } from './supervise-fakes.ts';

describe('superviseSource()', () => {
  test('throws what opening the first client throws', async () => {
    await expect(supervised([new GbxError('GBX_KAFKA_AUTH', 'no')])).rejects.toMatchObject({ code: 'GBX_KAFKA_AUTH' });
  });

  test('makes a new client when the first one dies, and closes that', async () => {
    const { latest, takeNext, clients, metrics, source } = await supervised();
    latest().give(JOINED);
    expect(await takeNext()).toEqual(JOINED);
    latest().die();
    expect(await takeNext(20_000)).toBeUndefined();
    expect([clients.length, clients[0]?.closed, metrics.values.get(`${REBUILDS}{reason=crash}`)]).toEqual([2, true, 1]);
    latest().give(JOINED);
    expect(await takeNext()).toEqual(JOINED);
    source.seek(new Map([[0, 3n]]));
    expect(clients.map(({ sought }) => sought.length)).toEqual([0, 1]);
  });

  test('waits for Kafka however long it is away, and says so once a minute', async () => {
    const down = Array.from({ length: 2_000 }, () => new GbxError('GBX_KAFKA_UNREACHABLE', 'no broker'));
    const { source, latest, takeNext, clients, log } = await supervised(['c1', ...down]);
    latest().give(JOINED);
    await takeNext();
    expect(source.isUp()).toBe(true);
    latest().die('GBX_KAFKA_UNREACHABLE');
    expect(await takeNext(3_600_000)).toBeUndefined();
    expect([clients.length, source.isUp()]).toEqual([1, false]);
    const reminders = log.events().filter((event) => event === 'source.waited_for').length;
    expect(reminders).toBeGreaterThan(50);
    expect(reminders).toBeLessThan(65);
  });

  test('does not count outages, however often the client dies of one', async () => {
    const { latest, takeNext, clients } = await supervised();
    for (let round = 0; round < 25; round++) {
      latest().die('GBX_KAFKA_UNREACHABLE');
      await takeNext(40_000);
    }
    expect(clients).toHaveLength(26);
  });

  test('waits longer before each client that dies of an outage, and tells of it once a minute, until records come', async () => {
    const { latest, takeNext, clock, clients, log } = await supervised();
    const said = (): number => log.events().filter((event) => event === 'source.died' || event === 'source.rebuilt').length;
    const replaced = async (): Promise<number> => {
      const [live, fromMs] = [clients.length, clock.elapsed()];
      latest().die('GBX_KAFKA_UNREACHABLE');
      while (clients.length === live) await takeNext(200);
      return clock.elapsed() - fromMs;
    };
    while (clock.elapsed() < 3_600_000) {
      latest().give(JOINED);
      await takeNext();
      await replaced();
    }
    // A wait of 3 to 30 s each: some 220 of them, where there were thousands without it.
    expect(clients.length).toBeGreaterThan(150);
    expect(clients.length).toBeLessThan(280);
    expect(said()).toBeGreaterThan(60);
    expect(said()).toBeLessThan(125);
    const before = said();
    latest().give(records(7));
    await takeNext();
    expect(await replaced()).toBeLessThan(1_000);
    expect(said()).toBe(before + 2);
  });

  test.each(['GBX_KAFKA_AUTH', 'GBX_TOPIC_MISSING', 'GBX_GROUP_REFUSED'] as const)(
    'ends with %s before anything was read, waits for it to be mended afterwards',
    async (code) => {
      const early = await supervised();
      early.latest().give(JOINED);
      await early.takeNext();
      early.latest().die(code, 'no');
      await expect(early.takeNext(60_000)).rejects.toMatchObject({ code, message: 'no' });
      const late = await supervised();
      late.latest().give(records(0));
      await late.takeNext();
      for (let round = 0; round < 20; round++) {
        late.latest().die(code);
        await late.takeNext(40_000);
      }
      expect(late.clients).toHaveLength(21);
    },
  );

  test('ends with a login that is refused to a second client before the first one has read', async () => {
    const { latest, takeNext } = await supervised(['c1', new GbxError('GBX_KAFKA_AUTH', 'no')]);
    latest().die('GBX_KAFKA_UNREACHABLE');
    await expect(takeNext(60_000)).rejects.toMatchObject({ code: 'GBX_KAFKA_AUTH' });
  });

  test('takes a place to stand by for progress: a login that is refused from then on is waited for', async () => {
    const { latest, takeNext, clients } = await supervised(['c1', new GbxError('GBX_KAFKA_AUTH', 'no'), 'c1']);
    latest().give({ kind: 'joined', partitions: [] });
    for (let look = 0; look < 4; look++) await takeNext(10_000);
    latest().die('GBX_KAFKA_UNREACHABLE');
    await takeNext(60_000);
    expect(clients).toHaveLength(2);
  });

  test('ends with the reason after ten new clients without progress', async () => {
    const { latest, takeNext, clients } = await supervised();
    const failure = async (): Promise<unknown> => {
      for (let round = 0; round < 20; round++) {
        latest().give(JOINED);
        latest().die('GBX_CONSUMER_CRASHED', 'the reason');
        await takeNext(60_000);
      }
      return 'no end';
    };
    await expect(failure()).rejects.toMatchObject({ code: 'GBX_CONSUMER_CRASHED', message: expect.stringContaining('the reason') });
    expect(clients).toHaveLength(11);
  });

  test('begins to count anew with records that are new, not with those that were read before', async () => {
    const ends: boolean[] = [];
    for (const isNew of [true, false]) {
      const { latest, takeNext } = await supervised();
      let ended = false;
      for (let round = 0; round < 25 && !ended; round++) {
        latest().give(records(isNew ? round : 0));
        await takeNext();
        latest().die();
        ended = await takeNext(60_000).then(
          () => false,
          () => true,
        );
      }
      ends.push(ended);
    }
    expect(ends).toEqual([false, true]);
  });

  test.each([1, 2])('ends where the same %i batches cannot be read, whatever comes beside them', async (batches) => {
    const { latest, takeNext } = await supervised();
    const failure = async (): Promise<unknown> => {
      for (let round = 0; round < 25 * batches; round++) {
        latest().give(records(round));
        await takeNext();
        latest().die('GBX_BATCH_UNREADABLE', `partition ${round % batches}, offset 7`);
        await takeNext(60_000);
      }
      return 'no end';
    };
    await expect(failure()).rejects.toMatchObject({
      code: 'GBX_BATCH_UNREADABLE',
      message: expect.stringContaining('partition 0, offset 7'),
    });
  });

  test('ends where the brokers belong to another cluster by now: the ledger is of the former one', async () => {
    const { latest, takeNext, clients } = await supervised(['c1', 'c2']);
    latest().die();
    await expect(takeNext()).rejects.toMatchObject({ code: 'GBX_TOPIC_CHANGED', message: expect.stringContaining('c2') });
    expect(clients.map(({ closed }) => closed)).toEqual([true, true]);
  });

  test('goes on though the former client never closes, and hears no more of it', async () => {
    const { latest, takeNext, clients } = await supervised();
    const [first] = clients;
    latest().neverCloses = true;
    latest().die();
    await takeNext(20_000);
    first?.give(records(5));
    latest().give(JOINED);
    expect(await takeNext()).toEqual(JOINED);
    expect(await takeNext(5_000)).toBeUndefined();
    expect(clients).toHaveLength(2);
  });
});

describe('while a new client is made', () => {
  test('a question is answered by an error that is waited out, and what is sought is for nobody', async () => {
    const down = Array.from({ length: 50 }, () => new GbxError('GBX_KAFKA_UNREACHABLE', 'no broker'));
    const { source, latest, takeNext, clients } = await supervised(['c1', ...down]);
    latest().die();
    await takeNext(5_000);
    await expect(source.offsets([0])).rejects.toMatchObject({ code: 'GBX_KAFKA_UNREACHABLE' });
    await expect(source.commit(new Map())).rejects.toMatchObject({ code: 'GBX_KAFKA_UNREACHABLE' });
    source.seek(new Map([[0, 1n]]));
    expect(clients[0]?.sought).toEqual([]);
  });

  test('what is sought before the join of the new client was meant for the one before', async () => {
    const { source, latest, takeNext } = await supervised();
    latest().die();
    await takeNext(20_000);
    source.seek(new Map([[0, 1n]]));
    expect(latest().sought).toEqual([]);
    latest().give(JOINED);
    await takeNext();
    source.seek(new Map([[0, 2n]]));
    expect(latest().sought).toEqual([new Map([[0, 2n]])]);
  });

  test('closing ends it, and a client that comes too late is closed as well', async () => {
    let open = (_clusterId: string): void => undefined;
    const late = new Promise<string>((resolve) => {
      open = resolve;
    });
    const { source, latest, takeNext, clients, clock } = await supervised(['c1', late]);
    latest().die();
    await takeNext(1_000);
    const closing = source[Symbol.asyncDispose]();
    await clock.advance(60_000);
    await closing;
    open('c1');
    await clock.advance(60_000);
    expect(clients.map(({ closed }) => closed)).toEqual([true, true]);
  });
});
