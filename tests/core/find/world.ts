// Fakes of what find asks, in memory: logs with records, a ledger, rows. Everything may change between two questions.
import type { LogRecord, RecordHeaders } from '../../../src/core/exposure/exposure.ts';
import type { StoredExposure } from '../../../src/core/exposure/stored.ts';
import { find } from '../../../src/core/find/find.ts';
import type { FindDeps, FindLogs, FindPlan, FindWarehouse } from '../../../src/core/find/ports.ts';
import type { LedgerScope } from '../../../src/core/load/ports.ts';

export const NOW_MS = Date.UTC(2026, 0, 31, 12);
const TS = '2026-01-31T11:00:00Z';

export interface World {
  /** By topic and partition. */
  readonly logs: Map<string, LogRecord[][]>;
  /** By topic. */
  readonly ledger: Map<string, Map<number, bigint>>;
  readonly committed: Map<number, bigint>;
  rows: StoredExposure[];
  /** Called at each question, with its name. */
  onAsk: (what: string) => void;
  /** Questions so far. */
  readonly asked: string[];
}

export function createWorld(): World {
  const logs = new Map([
    ['t', [[], [], []]],
    ['dlq', [[]]],
  ]) as World['logs'];
  return { logs, ledger: new Map(), committed: new Map(), rows: [], onAsk: () => undefined, asked: [] };
}

interface NewRecord {
  readonly topic?: string;
  readonly partition?: number;
  readonly id?: string | null;
  readonly user?: string;
  readonly experiment?: string;
  readonly value?: string;
  readonly headers?: RecordHeaders;
  readonly timestampMs?: number;
}

/** Appends it. */
export function addRecord(world: World, record: NewRecord = {}): LogRecord {
  const { topic = 't', partition = 0, id = 'x', user = 'u', experiment = 'e', headers = {}, timestampMs = NOW_MS - 60_000 } = record;
  const body = {
    ...(id === null ? {} : { exposure_id: id }),
    ds_user_id: user,
    experiment_id: experiment,
    variation_id: '1',
    timestamp: TS,
  };
  const log = world.logs.get(topic)?.[partition] ?? [];
  const value = Buffer.from(record.value ?? JSON.stringify(body));
  const placed = { partition, offset: BigInt(log.length), timestampMs, key: Buffer.from(user), value, headers };
  log.push(placed);
  return placed;
}

export function row(exposureId: string, more: Partial<StoredExposure> = {}): StoredExposure {
  const tsMicros = Date.parse(TS) * 1000;
  return {
    ...{ exposureId, dsUserId: 'u', experimentId: 'e', variationId: '1', tsMicros, attributes: '{}', source: 's' },
    createdAtMicros: tsMicros + 1_500_000,
    ...more,
  };
}

export function logsOf(world: World): FindLogs {
  const ask = (what: string): void => {
    world.asked.push(what);
    world.onAsk(what);
  };
  return {
    clusterId: async () => 'c',
    ranges: async (topic) => {
      ask(`ranges ${topic}`);
      return world.logs.get(topic)?.map((log, partition) => ({ partition, start: 0n, end: BigInt(log.length) }));
    },
    offsetsAt: async (topic, ms) => {
      const first = (log: readonly LogRecord[]): number => log.findIndex(({ timestampMs }) => timestampMs >= ms);
      return new Map((world.logs.get(topic) ?? []).map((log, partition) => [partition, BigInt(first(log) < 0 ? log.length : first(log))]));
    },
    committedOffsets: async () => world.committed,
    partitionOf: (key, partitions) => key.length % partitions,
    async *read({ topic, partition, from, to }) {
      ask(`read ${topic}/${partition} ${from}..${to}`);
      const records = world.logs.get(topic)?.[partition]?.slice(Number(from), Number(to)) ?? [];
      yield { records, nextOffset: to };
    },
  };
}

export function warehouseOf(world: World): FindWarehouse {
  const ask = (what: string): void => {
    world.asked.push(what);
    world.onAsk(what);
  };
  const newest = (rows: readonly StoredExposure[]): StoredExposure[] => [...rows].sort((one, other) => other.tsMicros - one.tsMicros);
  return {
    readLedger: async ({ topic }: LedgerScope) => {
      ask('ledger');
      const entries = [...(world.ledger.get(topic) ?? [])];
      return entries.map(([partition, nextOffset]) => ({ partition, nextOffset, epoch: 1, owner: 'o', host: 'h', lastRecord: undefined }));
    },
    ledgerScopes: async () => [...world.ledger.keys()].map((topic) => ({ clusterId: 'c', group: 'g', topic })),
    byId: async (id) => {
      ask('rows');
      return world.rows.filter(({ exposureId }) => exposureId === id);
    },
    byIds: async (ids, { sinceMicros }) => world.rows.filter((one) => ids.includes(one.exposureId) && one.tsMicros >= sinceMicros),
    candidates: async ({ dsUserId, experimentId, fromMicros, toMicros, rowsMax }) =>
      newest(
        world.rows.filter(
          (one) =>
            (dsUserId ?? one.dsUserId) === one.dsUserId &&
            (experimentId ?? one.experimentId) === one.experimentId &&
            one.tsMicros >= fromMicros &&
            one.tsMicros < toMicros,
        ),
      ).slice(0, rowsMax),
  };
}

export function planFor(more: Partial<FindPlan> = {}): FindPlan {
  return {
    wanted: { kind: 'id', exposureId: 'x' },
    ...{ partitionKey: undefined, topic: 't', retryTopic: undefined, deadLetterTopic: 'dlq', group: 'g', since: undefined, limit: 20 },
    ...more,
  };
}

export function depsFor(world: World, more: Partial<FindDeps> = {}): FindDeps {
  return {
    spool: { kind: 'absent', reason: 'not set' },
    kafka: { kind: 'open', it: logsOf(world) },
    warehouse: { kind: 'open', it: warehouseOf(world) },
    clock: { now: () => NOW_MS, elapsed: () => 0 },
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...more,
  };
}

/** Asks, and fails where it was interrupted. */
export async function ask(world: World, { plan = {}, deps = {} }: { plan?: Partial<FindPlan>; deps?: Partial<FindDeps> } = {}) {
  const wanted = planFor(plan);
  const report = await find(wanted, depsFor(world, deps));
  if (report.kind !== 'done') throw new Error('it was interrupted');
  return { plan: wanted, report, verdict: report.exposures[0]?.verdict };
}
