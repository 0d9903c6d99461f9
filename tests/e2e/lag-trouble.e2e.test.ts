// Contract: what `gbx lag` prints agrees with Kafka's own tool, offset for offset; and a topic that is deleted, or made anew with
// fewer partitions, while it is watched is said to be so, and asked for again ever more rarely.
import { tmpdir } from 'node:os';
import { Kafka, logLevel } from 'kafkajs';
import { expect, test } from 'vitest';
import { describeGroup } from '../support/kafka-tool.ts';
import { type Env, openPipeline, type Pipeline } from '../support/pipeline.ts';
import { startGbx } from '../support/process.ts';
import { eventually } from '../support/stack.ts';
import { commitOffsets, remakeTopic, writeRecords } from '../support/topic-log.ts';

interface Document {
  readonly total: { readonly lag: number | null; readonly groupLag: number | null };
  readonly warnings: readonly string[];
  readonly partitions: readonly {
    readonly partition: number;
    readonly committed: number | null;
    readonly logEnd: number;
    readonly lag: number;
    readonly groupLag: number | null;
    readonly member: { readonly clientId: string } | null;
    readonly verdict: string;
  }[];
}

async function lagOf(env: Env, ...args: readonly string[]): Promise<Document> {
  await using child = await startGbx(['lag', '--json', ...args], { cwd: tmpdir(), env });
  expect(await child.exit()).toMatchObject({ code: 0 });
  const document: Document = JSON.parse(child.stdout());
  return document;
}

function withoutWarehouse({ env }: Pipeline): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('DB_')));
}

test('gbx lag --by group agrees with ConsumerGroupCommand --describe, offset for offset', async () => {
  await using pipeline = await openPipeline({ partitions: 4 });
  const { brokers, topic, group } = pipeline;
  const records = [0, 1, 2].flatMap((partition) => Array.from({ length: 5 + partition }, () => ({ partition, key: 'k', value: 'v' })));
  await writeRecords({ brokers, topic }, records);
  await commitOffsets(
    { brokers, topic },
    {
      group,
      offsets: new Map([
        [0, 0n],
        [1, 4n],
        [3, 0n],
      ]),
    },
  );
  const consumer = new Kafka({ brokers: [brokers], clientId: 'a-member', logLevel: logLevel.NOTHING }).consumer({ groupId: group });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic });
    await consumer.run({ autoCommit: false, eachMessage: async () => undefined });
    await eventually(
      'a member with partitions',
      async () => (await describeGroup(brokers, group)).some(({ clientId }) => clientId === 'a-member'),
      {
        timeoutMs: 30_000,
      },
    );
    const described = [...(await describeGroup(brokers, group))].sort((one, other) => one.partition - other.partition);
    const document = await lagOf(pipeline.env, '--by', 'group');
    const ours = document.partitions.map(({ partition, committed, logEnd, groupLag, member }) => {
      return { topic, partition, committed: committed ?? undefined, end: logEnd, lag: groupLag ?? undefined, clientId: member?.clientId };
    });
    expect(ours).toEqual(described);
    expect(ours.map(({ lag }) => lag)).toEqual([5, 2, undefined, 0]);
    // The tool has no number for what has no offset; where it has one, the lag is that.
    expect(document.partitions.map(({ lag }) => lag)).toEqual([5, 2, 7, 0]);
    expect(document.total).toMatchObject({ lag: 14, groupLag: null });
  } finally {
    await consumer.disconnect();
  }
});

test('gbx lag tells of partitions that the ledger knows and the topic has no more', async () => {
  await using pipeline = await openPipeline({ partitions: 3 });
  const { brokers, topic } = pipeline;
  await pipeline.send(30);
  const consumer = await pipeline.consumer();
  await pipeline.untilLoaded();
  consumer.signal('SIGTERM');
  await consumer.exit();
  await using watching = await startGbx(['lag', '--watch', '--json', '--interval', '200ms'], { cwd: tmpdir(), env: pipeline.env });
  await watching.line(/"lag":0/u);
  await remakeTopic({ brokers, topic }, { partitions: 1 });
  const gone = /^p1, p2: in the ledger, but not in the topic .* made anew with fewer partitions$/u;
  await watching.line(/"p1, p2: in the ledger, but not in the topic [^"]*made anew with fewer partitions"/u);
  watching.signal('SIGTERM');
  await watching.exit();
  const { partitions, warnings, total } = await lagOf(pipeline.env);
  expect(partitions.map(({ partition, verdict }) => `${partition} ${verdict}`)).toEqual(['0 AHEAD']);
  expect(total.lag).toBeNull();
  expect(warnings).toContainEqual(expect.stringMatching(gone));
});

test('gbx lag --watch in lines asks ever more rarely for a topic that was deleted, and says each time that it does', async () => {
  await using pipeline = await openPipeline({ partitions: 1 });
  const { brokers, topic, group } = pipeline;
  await commitOffsets({ brokers, topic }, { group, offsets: new Map([[0, 0n]]) });
  await using watching = await startGbx(['lag', '--watch', '--interval', '100ms'], { cwd: tmpdir(), env: withoutWarehouse(pipeline) });
  await watching.line(/ lag=0 /u);
  const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
  const refusals = (): number[] => [...watching.stderr().matchAll(/looking again/gu)].map(({ index }) => index);
  const startedMs = performance.now();
  await eventually('the fourth failure', () => refusals().length >= 4, { timeoutMs: 40_000 });
  // Pauses of 1, 2 and 4 s between the four; without them it is every 100 ms.
  expect(performance.now() - startedMs).toBeGreaterThan(6_500);
  expect(watching.stderr()).toContain('[GBX_TOPIC_MISSING]: looking again');
  watching.signal('SIGTERM');
  expect((await watching.exit()).code).toBe(143);
});
