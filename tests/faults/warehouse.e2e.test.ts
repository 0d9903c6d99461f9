// Contract (F11, F13, F16, F17, F18, F30): what goes wrong in the warehouse while a consumer loads costs time and nothing
// else. It stays in its group, makes no dead letter, counts no retry, neither spins nor grows, and goes on by itself.
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { consumerGrants, withUser } from '../support/database-user.ts';
import { logged } from '../support/log-lines.ts';
import { openPipeline, type Pipeline } from '../support/pipeline.ts';
import { onStatement, openPostgresProxy } from '../support/postgres-proxy.ts';
import type { TestProcess } from '../support/process.ts';
import { processLoad } from '../support/process-load.ts';
import { watchProgress } from '../support/progress.ts';
import { eventually, type TestDatabase, testStack } from '../support/stack.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { readTopic } from '../support/topic-log.ts';

const IS_LONG = process.env['GBX_FAULTS'] === 'long';
const OUTAGE_MS = IS_LONG ? 600_000 : 12_000;
const LOCKED_MS = IS_LONG ? 60_000 : 9_000;
/** Beyond the session timeout of 6 s. */
const BEYOND_SESSION_MS = 8_000;
const BACK_MS_MAX = 5_000;
const CPU_SHARE_MAX = 0.05;
const GROWTH_BYTES_MAX = 64_000_000;

/** I10: nothing was produced again, to the topic or anywhere. */
async function expectNoRetries(pipeline: Pipeline): Promise<void> {
  const { brokers, topic, sent } = pipeline;
  const records = await readTopic({ brokers, topic });
  expect(records).toHaveLength(sent.length);
  expect(records.filter(({ headers }) => 'gbx-retry-count' in headers)).toEqual([]);
}

async function expectHealed(pipeline: Pipeline, consumer: TestProcess, rows: number): Promise<void> {
  expect(await pipeline.expectExact()).toMatchObject({ rows, letters: 0 });
  await expectNoRetries(pipeline);
  // It kept its place in the group all the time.
  expect(logged(consumer, 'group.joined')).toHaveLength(1);
}

/** Holds the ledger as another writer would. */
function holdLedger(database: TestDatabase, ms: number): Promise<unknown> {
  return database.query(`BEGIN; LOCK TABLE growthbook.gbx_ledger IN SHARE ROW EXCLUSIVE MODE; SELECT pg_sleep(${ms / 1000}); COMMIT`);
}

describe.concurrent('gbx consume', () => {
  it.each(['cut', 'lose-answer'] as const)(
    'F11 loads a batch again when its connection is lost while the stage is filled (%s)',
    async (fate) => {
      await using pipeline = await openPipeline();
      await pipeline.send(600);
      const fault = onStatement({ sql: /^(COPY|INSERT INTO) gbx_stage/, nth: 2 }, () => fate);
      await using proxy = await openPostgresProxy({ target: testStack().postgres, onMessage: fault.onMessage });
      const consumer = await pipeline.consumer({ DB_PORT: String(proxy.port), GBX_DB_DIALECT: fate === 'cut' ? 'postgres' : 'redshift' });
      await expectHealed(pipeline, consumer, 600);
      await fault.done;
      expect(logged(consumer, 'batch.loaded').filter((line) => line['attempts'] !== 1)).toMatchObject([{ attempts: 2 }]);
    },
  );

  it(
    `F13 holds through a warehouse that is away for ${OUTAGE_MS / 1000} s without spinning or growing, and commits within 5 s of its return`,
    async () => {
      await using pipeline = await openPipeline();
      await using proxy = await openTcpProxy({ target: testStack().postgres });
      const consumer = await pipeline.consumer({ DB_PORT: String(proxy.port) });
      await pipeline.send(300);
      await pipeline.untilLoaded();
      await proxy.refuse();
      proxy.cut();
      await pipeline.send(3_000);
      await consumer.line('circuit.opened');
      const before = await processLoad(consumer.pid);
      await systemClock.sleep(OUTAGE_MS);
      const after = await processLoad(consumer.pid);
      await using progress = watchProgress(pipeline);
      await pipeline.until('the ledger seen', () => progress.firstStepsMs(0).size > 0);
      await proxy.pass();
      const backMs = performance.now();
      await pipeline.until('a step', () => [...progress.firstStepsMs(backMs).values()].some((ms) => ms !== undefined));
      const firstMs = Math.min(...[...progress.firstStepsMs(backMs).values()].map((ms) => ms ?? Number.POSITIVE_INFINITY));
      await expectHealed(pipeline, consumer, 3_300);
      console.log(
        `F13 away for ${OUTAGE_MS} ms: first commit ${Math.round(firstMs)} ms after it was back, ${JSON.stringify({ before, after })}`,
      );
      expect(firstMs).toBeLessThan(BACK_MS_MAX);
      if (before === undefined || after === undefined) return;
      expect((after.cpuMs - before.cpuMs) / OUTAGE_MS).toBeLessThan(CPU_SHARE_MAX);
      expect(after.rssBytes - before.rssBytes).toBeLessThan(GROWTH_BYTES_MAX);
    },
    OUTAGE_MS + 90_000,
  );

  it(
    `F16 waits for a lock that another session holds for ${LOCKED_MS / 1000} s, and keeps its place in the group`,
    async () => {
      await using pipeline = await openPipeline();
      const consumer = await pipeline.consumer({ GBX_LOG_LEVEL: 'debug' });
      await pipeline.send(300);
      await pipeline.untilLoaded();
      const holding = holdLedger(pipeline.database, LOCKED_MS);
      const heldFromMs = performance.now();
      await pipeline.send(300);
      await eventually('the consumer in line', async () => {
        const rows = await pipeline.database.query(
          `SELECT 1 FROM pg_locks WHERE relation = 'growthbook.gbx_ledger'::regclass AND NOT granted`,
        );
        return rows.length > 0;
      });
      const stood = await pipeline.count();
      await holding;
      expect(stood).toBe(300);
      expect(performance.now() - heldFromMs).toBeGreaterThanOrEqual(LOCKED_MS);
      await expectHealed(pipeline, consumer, 600);
      expect(logged(consumer, 'flush.failed')).toEqual([]);
      expect(logged(consumer, 'circuit.opened')).toEqual([]);
    },
    LOCKED_MS + 60_000,
  );

  it('F17 tries again in place when the warehouse fails to serialize, and loads each batch once', async () => {
    await using pipeline = await openPipeline();
    const { database } = pipeline;
    // A sequence counts on although its transaction is rolled back: the first five inserts fail, the rest does not.
    await database.query(`CREATE SEQUENCE public.refusals;
      CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('public.refusals') <= 5 THEN RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001'; END IF; RETURN NULL;
      END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON growthbook.experiment_exposures FOR EACH STATEMENT EXECUTE FUNCTION public.refuse()`);
    await pipeline.send(600);
    const consumer = await pipeline.consumer({ GBX_LOG_LEVEL: 'debug' });
    await expectHealed(pipeline, consumer, 600);
    expect(logged(consumer, 'flush.failed').map((line) => line['code'])).toEqual(Array.from({ length: 5 }, () => 'GBX_WAREHOUSE_BUSY'));
    expect(logged(consumer, 'circuit.opened')).toEqual([]);
  });

  it('F18 holds loudly while its right to insert is revoked, makes no dead letter, and goes on when it is back', async () => {
    await using pipeline = await openPipeline();
    const { database } = pipeline;
    await withUser(database, consumerGrants(database), async ({ name, env }) => {
      await using consumer = await pipeline.consumer(env);
      await pipeline.send(300);
      await pipeline.untilLoaded();
      await database.query(`REVOKE INSERT ON growthbook.experiment_exposures FROM ${name}`);
      await pipeline.send(300);
      await consumer.line('circuit.opened');
      expect(logged(consumer, 'circuit.opened')).toMatchObject([{ level: 'error', code: 'GBX_WAREHOUSE_PERMISSION' }]);
      await systemClock.sleep(BEYOND_SESSION_MS);
      expect(await pipeline.count()).toBe(300);
      await database.query(`GRANT INSERT ON growthbook.experiment_exposures TO ${name}`);
      await expectHealed(pipeline, consumer, 600);
      expect(logged(consumer, 'circuit.closed')).toHaveLength(1);
    });
  });

  it('F30 holds loudly while its password is wrong in the midst of a run, never says it, and goes on when it is right again', async () => {
    await using pipeline = await openPipeline();
    const { database } = pipeline;
    await withUser(database, consumerGrants(database), async ({ name, env }) => {
      await using consumer = await pipeline.consumer(env);
      await pipeline.send(300);
      await pipeline.untilLoaded();
      await database.query(`ALTER USER ${name} PASSWORD 'another'`);
      await database.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [name]);
      await pipeline.send(300);
      await consumer.line('circuit.opened');
      await eventually('the reason', () => consumer.stderr().includes('GBX_WAREHOUSE_AUTH'), { timeoutMs: 40_000 });
      await database.query(`ALTER USER ${name} PASSWORD '${env['DB_PASSWORD']}'`);
      await expectHealed(pipeline, consumer, 600);
      expect(consumer.stderr()).not.toContain(env['DB_PASSWORD']);
    });
  }, 90_000);
});
