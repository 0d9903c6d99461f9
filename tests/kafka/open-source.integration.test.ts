// Contract: after `joined` and seek() every record of the sought partitions comes once, in order, each batch following on
// the one before; whatever kafkajs does on its own shows as a gap or an error. Membership outlasts a taker that is away,
// and ends at once when the source is disposed.
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { describe, expect, test } from 'vitest';
import type { Source, SourceEvent } from '../../src/core/load/ports.ts';
import { openAdmin } from '../../src/kafka/open-admin.ts';
import { openProducer } from '../../src/kafka/open-producer.ts';
import { openSource } from '../../src/kafka/open-source.ts';
import { createTopic, eventually, testStack } from '../support/stack.ts';
import { connectionTo } from './connection.ts';

type Records = Extract<SourceEvent, { kind: 'records' }>;

interface OpenOptions {
  readonly topic: string;
  readonly group?: string;
  readonly sessionTimeoutMs?: number;
  readonly bufferBytesMax?: number;
}

function open({ topic, group = `g-${randomUUID()}`, sessionTimeoutMs = 30_000, bufferBytesMax = 16_000_000 }: OpenOptions) {
  return openSource(connectionTo(), { topic, group, sessionTimeoutMs, rebalanceTimeoutMs: 30_000, bufferBytesMax });
}

const client = (): Kafka => new Kafka({ brokers: [testStack().brokers], clientId: 'test', logLevel: logLevel.NOTHING });

async function write(topic: string, values: readonly { readonly partition: number; readonly value: string }[]): Promise<void> {
  await using producer = await openProducer(connectionTo(), { topics: [topic] });
  const records = values.map(({ partition, value }) => ({ key: null, value, partition, timestampMs: 1_700_000_000_000 }));
  await eventually('the records to be acknowledged', async () =>
    (await producer.send(topic, records)).every(({ kind }) => kind === 'acked'),
  );
}

async function joined(source: Source): Promise<readonly number[]> {
  return await eventually('the join', async () => {
    const event = await source.take(200);
    return event?.kind === 'joined' && event.partitions;
  });
}

/** From the join on: all partitions, from here. */
async function startAt(source: Source, offset: bigint): Promise<void> {
  source.seek(new Map((await joined(source)).map((partition) => [partition, offset])));
}

async function nextRecords(source: Source): Promise<Records> {
  const others: string[] = [];
  const next = async (): Promise<Records | false> => {
    const event = await source.take(200);
    if (event?.kind === 'records') return event;
    if (event !== undefined) others.push(event.kind);
    return false;
  };
  try {
    return await eventually('records', next);
  } catch (error) {
    throw new Error(`No records, but: ${others.join(', ') || 'nothing'}`, { cause: error });
  }
}

async function members(group: string): Promise<number> {
  const admin = client().admin();
  await admin.connect();
  const { groups } = await admin.describeGroups([group]);
  await admin.disconnect();
  return groups[0]?.members.length ?? 0;
}

describe('openSource()', () => {
  test('fails where the topic is missing', async () => {
    await expect(open({ topic: 'not-there' })).rejects.toMatchObject({
      code: 'GBX_TOPIC_MISSING',
      message: expect.stringContaining('not-there'),
    });
  });

  test('leaves the group when it is disposed before it has joined', async () => {
    const group = `g-${randomUUID()}`;
    const source = await open({ topic: await createTopic(), group });
    await source[Symbol.asyncDispose]();
    expect(await members(group)).toBe(0);
  });
});

describe('take()', () => {
  test('gives every record once, each batch following on the one before', async () => {
    const topic = await createTopic({ partitions: 3 });
    const values = Array.from({ length: 3_000 }, (_, index) => ({ partition: index % 3, value: `v${index}` }));
    await write(topic, values);
    await using source = await open({ topic });
    await startAt(source, 0n);
    const next = new Map([0, 1, 2].map((partition) => [partition, 0n]));
    const seen: string[] = [];
    while (seen.length < values.length) {
      const { partition, fetchOffset, nextOffset, endOffset, records, bytes } = await nextRecords(source);
      expect(fetchOffset).toBe(next.get(partition));
      for (const [index, record] of records.entries())
        expect([record.offset, record.partition]).toEqual([fetchOffset + BigInt(index), partition]);
      expect([nextOffset, endOffset]).toEqual([fetchOffset + BigInt(records.length), 1_000n]);
      expect(bytes).toBeGreaterThan(records.length * 100);
      next.set(partition, nextOffset);
      seen.push(...records.map(({ value }) => String(value)));
    }
    expect(seen.sort()).toEqual(values.map(({ value }) => value).sort());
  });

  test('gives nothing before a seek', async () => {
    const topic = await createTopic({ partitions: 1 });
    await write(topic, [{ partition: 0, value: 'v' }]);
    await using source = await open({ topic });
    expect(await joined(source)).toEqual([0]);
    expect(await source.take(700)).toBeUndefined();
    source.seek(new Map([[0, 0n]]));
    expect((await nextRecords(source)).records).toHaveLength(1);
  });

  test('ends when its signal aborts', async () => {
    await using source = await open({ topic: await createTopic() });
    await startAt(source, 0n);
    const stop = new AbortController();
    const taken = source.take(60_000, stop.signal);
    stop.abort();
    expect(await taken).toBeUndefined();
  });

  test('passes over marks of transactions and what they withdrew, without a gap', async () => {
    const topic = await createTopic({ partitions: 1 });
    const producer = client().producer({ transactionalId: `tx-${topic}`, maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    for (const end of ['commit', 'abort', 'abort', 'commit', 'abort'] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value: end }] });
      await transaction[end]();
    }
    await producer.disconnect();
    await using source = await open({ topic });
    await startAt(source, 0n);
    const seen: string[] = [];
    let position = 0n;
    while (position < 10n) {
      const { fetchOffset, nextOffset, records } = await nextRecords(source);
      expect(fetchOffset).toBe(position);
      position = nextOffset;
      seen.push(...records.map(({ value }) => String(value)));
    }
    expect(seen).toEqual(['commit', 'commit']);
  });

  test('shows the gap where the position is beyond the end of the log', async () => {
    const topic = await createTopic({ partitions: 1 });
    await write(topic, [{ partition: 0, value: 'v' }]);
    await using source = await open({ topic });
    await startAt(source, 500n);
    expect(await nextRecords(source)).toMatchObject({ fetchOffset: 0n, nextOffset: 1n });
    // kafkajs commits a mark of its own when it resets.
    expect(await source.offsets([0])).toEqual([{ partition: 0, start: 0n, end: 1n, committed: undefined }]);
  });

  test('shows the gap where the log begins later by now', async () => {
    const topic = await createTopic({ partitions: 1 });
    await write(
      topic,
      Array.from({ length: 9 }, (_, index) => ({ partition: 0, value: `v${index}` })),
    );
    const admin = client().admin();
    await admin.connect();
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '4' }] });
    await admin.disconnect();
    await using source = await open({ topic });
    await startAt(source, 2n);
    expect(await nextRecords(source)).toMatchObject({ fetchOffset: 4n, nextOffset: 9n });
    expect(await source.offsets([0])).toMatchObject([{ start: 4n, end: 9n }]);
  });

  test('keeps a bounded buffer and its place in the group while nobody takes for longer than the session', async () => {
    const topic = await createTopic({ partitions: 2 });
    await write(
      topic,
      Array.from({ length: 6_000 }, (_, index) => ({ partition: index % 2, value: 'x'.repeat(1_000) })),
    );
    const group = `g-${randomUUID()}`;
    await using source = await open({ topic, group, sessionTimeoutMs: 6_000, bufferBytesMax: 500_000 });
    await startAt(source, 0n);
    const before = performance.now();
    await eventually('two sessions to pass', () => performance.now() - before > 12_000, { timeoutMs: 20_000 });
    expect(await members(group)).toBe(1);
    const kinds = new Set<string>();
    let waiting = 0;
    let count = 0;
    for (let event = await source.take(0); event !== undefined; event = await source.take(0)) {
      kinds.add(event.kind);
      if (event.kind === 'records') {
        waiting += event.bytes;
        count += event.records.length;
      }
    }
    expect(kinds).toEqual(new Set(['records']));
    // One answer of the broker may come on top.
    expect(waiting).toBeLessThan(500_000 + 4_000_000 * 1.5);
    while (count < 6_000) count += (await nextRecords(source)).records.length;
    expect(count).toBe(6_000);
  });
});

describe('seek()', () => {
  test('drops what was read and reads again from there, in a living generation', async () => {
    const topic = await createTopic({ partitions: 1 });
    await write(
      topic,
      Array.from({ length: 100 }, (_, index) => ({ partition: 0, value: `v${index}` })),
    );
    await using source = await open({ topic });
    await startAt(source, 90n);
    for (let round = 0; round < 20; round++) {
      expect((await nextRecords(source)).fetchOffset).toBe(round === 0 ? 90n : BigInt(round));
      source.seek(new Map([[0, BigInt(round + 1)]]));
    }
  });
});

describe('commit()', () => {
  test('alone commits: not what was read, and not the end of the member', async () => {
    const topic = await createTopic({ partitions: 1 });
    const group = `g-${randomUUID()}`;
    await write(topic, [{ partition: 0, value: 'read' }]);
    await using admin = await openAdmin(connectionTo());
    {
      await using source = await open({ topic, group });
      await startAt(source, 0n);
      await nextRecords(source);
    }
    expect(await admin.committedOffsets(group, topic)).toEqual(new Map());
  });

  test('is seen by others, and moves nothing of another member', async () => {
    const topic = await createTopic({ partitions: 2 });
    const group = `g-${randomUUID()}`;
    await using source = await open({ topic, group });
    await using admin = await openAdmin(connectionTo());
    await startAt(source, 0n);
    await source.commit(
      new Map([
        [0, 0n],
        [1, 0n],
        [7, 3n],
      ]),
    );
    expect(await admin.committedOffsets(group, topic)).toEqual(
      new Map([
        [0, 0n],
        [1, 0n],
      ]),
    );
  });
});

describe('two members', () => {
  test('share the partitions, and the one that stays has all of them as soon as the other is disposed', async () => {
    const topic = await createTopic({ partitions: 4 });
    const group = `g-${randomUUID()}`;
    await write(
      topic,
      [0, 1, 2, 3].map((partition) => ({ partition, value: `v${partition}` })),
    );
    await using stays = await open({ topic, group });
    await startAt(stays, 0n);
    await nextRecords(stays);
    const leaves = await open({ topic, group });
    const [first, second] = await Promise.all([joined(stays), joined(leaves)]);
    expect([...first, ...second].sort()).toEqual([0, 1, 2, 3]);
    expect([first.length, second.length]).toEqual([2, 2]);
    // Nothing of the former assignment.
    expect(await stays.take(600)).toBeUndefined();

    const before = performance.now();
    await leaves[Symbol.asyncDispose]();
    expect(await joined(stays)).toEqual([0, 1, 2, 3]);
    expect(performance.now() - before).toBeLessThan(8_000);
  });
});
