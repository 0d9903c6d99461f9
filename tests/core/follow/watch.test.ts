import { describe, expect, it } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import type { WayStep } from '../../../src/core/follow/follower.ts';
import { type Complaint, openWatch } from '../../../src/core/follow/watch.ts';
import type { Source, SourceEvent } from '../../../src/core/load/ports.ts';
import { manualClock } from '../../support/clock.ts';

interface SetUpOptions {
  readonly openSource?: () => Promise<Source & AsyncDisposable>;
}

function setUp({ openSource }: SetUpOptions = {}) {
  const clock = manualClock();
  const steps: WayStep[] = [];
  const complaints: Complaint[] = [];
  const notes: string[] = [];
  const asked: (readonly string[])[] = [];
  const rows = new Set<string>();
  const byIds = async (ids: readonly string[]) => {
    asked.push(ids);
    return ids
      .filter((id) => rows.has(id))
      .map((exposureId) => ({
        exposureId,
        dsUserId: 'u',
        experimentId: 'e',
        variationId: 'v',
        tsMicros: 0,
        attributes: '{}',
        source: 'http',
        createdAtMicros: 0,
      }));
  };
  const screen = {
    step: (step: WayStep) => void steps.push(step),
    second: () => undefined,
    complaint: (complaint: Complaint) => void complaints.push(complaint),
    note: (text: string) => void notes.push(text),
  };
  const watch = openWatch({
    openSource: openSource ?? (() => new Promise(() => undefined)),
    reader: { byIds },
    screen,
    clock,
    deadLetterTopic: 'dlq',
  });
  return { clock, steps, complaints, notes, asked, rows, watch };
}

/** Gives the events, then nothing until it is told to stop. */
function fakeSource(events: SourceEvent[]): Source & AsyncDisposable & { readonly sought: Map<number, bigint>[] } {
  const sought: Map<number, bigint>[] = [];
  return {
    clusterId: 'c',
    topic: 't',
    group: 'g',
    sought,
    take: (_ms, signal) => {
      const next = events.shift();
      if (next) return Promise.resolve(next);
      return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(undefined), { once: true }));
    },
    offsets: async (partitions) => partitions.map((partition) => ({ partition, start: 0n, end: 40n, committed: undefined })),
    seek: (positions) => void sought.push(new Map(positions)),
    commit: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

describe('openWatch()', () => {
  it('goes on without the way into Kafka, and says so, when the topic cannot be read', async () => {
    const { watch, notes, steps } = setUp({ openSource: () => Promise.reject(new Error('no right to join a group')) });
    await watch.placed;
    watch.onEvent('serve', { level: 'debug', event: 'exposure.accepted', fields: { exposureId: 'a', durationMs: 3 } });
    expect(notes).toEqual(['the way into Kafka is not shown: no right to join a group']);
    expect(steps).toHaveLength(1);
    await watch[Symbol.asyncDispose]();
  });

  it('starts at the end of the topic and shows what arrives there', async () => {
    const value = Buffer.from(
      JSON.stringify({ exposure_id: 'k', ds_user_id: 'u', experiment_id: 'e', variation_id: 'v', timestamp: '2026-01-15T12:00:00Z' }),
    );
    const record = { partition: 1, offset: 40n, timestampMs: Date.UTC(2026, 0, 15, 12), key: Buffer.from('u'), value, headers: {} };
    const source = fakeSource([
      { kind: 'joined', partitions: [0, 1] },
      { kind: 'records', partition: 1, fetchOffset: 40n, nextOffset: 41n, endOffset: 41n, records: [record], bytes: 100 },
    ]);
    const { watch, steps } = setUp({ openSource: () => Promise.resolve(source) });
    await watch.placed;
    expect(source.sought).toEqual([
      new Map([
        [0, 40n],
        [1, 40n],
      ]),
    ]);
    await expect.poll(() => steps).toHaveLength(1);
    expect(steps[0]).toMatchObject({ kind: 'in-kafka', exposureId: 'k', partition: 1, offset: 40n });
    await watch[Symbol.asyncDispose]();
  });

  it('reads the topic anew where Kafka was away, and says nothing of it', async () => {
    const away = new GbxError('GBX_KAFKA_UNREACHABLE', 'the coordinator is loading');
    const opened = [() => Promise.reject(away), () => Promise.resolve(fakeSource([]))];
    const { watch, notes, clock } = setUp({ openSource: () => opened.shift()?.() ?? Promise.reject(new Error('opened too often')) });
    await clock.advance(1_000);
    await clock.advance(60_000);
    expect(notes).toEqual([]);
    expect(opened).toEqual([]);
    await watch[Symbol.asyncDispose]();
  });

  it('says so once where Kafka stays away', async () => {
    const away = new GbxError('GBX_KAFKA_UNREACHABLE', 'the coordinator is loading');
    const { watch, notes, clock } = setUp({ openSource: () => Promise.reject(away) });
    for (let second = 0; second < 60; second++) await clock.advance(1_000);
    expect(notes).toEqual(['the way into Kafka is not shown: the coordinator is loading']);
    await watch[Symbol.asyncDispose]();
  });

  it('believes the table, not the log, that an exposure is loaded', async () => {
    const { watch, steps, rows, asked, clock } = setUp();
    watch.onEvent('serve', { level: 'debug', event: 'exposure.accepted', fields: { exposureId: 'a', durationMs: 3 } });
    watch.onEvent('consume', { level: 'info', event: 'batch.loaded', fields: { records: 1, inserted: 1, deadLetters: 0 } });
    await clock.advance(10);
    expect(asked).toEqual([['a']]);
    expect(steps.map(({ kind }) => kind)).toEqual(['accepted']);
    rows.add('a');
    await clock.advance(1000);
    expect(steps.map(({ kind }) => kind)).toEqual(['accepted', 'loaded']);
    await watch[Symbol.asyncDispose]();
  });

  it('shows warnings, errors and dead letters', async () => {
    const { watch, complaints } = setUp();
    watch.onEvent('consume', { level: 'error', event: 'circuit.opened', fields: { code: 'GBX_WAREHOUSE_UNREACHABLE' } });
    watch.onEvent('consume', { level: 'info', event: 'batch.loaded', fields: { records: 3, inserted: 1, deadLetters: 2 } });
    watch.onEvent('consume', { level: 'debug', event: 'kafkajs.reported', fields: {} });
    expect(complaints.map(({ level, text }) => `${level}: ${text}`)).toEqual([
      'error: circuit.opened {"code":"GBX_WAREHOUSE_UNREACHABLE"}',
      'info: 2 records given up, with the reason, into dlq',
    ]);
    await watch[Symbol.asyncDispose]();
  });
});
