// Contract (F5 to F9): of three brokers one is killed, frozen, cut off, or loses its partitions to the others; or all three
// freeze for longer than a session. What serve acknowledged is in the table once, nothing refused is, and both processes go
// on by themselves; a fault of one broker costs less than ten seconds on any partition.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createTraffic } from '../../src/core/traffic/traffic.ts';
import { type Broker, type Cluster, openCluster } from '../support/cluster.ts';
import { logged } from '../support/log-lines.ts';
import { openPipeline, type Pipeline } from '../support/pipeline.ts';
import { expectPosted, type Posting, postTraffic } from '../support/posting.ts';
import type { TestProcess } from '../support/process.ts';
import { type Progress, watchProgress } from '../support/progress.ts';
import { type Serving, startServe } from '../support/serving.ts';
import { eventually } from '../support/stack.ts';

const IS_LONG = process.env['GBX_FAULTS'] === 'long';
const PARTITIONS = 6;
const COST_MS_MAX = 10_000;
/** Beyond the session timeout of 6 s. */
const FREEZE_ALL_MS = IS_LONG ? 300_000 : 12_000;
const FREEZE_ONE_MS = IS_LONG ? 60_000 : 15_000;
/** Who keeps the group: the broker that freezes, or another one. */
const FROZEN = ['it', 'another'] as const;
const MOVES = IS_LONG ? 20 : 4;
const PROCESSED_MIN = 1_000;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await openCluster({ proxied: true });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

interface Run extends AsyncDisposable {
  readonly pipeline: Pipeline;
  readonly consumer: TestProcess;
  readonly serve: Serving;
  readonly posting: Posting;
  readonly progress: Progress;
  /** Waits for this many more rows. */
  more(rows: number, timeoutMs?: number): Promise<void>;
  /** Ends the clients, waits for the last row, takes the account. */
  close(timeoutMs?: number): ReturnType<typeof expectPosted>;
}

/** serve, a consumer and clients, in full swing. */
async function startRun(): Promise<Run> {
  const opened: AsyncDisposable[] = [];
  const use = <T extends AsyncDisposable>(one: T): T => {
    opened.unshift(one);
    return one;
  };
  const dispose = async (): Promise<void> => {
    for (const one of opened) await one[Symbol.asyncDispose]();
  };
  try {
    const pipeline = use(await openPipeline({ brokers: cluster.brokers, partitions: PARTITIONS, replicas: 3 }));
    await cluster.untilInSync(pipeline.topic);
    const serve = use(await startServe({ brokers: cluster.brokers, topic: pipeline.topic }));
    const consumer = await pipeline.consumer();
    const progress = use(watchProgress(pipeline));
    const traffic = createTraffic({ seed: pipeline.topic, startMs: Date.now() - 3_600_000, zipfExponent: 0 });
    const posting = postTraffic(serve.url, { traffic, partitions: PARTITIONS });
    use({ [Symbol.asyncDispose]: () => posting.stop() });
    const more: Run['more'] = async (rows, timeoutMs = 60_000) => {
      const wanted = (await pipeline.count()) + rows;
      await pipeline.until(`${rows} more rows`, async () => (await pipeline.count()) >= wanted, { timeoutMs });
    };
    await more(500);
    const close: Run['close'] = async (timeoutMs = 60_000) => {
      await posting.stop();
      return expectPosted(pipeline, posting.books, { timeoutMs });
    };
    return { pipeline, consumer, serve, posting, progress, more, close, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The broker that leads most partitions of the topic. */
async function mainLeader(topic: string): Promise<Broker> {
  const leaders = [...(await cluster.leaders(topic)).values()];
  const count = ({ id }: Broker): number => leaders.filter((leader) => leader === id).length;
  const [most] = [...cluster.nodes].sort((one, other) => count(other) - count(one));
  if (most === undefined || count(most) === 0) throw new Error('no broker leads anything');
  return most;
}

/** Where the consumer group is kept: Kafka takes Java's hash of its name, modulo the partitions of its own topic. */
async function coordinator(group: string): Promise<Broker> {
  let hash = 0;
  for (let i = 0; i < group.length; i++) hash = (Math.imul(hash, 31) + group.charCodeAt(i)) | 0;
  const leaders = await cluster.leaders('__consumer_offsets');
  const leader = leaders.get((hash & 0x7fffffff) % leaders.size);
  const node = cluster.nodes.find(({ id }) => id === leader);
  if (node === undefined) throw new Error(`no broker keeps the group ${group}`);
  return node;
}

function report(what: string, { progress, posting }: Run, sinceMs: number): { readonly loadMs: number; readonly acceptMs: number } {
  const [loadMs, acceptMs] = [progress.longestStallMs(sinceMs), posting.longestGapMs(sinceMs)].map(Math.round) as [number, number];
  console.log(`${what}: longest pause of a partition: loading ${loadMs} ms, accepting ${acceptMs} ms`);
  return { loadMs, acceptMs };
}

describe('serve and consume, on three brokers,', () => {
  it('F5 lose nothing when a broker is killed during sends to many partitions, and when it comes back', async () => {
    await using run = await startRun();
    const victim = await mainLeader(run.pipeline.topic);
    const sinceMs = performance.now();
    await victim.kill();
    await eventually('new leaders', async () => ![...(await cluster.leaders(run.pipeline.topic)).values()].includes(victim.id), {
      timeoutMs: 20_000,
    });
    await run.more(500);
    const cost = report('F5 killed', run, sinceMs);
    await victim.start();
    await cluster.untilInSync(run.pipeline.topic);
    await run.more(500);
    const account = await run.close();
    console.log('F5', JSON.stringify(account));
    expect(account.ok).toBeGreaterThan(PROCESSED_MIN);
    expect(cost.loadMs).toBeLessThan(COST_MS_MAX);
    expect(cost.acceptMs).toBeLessThan(COST_MS_MAX);
    expect(run.progress.setbacks).toEqual([]);
  }, 180_000);

  it('F6 lose nothing while leaders move again and again', async () => {
    await using run = await startRun();
    const sinceMs = performance.now();
    for (let move = 0; move < MOVES; move++) {
      const before = await cluster.leaders(run.pipeline.topic);
      await cluster.moveLeaders(run.pipeline.topic);
      await eventually(
        'all leaders moved',
        async () =>
          [...(await cluster.leaders(run.pipeline.topic))].every(([partition, leader]) => leader > 0 && before.get(partition) !== leader),
        { timeoutMs: 20_000 },
      );
      await run.more(100);
    }
    const cost = report(`F6 ${MOVES} moves`, run, sinceMs);
    const account = await run.close();
    console.log('F6', JSON.stringify(account));
    expect(account.ok).toBeGreaterThan(PROCESSED_MIN);
    expect(cost.loadMs).toBeLessThan(COST_MS_MAX);
    expect(run.progress.setbacks).toEqual([]);
  }, 600_000);

  // Each broker leads two of the partitions; one of them keeps the group as well.
  it.each(FROZEN)(
    'F7 go on within ten seconds when a broker freezes, %s keeping the group, and lose nothing',
    async (keeper) => {
      await using run = await startRun();
      const { id } = await coordinator(run.pipeline.group);
      const victim = cluster.nodes.find((node) => (node.id === id) === (keeper === 'it'));
      if (victim === undefined) throw new Error('no such broker');
      const sinceMs = performance.now();
      victim.freeze();
      try {
        await systemClock.sleep(FREEZE_ONE_MS);
        const cost = report(`F7 frozen for ${FREEZE_ONE_MS} ms`, run, sinceMs);
        expect(cost.loadMs).toBeLessThan(COST_MS_MAX);
        expect(cost.acceptMs).toBeLessThan(COST_MS_MAX);
      } finally {
        victim.thaw();
      }
      await cluster.untilInSync(run.pipeline.topic);
      await run.more(300);
      const account = await run.close();
      console.log('F7', JSON.stringify(account));
      expect(account.ok).toBeGreaterThan(PROCESSED_MIN);
      // Each loaded batch brings another failure while the coordinator is frozen: hundreds.
      expect(logged(run.consumer, 'group.commit_failed').length).toBeLessThan(5);
      expect(run.progress.setbacks).toEqual([]);
    },
    180_000,
  );

  it(
    'F8 come back by themselves after all brokers were frozen for longer than a session',
    async () => {
      await using run = await startRun();
      for (const node of cluster.nodes) node.freeze();
      await systemClock.sleep(FREEZE_ALL_MS);
      for (const node of cluster.nodes) node.thaw();
      const thawedMs = performance.now();
      await run.more(500, 90_000);
      report('F8 thawed', run, thawedMs);
      const account = await run.close();
      console.log('F8', JSON.stringify(account));
      expect(account.ok).toBeGreaterThan(PROCESSED_MIN);
      expect(run.progress.setbacks).toEqual([]);
    },
    FREEZE_ALL_MS + 240_000,
  );

  it('F9 go on within ten seconds when the open connections to a broker fall silent', async () => {
    await using run = await startRun();
    const victim = await mainLeader(run.pipeline.topic);
    const sinceMs = performance.now();
    expect(victim.proxy?.links()).toBeGreaterThan(0);
    victim.proxy?.deafenOpen();
    await systemClock.sleep(COST_MS_MAX + 2_000); // What stalls longer has cost too much.
    const cost = report('F9 silent', run, sinceMs);
    const account = await run.close();
    console.log('F9', JSON.stringify(account));
    expect(account.ok).toBeGreaterThan(PROCESSED_MIN);
    expect(cost.loadMs).toBeLessThan(COST_MS_MAX);
    expect(cost.acceptMs).toBeLessThan(COST_MS_MAX);
    expect(
      logged(run.consumer, 'kafka.request_timed_out').length + logged(run.serve.process, 'kafka.request_timed_out').length,
    ).toBeGreaterThan(0);
  }, 180_000);
});
