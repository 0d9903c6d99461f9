import { describe, expect, test } from 'vitest';
import { type ErrorCode, GbxError } from '../../../src/core/errors.ts';
import type { PartitionOffsets, Source, SourceEvent } from '../../../src/core/load/ports.ts';
import type { SuperviseOptions } from '../../../src/core/load/rebuild-source.ts';
import { superviseSource } from '../../../src/core/load/supervise.ts';
import { type ManualClock, manualClock, seededRandom } from '../../support/clock.ts';
import { collectingLog } from '../../support/log.ts';
import { collectingMetrics } from '../../support/metrics.ts';
import { recordsEvent } from './fakes.ts';

interface FakeClient extends Source, AsyncDisposable {
  give(event: SourceEvent): void;
  die(code?: ErrorCode, message?: string): void;
  ends: bigint[];
  refuseCommits: boolean;
  neverCloses: boolean;
  closed: boolean;
  readonly sought: ReadonlyMap<number, bigint>[];
}

function fakeClient(clock: ManualClock, clusterId = 'c1'): FakeClient {
  const queue: SourceEvent[] = [];
  let failure: GbxError | undefined;
  let wake = (): void => undefined;
  const sought: ReadonlyMap<number, bigint>[] = [];
  const client: FakeClient = {
    clusterId,
    topic: 'exposures',
    group: 'g',
    ends: [],
    refuseCommits: false,
    neverCloses: false,
    closed: false,
    sought,
    give: (event) => {
      queue.push(event);
      wake();
    },
    die: (code = 'GBX_CONSUMER_CRASHED', message = 'it died') => {
      failure = new GbxError(code, message);
      wake();
    },
    take: async (ms, signal) => {
      if (queue.length === 0 && failure === undefined) {
        const alarm = new AbortController();
        wake = () => alarm.abort();
        signal?.addEventListener('abort', wake);
        await clock.sleep(ms, alarm.signal);
      }
      if (failure !== undefined) throw failure;
      return queue.shift();
    },
    offsets: async (partitions) =>
      partitions.map((partition): PartitionOffsets => ({ partition, start: 0n, end: client.ends[partition] ?? 0n, committed: undefined })),
    seek: (positions) => void sought.push(positions),
    commit: async () => {
      if (client.refuseCommits) throw new GbxError('GBX_NOT_A_MEMBER', 'UNKNOWN_MEMBER_ID');
    },
    [Symbol.asyncDispose]: async () => {
      if (client.neverCloses) await new Promise(() => undefined);
      client.closed = true;
    },
  };
  return client;
}

const JOINED: SourceEvent = { kind: 'joined', partitions: [0] };
const record = (offset: number) => ({ partition: 0, offset: BigInt(offset), timestampMs: 0, key: null, value: null, headers: {} });
const records = (offset: number): SourceEvent => recordsEvent([record(offset)]);

/** `script` is what opening does, in order: a cluster id for a client that works, or what it throws; then clients for ever. */
async function supervised(script: (string | GbxError)[] = []) {
  const clock = manualClock();
  const log = collectingLog();
  const metrics = collectingMetrics();
  const clients: FakeClient[] = [];
  const open: SuperviseOptions['open'] = async () => {
    const next = script.shift() ?? 'c1';
    if (next instanceof GbxError) throw next;
    const client = fakeClient(clock, next);
    clients.push(client);
    return client;
  };
  const source = await superviseSource({ open, clock, random: seededRandom(1), log, metrics });
  const latest = (): FakeClient => {
    const client = clients.at(-1);
    if (client === undefined) throw new Error('no client');
    return client;
  };
  /** What the load loop does: takes all the time, until something comes. */
  async function takeNext(forMs = 200_000): Promise<SourceEvent | undefined> {
    const untilMs = clock.elapsed() + forMs;
    let done = false;
    const taking = (async () => {
      while (clock.elapsed() < untilMs) {
        const event = await source.take(500);
        if (event !== undefined) return event;
      }
      return undefined;
    })().finally(() => {
      done = true;
    });
    taking.catch(() => undefined);
    while (!done) await clock.advance(100);
    return await taking;
  }
  return { source, clock, log, metrics, clients, latest, takeNext };
}

const REBUILDS = 'gbx_kafka_client_rebuilds_total';

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
    const { latest, takeNext, clients, log } = await supervised(['c1', ...down]);
    latest().die('GBX_KAFKA_UNREACHABLE');
    expect(await takeNext(3_600_000)).toBeUndefined();
    expect(clients).toHaveLength(1);
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

  test('ends where the same batch cannot be read, whatever comes beside it', async () => {
    const { latest, takeNext } = await supervised();
    const failure = async (): Promise<unknown> => {
      for (let round = 0; round < 25; round++) {
        latest().give(records(round));
        await takeNext();
        latest().die('GBX_BATCH_UNREADABLE', 'partition 1, offset 7');
        await takeNext(60_000);
      }
      return 'no end';
    };
    await expect(failure()).rejects.toMatchObject({
      code: 'GBX_BATCH_UNREADABLE',
      message: expect.stringContaining('partition 1, offset 7'),
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

  test('closing ends it, and a client that comes too late is closed as well', async () => {
    const { source, latest, takeNext, clients, clock } = await supervised(['c1']);
    latest().die();
    await takeNext(50);
    const closing = source[Symbol.asyncDispose]();
    await clock.advance(60_000);
    await closing;
    await clock.advance(60_000);
    expect(clients.every(({ closed }) => closed)).toBe(true);
  });
});
