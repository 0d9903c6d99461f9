// Contract: an outage of Kafka or of the warehouse while loading costs nothing but time: the consumer stays, says so, makes
// no dead letter, and goes on by itself when the outage is over. The minute-long form runs with GBX_FAULTS=long.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { userCacheDir } from '../../src/dev/kafka-jars.ts';
import { openKafka } from '../../src/dev/kafka-server.ts';
import { logged } from '../support/log-lines.ts';
import { openPipeline, type Pipeline } from '../support/pipeline.ts';
import { type MessageFate, onStatement, openPostgresProxy } from '../support/postgres-proxy.ts';
import type { TestProcess } from '../support/process.ts';
import { eventually, testStack } from '../support/stack.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';

const BEYOND_SESSION_MS = 8_000;
const OUTAGE_MS = process.env['GBX_FAULTS'] === 'long' ? 70_000 : 10_000;

async function readiness(consumer: TestProcess): Promise<{ readonly code: number; readonly body: string }> {
  const response = await fetch(`${logged(consumer, 'consume.started')[0]?.['admin']}/readyz`);
  return { code: response.status, body: await response.text() };
}

/** Loads some, so that the outage comes in the midst of it. */
async function loadSome(pipeline: Pipeline): Promise<void> {
  await pipeline.send(300);
  await pipeline.until('some rows', async () => (await pipeline.count()) > 0);
}

async function expectHealed(pipeline: Pipeline, { consumer, rows }: { consumer: TestProcess; rows: number }): Promise<void> {
  expect(await pipeline.expectExact()).toMatchObject({ rows, letters: 0 });
  await eventually('ready again', async () => (await readiness(consumer)).code === 200);
  consumer.signal('SIGTERM');
  expect(await consumer.exit()).toEqual({ code: 0, signal: null });
}

describe.concurrent('gbx consume', () => {
  it('holds through an outage of the warehouse and goes on', async () => {
    await using pipeline = await openPipeline();
    await using proxy = await openTcpProxy({ target: testStack().postgres });
    await using consumer = await pipeline.consumer({ DB_PORT: String(proxy.port) });
    await loadSome(pipeline);
    await proxy.refuse();
    proxy.cut();
    await pipeline.send(600);
    await consumer.line('circuit.opened');
    const before = await pipeline.count();
    expect(await readiness(consumer)).toMatchObject({ code: 503, body: expect.stringContaining('"warehouse":{"ok":false') });
    await systemClock.sleep(OUTAGE_MS);
    expect(await pipeline.count()).toBe(before);
    await proxy.pass();
    await expectHealed(pipeline, { consumer, rows: 900 });
    expect(logged(consumer, 'circuit.opened')).toMatchObject([{ level: 'warn', code: 'GBX_WAREHOUSE_UNREACHABLE' }]);
    expect(logged(consumer, 'circuit.closed')).toHaveLength(1);
    // It kept its place in the group.
    expect(logged(consumer, 'group.joined')).toHaveLength(1);
  }, 150_000);

  it('goes on after a warehouse that fell silent in the midst of a statement', async () => {
    await using pipeline = await openPipeline();
    await using proxy = await openTcpProxy({ target: testStack().postgres });
    // The client waits for the statement's limit and 15 s more before it takes the connection for dead.
    const limits = { GBX_LOCK_TIMEOUT_SECONDS: '1', GBX_STATEMENT_TIMEOUT_SECONDS: '2' };
    await using consumer = await pipeline.consumer({ DB_PORT: String(proxy.port), ...limits });
    await loadSome(pipeline);
    proxy.blackHole();
    await pipeline.send(600);
    await consumer.line('circuit.opened', { timeoutMs: 40_000 });
    await proxy.pass();
    await expectHealed(pipeline, { consumer, rows: 900 });
    expect(logged(consumer, 'group.joined')).toHaveLength(1);
  }, 90_000);

  it('holds loudly while its table is missing, and goes on when it is back', async () => {
    await using pipeline = await openPipeline();
    const { database } = pipeline;
    await using consumer = await pipeline.consumer();
    await loadSome(pipeline);
    await pipeline.untilLoaded();
    await database.query('ALTER TABLE growthbook.experiment_exposures RENAME TO elsewhere');
    await pipeline.send(300);
    await consumer.line('circuit.opened');
    const opened = logged(consumer, 'circuit.opened')[0];
    expect(opened).toMatchObject({ level: 'error', code: 'GBX_WAREHOUSE_SCHEMA', nextStep: expect.stringContaining('gbx migrate up') });
    expect((await readiness(consumer)).code).toBe(503);
    // It must not lose its place in the group.
    await systemClock.sleep(BEYOND_SESSION_MS);
    await database.query('ALTER TABLE growthbook.elsewhere RENAME TO experiment_exposures');
    await expectHealed(pipeline, { consumer, rows: 600 });
    expect(logged(consumer, 'group.joined')).toHaveLength(1);
  });

  it('survives that the server ends its sessions, again and again', async () => {
    await using pipeline = await openPipeline();
    const { database } = pipeline;
    await pipeline.send(1_000);
    let ended = 0;
    const endSessions = async (): Promise<void> => {
      const rows = await database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'gbx-consume'`,
        [database.name],
      );
      ended += rows.length;
    };
    const onMessage = async ({ statement }: { readonly statement: { readonly inAll: number } | undefined }) => {
      if (statement !== undefined && statement.inAll % 11 === 0 && ended < 8) await endSessions();
      return 'forward' as const;
    };
    await using proxy = await openPostgresProxy({ target: testStack().postgres, onMessage });
    await using consumer = await pipeline.consumer({ DB_PORT: String(proxy.port) });
    await pipeline.untilLoaded();
    expect(ended).toBeGreaterThanOrEqual(8);
    // While nobody waits for an answer, too.
    ended = 0;
    await eventually('idle sessions ended', async () => {
      await endSessions();
      return ended > 0;
    });
    await pipeline.send(100);
    await expectHealed(pipeline, { consumer, rows: 1_100 });
  });

  it('tries again in place when the warehouse is busy', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    const { database } = pipeline;
    await pipeline.send(300);
    // Another session holds the ledger for longer than the consumer waits for a lock.
    let holding: Promise<unknown> | undefined;
    const fault = onStatement({ sql: /^BEGIN; LOCK TABLE/, nth: 2 }, async (): Promise<MessageFate> => {
      holding = database.query('BEGIN; LOCK TABLE growthbook.gbx_ledger IN SHARE ROW EXCLUSIVE MODE; SELECT pg_sleep(3); COMMIT');
      await eventually('the lock', async () => {
        const rows = await database.query(
          `SELECT 1 FROM pg_locks WHERE relation = 'growthbook.gbx_ledger'::regclass AND mode = 'ShareRowExclusiveLock' AND granted`,
        );
        return rows.length > 0;
      });
      return 'forward';
    });
    await using proxy = await openPostgresProxy({ target: testStack().postgres, onMessage: fault.onMessage });
    await using consumer = await pipeline.consumer({ DB_PORT: String(proxy.port), GBX_LOCK_TIMEOUT_SECONDS: '1', GBX_LOG_LEVEL: 'debug' });
    expect(await pipeline.expectExact()).toMatchObject({ rows: 300, letters: 0 });
    await fault.done;
    await holding;
    expect(logged(consumer, 'flush.failed').filter((line) => line['code'] === 'GBX_WAREHOUSE_BUSY').length).toBeGreaterThan(0);
    expect(logged(consumer, 'circuit.opened')).toEqual([]);
  });
});

describe('gbx consume, with a broker of its own,', () => {
  it('goes on when the broker, the only one, is killed in the midst of loading and comes back', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'gbx-outage-'));
    try {
      await using broker = await openKafka({ dataDir: dir, cacheDir: userCacheDir() });
      await using pipeline = await openPipeline({ brokers: broker.brokers });
      await pipeline.send(1_500);
      const fault = onStatement({ sql: /^COMMIT$/, nth: 4 }, async (): Promise<MessageFate> => {
        process.kill(broker.pid, 'SIGKILL');
        await broker.exited;
        return 'forward';
      });
      await using proxy = await openPostgresProxy({ target: testStack().postgres, onMessage: fault.onMessage });
      const consumer = await pipeline.consumer({ DB_PORT: String(proxy.port) });
      await fault.done;
      await systemClock.sleep(OUTAGE_MS);
      await using again = await openKafka({ dataDir: dir, cacheDir: userCacheDir(), ports: broker.ports });
      expect(again.brokers).toBe(broker.brokers);
      await pipeline.send(300);
      await pipeline.untilLoaded({ timeoutMs: 60_000 });
      await expectHealed(pipeline, { consumer, rows: 1_800 });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }, 200_000);
});
