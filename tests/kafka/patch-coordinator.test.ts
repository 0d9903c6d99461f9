import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { patchKafkaJs } from '../../src/kafka/patch-kafkajs.ts';

const load = createRequire(import.meta.url);
const INTERVAL_MS = 1_000;
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const logger = { ...quiet, namespace: () => quiet };

beforeEach(() => {
  patchKafkaJs();
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

type Answer = () => Promise<void>;

const fine: Answer = async () => undefined;
const never: Answer = () => new Promise(() => undefined);
const unreached: Answer = async () => {
  throw new Error('Request timed out');
};
const refused =
  (type: string): Answer =>
  async () => {
    throw Object.assign(new Error(type), { type });
  };

/** A broker, and how it answers heartbeats and commits; `keeper` is the node it takes for the group's coordinator. */
function node(nodeId: number, keeper: number, answer: Answer) {
  const state = { answer, beats: 0, commits: 0 };
  const broker = {
    nodeId,
    brokerAddress: `b${nodeId}:9092`,
    connectionPool: {},
    isConnected: () => true,
    heartbeat: () => {
      state.beats++;
      return state.answer();
    },
    offsetCommit: () => {
      state.commits++;
      return state.answer();
    },
    findGroupCoordinator: async () => ({ coordinator: { nodeId: keeper } }),
  };
  return { broker, state };
}

function member(...nodes: readonly ReturnType<typeof node>[]) {
  const brokers = Object.fromEntries(nodes.map(({ broker }) => [broker.nodeId, broker]));
  const cluster = {
    brokerPool: { brokers, findBroker: async ({ nodeId }: { nodeId: number }) => brokers[nodeId] },
    committedOffsets: () => ({}),
  };
  const ConsumerGroup = load('kafkajs/src/consumer/consumerGroup');
  const OffsetManager = load('kafkajs/src/consumer/offsetManager');
  const common = { cluster, groupId: 'g', instrumentationEmitter: { emit: () => undefined } };
  const coordinator = nodes[0]?.broker;
  const group = new ConsumerGroup({ ...common, logger, retry: {} });
  const offsetManager = new OffsetManager({ ...common, coordinator, memberAssignment: { t: [0] }, memberId: 'm', generationId: 1 });
  return Object.assign(group, { memberId: 'm', generationId: 1, coordinator, offsetManager, sessionTimeout: 30 * INTERVAL_MS });
}

const beat = (group: { heartbeat(options: object): Promise<void> }): Promise<void> => group.heartbeat({ interval: INTERVAL_MS });
const OFFSETS = { topics: [{ topic: 't', partitions: [{ partition: 0, offset: '5' }] }] };

describe('patchCoordinator()', () => {
  test('lets nobody wait for a heartbeat, and beats once at a time', async () => {
    const keeper = node(1, 1, never);
    const group = member(keeper);
    await beat(group);
    await vi.advanceTimersByTimeAsync(10 * INTERVAL_MS);
    await beat(group);
    expect(keeper.state.beats).toBe(1);
  });

  test.each(['REBALANCE_IN_PROGRESS', 'UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION'])('throws %s at the next call, once', async (type) => {
    const keeper = node(1, 1, refused(type));
    const group = member(keeper);
    await beat(group);
    keeper.state.answer = fine;
    await expect(beat(group)).rejects.toThrow(type);
    await beat(group);
  });

  test('keeps to itself what the group answered to a membership before', async () => {
    const group = member(node(1, 1, refused('ILLEGAL_GENERATION')));
    await beat(group);
    group.generationId = 2;
    await beat(group);
  });

  test('beats for a new membership though the heartbeat of the former one hangs', async () => {
    const former = node(1, 2, never);
    const present = node(2, 2, fine);
    const group = member(former, present);
    await beat(group);
    Object.assign(group, { generationId: 2, coordinator: present.broker });
    await beat(group);
    expect(present.state.beats).toBe(1);
  });

  test('tells that nobody answers once the session is over, when others have the partitions, until somebody does', async () => {
    const keeper = node(1, 1, unreached);
    const group = Object.assign(member(keeper), { sessionTimeout: 6 * INTERVAL_MS });
    for (let n = 0; n < 6; n++) {
      await beat(group);
      await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    }
    await vi.advanceTimersByTimeAsync(1);
    await expect(beat(group)).rejects.toThrow('timed out');
    await expect(beat(group)).rejects.toThrow('timed out');
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    keeper.state.answer = fine;
    await beat(group);
    keeper.state.answer = unreached;
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    await beat(group);
  });

  test('lets a process that was stopped for longer than a session ask before it reads on', async () => {
    const keeper = node(1, 1, fine);
    const group = Object.assign(member(keeper), { sessionTimeout: 6 * INTERVAL_MS });
    await beat(group);
    await vi.advanceTimersByTimeAsync(7 * INTERVAL_MS);
    keeper.state.answer = refused('UNKNOWN_MEMBER_ID');
    await expect(beat(group)).rejects.toThrow('UNKNOWN_MEMBER_ID');
  });

  test('goes over to the coordinator that the others name once the former does not answer, and tells nobody', async () => {
    const frozen = node(1, 1, unreached);
    const present = node(3, 3, fine);
    const group = member(frozen, node(2, 3, fine), present);
    await beat(group);
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    await beat(group);
    expect([present.state.beats, group.offsetManager.coordinator.nodeId]).toEqual([1, 3]);
  });

  test('goes over while the former coordinator, which is frozen, has not answered yet', async () => {
    const frozen = node(1, 1, never);
    const present = node(2, 2, fine);
    const group = member(frozen, present);
    await beat(group);
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    await beat(group);
    expect([present.state.beats, group.offsetManager.coordinator.nodeId]).toEqual([1, 2]);
  });

  test.each([1, 2])('gives up a join that the coordinator holds, only once the others name broker %i as another one', async (keeper) => {
    const frozen = node(1, 1, never);
    const destroyed: Error[] = [];
    const queue = { inflight: new Map([[1, {}]]) };
    const socket = { destroy: (error: Error) => void destroyed.push(error) };
    Object.assign(frozen.broker, { connectionPool: { pool: [{ requestQueue: queue, socket }] }, joinGroup: never });
    const group = member(frozen, node(2, keeper, fine));
    group.cluster.findGroupCoordinator = async () => frozen.broker;
    group.assigners = [];
    void group.joinAndSync();
    await vi.advanceTimersByTimeAsync(3_900);
    expect(destroyed).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(destroyed).toHaveLength(keeper === 2 ? 1 : 0);
  });

  test('stays with the coordinator where the others still name it, or there is no other', async () => {
    for (const others of [[node(2, 1, fine)], []]) {
      const slow = node(1, 1, unreached);
      const group = member(slow, ...others);
      await beat(group);
      await vi.advanceTimersByTimeAsync(INTERVAL_MS);
      slow.state.answer = fine;
      await beat(group);
      expect([slow.state.beats, group.coordinator.nodeId]).toEqual([2, 1]);
    }
  });

  test.each([unreached, refused('NOT_COORDINATOR_FOR_GROUP')])(
    'sends the next commit to the coordinator that the others name',
    async (answer) => {
      const former = node(1, 1, answer);
      const present = node(2, 2, fine);
      const { offsetManager } = member(former, present);
      offsetManager.cluster.refreshMetadata = fine;
      await expect(offsetManager.commitOffsets(OFFSETS)).rejects.toThrow();
      await offsetManager.commitOffsets(OFFSETS);
      expect([former.state.commits, present.state.commits]).toEqual([1, 1]);
    },
  );

  test('stays with a coordinator that refuses a commit for another reason', async () => {
    const keeper = node(1, 1, refused('ILLEGAL_GENERATION'));
    const { offsetManager } = member(keeper, node(2, 2, fine));
    await expect(offsetManager.commitOffsets(OFFSETS)).rejects.toThrow('ILLEGAL_GENERATION');
    expect(offsetManager.coordinator.nodeId).toBe(1);
  });
});
