import { describe, expect, test } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import { assessLag } from '../../../src/core/lag/assess.ts';
import { createSampler, type SamplerOptions } from '../../../src/core/lag/read-sample.ts';
import type { GroupAnswer, LagSource, LagWarehouse, LedgerPosition, LogAnswer } from '../../../src/core/lag/sample.ts';
import { createLagWindow } from '../../../src/core/lag/window.ts';
import { manualClock } from '../../support/clock.ts';
import { MEMBER, OPTIONS } from './samples.ts';

const TARGET = { group: 'g', topic: 't', deadLetterTopic: 't.dlq', retryTopic: undefined };

interface Setup extends Partial<Omit<SamplerOptions, 'source' | 'warehouse'>> {
  readonly group?: Partial<GroupAnswer>;
  /** A function: the offset of partition 0, as it is when asked. */
  readonly committed?: readonly (readonly [number, bigint])[] | (() => bigint);
  readonly logs?: LogAnswer;
  readonly ledger?: readonly Partial<LedgerPosition>[] | GbxError;
}

function place(partition: number, start: bigint, end: bigint) {
  return { partition, start, end, error: undefined };
}

function setUp({ group, committed = [[0, 40n]], logs = new Map([['t', [place(0, 0n, 100n)]]]), ledger, ...options }: Setup = {}) {
  const calls: string[] = [];
  const clock = manualClock();
  const answer: GroupAnswer = {
    clusterId: 'c',
    brokers: ['b:1'],
    state: 'Stable',
    members: [MEMBER],
    committed: new Map(),
    ...group,
  };
  const source: LagSource = {
    readGroup: async () => {
      calls.push('group');
      const offsets = typeof committed === 'function' ? ([[0, committed()]] as const) : committed;
      return { ...answer, committed: new Map([['t', new Map(offsets)]]) };
    },
    readLogs: async () => {
      calls.push('logs');
      return logs;
    },
    findByTime: async (asks) => asks.map(() => ({ offset: 40n, timestampMs: clock.now() - 5_000 })),
    timestampType: async () => 'CreateTime',
  };
  const warehouse: LagWarehouse = {
    readLedger: async () => {
      calls.push('ledger');
      if (ledger instanceof GbxError) throw ledger;
      return (ledger ?? []).map((row) => ({ clusterId: 'c', topic: 't', partition: 0, nextOffset: 0n, updatedAtMs: 7, ...row }));
    },
    readFreshness: async () => ({ newestTsMs: 1, loadDelayMs: undefined }),
  };
  const sampler = createSampler({
    source,
    warehouse: ledger === undefined ? undefined : warehouse,
    target: TARGET,
    by: 'ledger',
    isTimed: true,
    limitMs: undefined,
    warehouseEveryMs: 10_000,
    clock,
    ...options,
  });
  return { sampler, calls, clock };
}

describe('createSampler()', () => {
  test('rejects for a topic that is not there, and for a group that neither Kafka nor the ledger knows', async () => {
    await expect(setUp({ logs: new Map() }).sampler()).rejects.toMatchObject({ code: 'GBX_TOPIC_MISSING' });
    const unknown = { group: { state: 'Dead', members: [] }, committed: [] };
    await expect(setUp(unknown).sampler()).rejects.toMatchObject({ code: 'GBX_GROUP_MISSING', exitCode: 78 });
    const { partitions } = await setUp({ ...unknown, ledger: [{ nextOffset: 60n }] }).sampler();
    expect(partitions[0]).toMatchObject({ position: 60n, by: 'ledger', committed: undefined });
  });

  test('asks for positions before ends: asked the other way round a lag can come out negative', async () => {
    const { sampler, calls } = setUp({ ledger: [{}] });
    await sampler();
    expect(calls.indexOf('logs')).toBeGreaterThan(calls.indexOf('group'));
    expect(calls.indexOf('logs')).toBeGreaterThan(calls.indexOf('ledger'));
  });

  test('goes by the group where the warehouse is away or has no row, of this cluster', async () => {
    const away = new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'away');
    expect(await setUp({ ledger: away }).sampler()).toMatchObject({
      partitions: [{ position: 40n, by: 'group' }],
      warehouse: { kind: 'failed' },
    });
    const other = await setUp({ ledger: [{ clusterId: 'another', nextOffset: 9n }] }).sampler();
    expect(other.partitions[0]).toMatchObject({ position: 40n, by: 'group', loaded: undefined });
  });

  test('rejects where the ledger alone was asked for and the warehouse is away', async () => {
    const away = new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'away');
    await expect(setUp({ ledger: away, isLedgerRequired: true }).sampler()).rejects.toBe(away);
    expect((await setUp({ ledger: [{ nextOffset: 30n }], isLedgerRequired: true }).sampler()).partitions[0]?.position).toBe(30n);
  });

  test('goes by the ledger where there is one, and by the group where that is asked for', async () => {
    expect((await setUp({ ledger: [{ nextOffset: 30n }] }).sampler()).partitions[0]).toMatchObject({
      position: 30n,
      by: 'ledger',
      loadedAtMs: 7,
    });
    expect((await setUp({ ledger: [{ nextOffset: 30n }], by: 'group' }).sampler()).partitions[0]).toMatchObject({
      position: 40n,
      loaded: 30n,
    });
  });

  test('spares the warehouse: between two looks the group tells what has moved', async () => {
    let committed = 30n;
    const { sampler, calls, clock } = setUp({ ledger: [{ nextOffset: 30n }], committed: () => committed });
    expect((await sampler()).partitions[0]?.position).toBe(30n);
    await clock.advance(9_000);
    committed = 40n;
    expect((await sampler()).partitions[0]).toMatchObject({ position: 40n, by: 'ledger' });
    expect(calls.filter((name) => name === 'ledger')).toHaveLength(1);
    await clock.advance(2_000);
    expect((await sampler()).partitions[0]?.position).toBe(30n);
    expect(calls.filter((name) => name === 'ledger')).toHaveLength(2);
  });

  test('does not take an offset for a move that was ahead of the ledger all along: that would be a REWIND with each reading', async () => {
    let committed = 90n;
    const { sampler, clock } = setUp({ ledger: [{ nextOffset: 30n }], committed: () => committed });
    const window = createLagWindow();
    for (let look = 0; look < 12; look++) {
      window.add(await sampler());
      await clock.advance(2_000);
    }
    const seen = window.samples.map(({ partitions }) => partitions[0]?.position);
    expect(new Set(seen)).toEqual(new Set([30n]));
    const { partitions, warnings } = assessLag(window, OPTIONS);
    expect(partitions[0]?.verdict).not.toBe('REWIND');
    expect(warnings).toContain('p0: committed is ahead of the ledger, which lag counts from');
    // The loader has taken over, from the ledger on.
    committed = 35n;
    window.add(await sampler());
    expect(window.last?.partitions[0]?.position).toBe(35n);
    expect(assessLag(window, OPTIONS).warnings).not.toContainEqual(expect.stringContaining('ahead'));
  });

  test('asks the group before the ledger: a batch loaded in between is not taken for an offset that is ahead', async () => {
    const { sampler, calls } = setUp({ ledger: [{}] });
    await sampler();
    expect(calls.indexOf('ledger')).toBeGreaterThan(calls.indexOf('group'));
  });

  test('tells of what was loaded from partitions that the topic has no more, of this cluster', async () => {
    const ledger = [
      { nextOffset: 30n },
      { partition: 2 },
      { partition: 1 },
      { partition: 3, clusterId: 'another' },
      { partition: 4, topic: 'x' },
    ];
    const { gone, partitions } = await setUp({ ledger }).sampler();
    expect({ gone, partitions: partitions.length }).toEqual({ gone: [1, 2], partitions: 1 });
  });

  test('gives ages: none for what is loaded, that of the next record for what is not, unknown for the rest', async () => {
    const logs = new Map([['t', [place(0, 0n, 100n), place(1, 0n, 5n), { partition: 2, start: undefined, end: undefined, error: 'x' }]]]);
    const { partitions } = await setUp({
      logs,
      committed: [
        [0, 40n],
        [1, 5n],
        [2, 1n],
      ],
    }).sampler();
    expect(partitions.map(({ timeLag }) => timeLag)).toEqual([{ minMs: 5_000, maxMs: 5_000 }, { minMs: 0, maxMs: 0 }, undefined]);
  });

  test('counts dead letters, and leaves them unknown where they cannot be seen', async () => {
    const logs: LogAnswer = new Map([
      ['t', [place(0, 0n, 40n)]],
      ['t.dlq', [place(0, 2n, 41n)]],
    ]);
    expect((await setUp({ logs }).sampler()).deadLetters).toEqual({ topic: 't.dlq', records: 39, newestAgeMs: 5_000 });
    expect((await setUp().sampler()).deadLetters).toEqual({ topic: 't.dlq', records: undefined, newestAgeMs: undefined });
  });

  test('counts what waits in a retry topic of its own', async () => {
    const logs: LogAnswer = new Map([
      ['t', [place(0, 0n, 40n)]],
      ['t.retry', [place(0, 10n, 25n)]],
    ]);
    const target = { ...TARGET, retryTopic: 't.retry' };
    expect((await setUp({ logs, target }).sampler()).retries).toMatchObject({ topic: 't.retry', records: 15 });
    const ledger = [{ nextOffset: 40n }, { topic: 't.retry', nextOffset: 21n }];
    expect((await setUp({ logs, target, ledger }).sampler()).retries).toMatchObject({ records: 4 });
  });
});
