// A topic, its dead letters, a ledger and a table in memory, for tests of verify: what a pipeline left behind, to be put right
// or wrong by hand.

import { encodeExposure } from '../../../src/core/exposure/encode.ts';
import type { Exposure, LogRecord, RecordHeaders } from '../../../src/core/exposure/exposure.ts';
import type { StoredExposure } from '../../../src/core/exposure/stored.ts';
import type { LedgerRow, LedgerScope } from '../../../src/core/load/ports.ts';
import { formatManifest, type SentExposure } from '../../../src/core/traffic/manifest.ts';
import { contentHash } from '../../../src/core/verify/content.ts';
import type { VerifyDeps, VerifyPlan } from '../../../src/core/verify/plan.ts';
import type { VerifyReport } from '../../../src/core/verify/verify.ts';
import { verify } from '../../../src/core/verify/verify.ts';
import { fixedClock } from '../../support/clock.ts';

export const NOON_MS = Date.UTC(2026, 0, 15, 12);
export const SCOPE: LedgerScope = { clusterId: 'c', group: 'g', topic: 't' };
const HOUR_MICROS = 3_600_000_000;

export function exposure(exposureId: string, over: Partial<Exposure> = {}): Exposure {
  const [dsUserId, experimentId, variationId] = [`user of ${exposureId}`, 'checkout', '1'];
  return { exposureId, dsUserId, experimentId, variationId, tsMicros: NOON_MS * 1000, attributes: '{"a":1}', source: 'http', ...over };
}

export function stored(row: Exposure, over: Partial<StoredExposure> = {}): StoredExposure {
  return { ...row, createdAtMicros: NOON_MS * 1000 + HOUR_MICROS, ...over };
}

export interface World {
  readonly topics: Map<string, Map<number, LogRecord[]>>;
  readonly starts: Map<string, bigint>;
  readonly ledger: Map<string, bigint>;
  readonly otherScopes: LedgerScope[];
  readonly rows: StoredExposure[];
  /** Runs when the table is first read. */
  onSnapshot: () => void;
  /** Appends. @returns its offset */
  put(value: Exposure | string, options?: { topic?: string; partition?: number; headers?: RecordHeaders; timestampMs?: number }): bigint;
  /** A dead letter of the record at this place of the main topic. */
  letter(value: Exposure | string, options: { offset: bigint; partition?: number; code?: string }): void;
  /** Puts the ledger at the end of every partition. */
  load(...rows: readonly Exposure[]): void;
  deps(over?: Partial<VerifyDeps['logs']>): VerifyDeps;
  verify(plan?: Partial<VerifyPlan>, over?: Partial<VerifyDeps['logs']>): Promise<VerifyReport>;
}

/** @param partitions of the main topic */
export function createWorld(partitions = 2): World {
  const world: World = {
    topics: new Map([
      [SCOPE.topic, new Map(Array.from({ length: partitions }, (_, partition) => [partition, []]))],
      ['dlq', new Map([[0, []]])],
    ]),
    starts: new Map(),
    ledger: new Map(),
    otherScopes: [],
    rows: [],
    onSnapshot: () => undefined,
    put(value, { topic = SCOPE.topic, partition = 0, headers = {}, timestampMs = NOON_MS + 1000 } = {}) {
      const log = logOf(world, topic, partition);
      const offset = BigInt(log.length);
      const bytes = Buffer.from(typeof value === 'string' ? value : encodeExposure(value));
      log.push({ partition, offset, timestampMs, key: null, value: bytes, headers });
      return offset;
    },
    letter(value, { offset, partition = 0, code = 'GBX_ROW_REFUSED' }) {
      const headers = { 'gbx-origin': `${SCOPE.topic}/${partition}/${offset}/${NOON_MS + 1000}`, 'gbx-error-code': code };
      world.put(value, { topic: 'dlq', headers });
    },
    load(...rows) {
      world.rows.push(...rows.map((row) => stored(row)));
      for (const [partition, log] of world.topics.get(SCOPE.topic) ?? [])
        world.ledger.set(`${SCOPE.topic}/${partition}`, BigInt(log.length));
    },
    deps: (over = {}) => depsOf(world, over),
    async verify(plan = {}, over = {}) {
      const result = await verify({ ...PLAN, ...plan }, world.deps(over));
      if (result.kind !== 'done') throw new Error('interrupted');
      return result;
    },
  };
  return world;
}

const PLAN: VerifyPlan = {
  scope: SCOPE,
  deadLetterTopic: 'dlq',
  ...{ retryTopic: undefined, from: undefined, to: undefined, manifest: undefined },
  idsMax: 100,
};

function logOf({ topics }: World, topic: string, partition: number): LogRecord[] {
  const partitions = topics.get(topic) ?? new Map<number, LogRecord[]>();
  const log = partitions.get(partition) ?? [];
  topics.set(topic, partitions.set(partition, log));
  return log;
}

function depsOf(world: World, over: Partial<VerifyDeps['logs']>): VerifyDeps {
  const startOf = (topic: string): bigint => world.starts.get(topic) ?? 0n;
  return {
    logs: {
      ranges: async (topic) => {
        const partitions = world.topics.get(topic);
        return partitions && [...partitions].map(([partition, log]) => ({ partition, start: startOf(topic), end: BigInt(log.length) }));
      },
      offsetsAt: async (topic, ms) =>
        new Map(
          [...(world.topics.get(topic) ?? [])].map(([partition, log]) => {
            const found = log.find((record) => record.timestampMs >= ms && record.offset >= startOf(topic));
            return [partition, found?.offset ?? BigInt(log.length)];
          }),
        ),
      async *read({ topic, partition, from, to }) {
        const log = world.topics.get(topic)?.get(partition) ?? [];
        const records = log.filter(({ offset }) => offset >= from && offset < to && offset >= startOf(topic));
        for (let at = 0; at < records.length; at += 3) yield { records: records.slice(at, at + 3), nextOffset: records[at]?.offset ?? to };
        yield { records: [], nextOffset: to };
      },
      ...over,
    },
    warehouse: {
      readLedger: async ({ topic }) => ledgerRows(world, topic),
      ledgerScopes: async () => [SCOPE, ...world.otherScopes],
      openSnapshot: async () => {
        world.onSnapshot();
        const rows = [...world.rows];
        return {
          async streamRows({ fromMicros = Number.NEGATIVE_INFINITY, toMicros = Number.POSITIVE_INFINITY }, onRow) {
            for (const row of rows) if (row.tsMicros >= fromMicros && row.tsMicros < toMicros) onRow(row);
          },
          rowsByIds: async (ids) => rows.filter(({ exposureId }) => ids.includes(exposureId)),
          [Symbol.asyncDispose]: async () => undefined,
        };
      },
    },
    clock: fixedClock(NOON_MS),
    signal: new AbortController().signal,
    onProgress: () => undefined,
  };
}

function ledgerRows({ ledger }: World, topic: string): LedgerRow[] {
  const fixed = { epoch: 1, owner: 'o', host: 'h', lastRecord: undefined };
  return [...ledger].flatMap(([key, nextOffset]) => {
    const [name, partition] = key.split('/');
    return name === topic ? [{ ...fixed, partition: Number(partition), nextOffset }] : [];
  });
}

export const [A, B, C] = [exposure('a'), exposure('b'), exposure('c', { experimentId: 'pricing' })];

/** Three exposures on two partitions, loaded as they must be. */
export function rightWorld(): World {
  const world = createWorld();
  world.put(A);
  world.put(B, { partition: 1 });
  world.put(C);
  world.load(A, B, C);
  return world;
}

/** Without rows of this id. */
export function dropRow(world: World, exposureId: string): void {
  world.rows.splice(0, world.rows.length, ...world.rows.filter((row) => row.exposureId !== exposureId));
}

/** Its lines. */
export function manifestOf(sent: readonly SentExposure[]): () => AsyncIterable<string> {
  const text = formatManifest({ head: { runId: 'run-1', startMs: NOON_MS, count: sent.length }, sent });
  return async function* () {
    yield* text.split('\n');
  };
}

export function sentOf(row: Exposure, outcome: SentExposure['outcome'] = 'ok'): SentExposure {
  return { exposureId: row.exposureId, contentHash: contentHash(row), outcome };
}
