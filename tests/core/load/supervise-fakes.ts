// A supervised source over clients that a test scripts: supervise.test.ts, supervise-stall.test.ts.
import { type ErrorCode, GbxError } from '../../../src/core/errors.ts';
import type { PartitionOffsets, Source, SourceEvent } from '../../../src/core/load/ports.ts';
import type { SuperviseLimits, SuperviseOptions } from '../../../src/core/load/rebuild-source.ts';
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
      if (queue.length === 0 && failure === undefined && ms > 0) {
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

export const JOINED: SourceEvent = { kind: 'joined', partitions: [0] };
const record = (offset: number) => ({ partition: 0, offset: BigInt(offset), timestampMs: 0, key: null, value: null, headers: {} });
export const records = (offset: number): SourceEvent => recordsEvent([record(offset)]);

/** `script` is what opening does, in order: a cluster id for a client that works, now or later, or what it throws; then clients for ever. */
export async function supervised(script: (string | Promise<string> | GbxError)[] = [], limits: Partial<SuperviseLimits> = {}) {
  const clock = manualClock();
  const log = collectingLog();
  const metrics = collectingMetrics();
  const clients: FakeClient[] = [];
  const open: SuperviseOptions['open'] = async () => {
    const next = await (script.shift() ?? 'c1');
    if (next instanceof GbxError) throw next;
    const client = fakeClient(clock, next);
    clients.push(client);
    return client;
  };
  const source = await superviseSource({ open, clock, random: seededRandom(1), log, metrics, limits });
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

export const REBUILDS = 'gbx_kafka_client_rebuilds_total';
