// Dead letters and a table in memory, for tests of replay.
import { encodeExposure } from '../../../src/core/exposure/encode.ts';
import type { Exposure, LogRecord, RecordHeaders } from '../../../src/core/exposure/exposure.ts';
import type { StoredExposure } from '../../../src/core/exposure/stored.ts';
import { toCandidate } from '../../../src/core/replay/gather.ts';
import { readLetter } from '../../../src/core/replay/letter.ts';
import { makePlan } from '../../../src/core/replay/make-plan.ts';
import type { Plan } from '../../../src/core/replay/plan.ts';
import type { ReplayLogs, ReplayTable } from '../../../src/core/replay/ports.ts';

export const NOON_MS = Date.UTC(2026, 0, 15, 12);
export const PLACE = { topic: 'dlq', clusterId: 'c' };

export function exposure(exposureId: string, over: Partial<Exposure> = {}): Exposure {
  const [dsUserId, experimentId, variationId] = [`user of ${exposureId}`, 'checkout', '1'];
  return { exposureId, dsUserId, experimentId, variationId, tsMicros: NOON_MS * 1000, attributes: '{}', source: 'http', ...over };
}

export interface World {
  readonly topics: Map<string, LogRecord[]>;
  readonly rows: StoredExposure[];
  start: bigint;
  readonly logs: ReplayLogs;
  readonly table: ReplayTable;
  /** Appends to the topic's one partition. */
  put(
    value: Exposure | string | null,
    options?: { topic?: string; headers?: RecordHeaders; timestampMs?: number; key?: string },
  ): LogRecord;
  /** A dead letter of gbx, of offset `of` of the main topic. */
  letter(value: Exposure | string, options: { of: number; code?: string; headers?: RecordHeaders; failedAtMs?: number }): LogRecord;
  load(...exposures: readonly Exposure[]): void;
  /** Every letter of the world, as it stands. */
  plan(over?: Partial<Plan>): Plan;
}

export function createWorld(): World {
  const topics = new Map<string, LogRecord[]>([
    ['dlq', []],
    ['t', []],
  ]);
  const world: World = {
    topics,
    rows: [],
    start: 0n,
    logs: {
      ranges: async (topic) => {
        const log = topics.get(topic);
        return log === undefined ? undefined : [{ partition: 0, start: topic === 'dlq' ? world.start : 0n, end: BigInt(log.length) }];
      },
      async *read({ topic, from, to }) {
        const low = topic === 'dlq' && world.start > from ? world.start : from;
        const records = (topics.get(topic) ?? []).filter(({ offset }) => offset >= low && offset < to);
        for (const record of records) yield { records: [record], nextOffset: record.offset + 1n };
        yield { records: [], nextOffset: to };
      },
    },
    table: { rowsByIds: async (ids) => world.rows.filter(({ exposureId }) => ids.includes(exposureId)) },
    put(value, { topic = 'dlq', headers = {}, timestampMs = NOON_MS, key } = {}) {
      const log = topics.get(topic) ?? [];
      const text = value === null || typeof value === 'string' ? value : encodeExposure(value);
      const record = {
        ...{ partition: 0, offset: BigInt(log.length), timestampMs, headers },
        key: key === undefined ? null : Buffer.from(key),
        value: text === null ? null : Buffer.from(text),
      };
      log.push(record);
      return record;
    },
    letter: (value, { of, code = 'GBX_ROW_REFUSED', headers = {}, failedAtMs = NOON_MS }) =>
      world.put(value, {
        headers: {
          'gbx-origin': `t/0/${of}/${NOON_MS}`,
          'gbx-error-code': code,
          'gbx-last-failed-at': String(failedAtMs),
          ...headers,
        },
      }),
    load: (...exposures) => void world.rows.push(...exposures.map((one) => ({ ...one, createdAtMicros: one.tsMicros }))),
    plan(over = {}) {
      const log = topics.get('dlq') ?? [];
      const head = {
        ...({ id: 'replay-1', kind: 'letters', createdAtMs: NOON_MS, clusterId: 'c', sourceTopic: 'dlq', targetTopic: 't' } as const),
        ...{ deadLetterTopic: 'dlq', resendsLoaded: false, filter: {}, records: log.length, duplicates: 0 },
        ranges: [{ partition: 0, start: 0n, end: BigInt(log.length) }],
        letterEnds: [{ partition: 0, end: BigInt(log.length) }],
      };
      const chosen = log.map((record) => toCandidate(record, readLetter(record, 'dlq'), 'c'));
      return { ...makePlan(head, { chosen, skipped: new Map() }).plan, ...over };
    },
  };
  return world;
}

export const READING = { signal: new AbortController().signal, onProgress: () => undefined };
