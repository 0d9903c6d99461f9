// Contract: what cannot work from the start ends the process with the exit code of design 7, names what is wrong in the
// user's words and one way on; nothing is loaded, nothing is dead-lettered, and the password is never printed.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { withUser } from '../support/database-user.ts';
import { lastWords } from '../support/log-lines.ts';
import { openPipeline, otherTraffic, type Pipeline, recordOf } from '../support/pipeline.ts';
import { openDatabase } from '../support/stack.ts';
import { commitOffsets, readTopic, remakeTopic } from '../support/topic-log.ts';

interface Refusal {
  readonly exitCode: number;
  readonly says: readonly (string | RegExp)[];
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Runs a consumer to its end. @returns milliseconds it took */
async function expectRefusal(pipeline: Pipeline, { exitCode, says, env = {}, timeoutMs = 30_000 }: Refusal): Promise<number> {
  const startMs = performance.now();
  await using consumer = await pipeline.consumer(env);
  expect({ ...(await consumer.exit({ timeoutMs })), stderr: consumer.stderr() }).toMatchObject({ code: exitCode });
  const words = lastWords(consumer);
  for (const word of says) expect(words).toMatch(word);
  expect(words).toMatch(/^error: .*\[GBX_[A-Z_]+\]\n(.*\n)*? {2}try: +\S/u);
  expect(words).not.toContain('    at ');
  expect(consumer.stderr()).not.toContain(pipeline.env['DB_PASSWORD'] ?? '?');
  expect(await readTopic({ brokers: pipeline.brokers, topic: pipeline.deadLetterTopic })).toEqual([]);
  return performance.now() - startMs;
}

/** Nothing listens there: it was free a moment ago. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe.concurrent('gbx consume ends', () => {
  it('with 69 after a minute when no broker is to be reached', async () => {
    await using pipeline = await openPipeline();
    const broker = `127.0.0.1:${await closedPort()}`;
    const env = { KAFKA_BOOTSTRAP_SERVERS: broker };
    const tookMs = await expectRefusal(pipeline, { exitCode: 69, says: ['GBX_KAFKA_UNREACHABLE', broker], env, timeoutMs: 100_000 });
    expect(tookMs).toBeGreaterThan(55_000);
  }, 120_000);

  it('with 69 after a minute when the warehouse is not to be reached', async () => {
    await using pipeline = await openPipeline();
    const port = String(await closedPort());
    const says = ['GBX_WAREHOUSE_UNREACHABLE', `127.0.0.1:${port}`];
    const tookMs = await expectRefusal(pipeline, { exitCode: 69, says, env: { DB_PORT: port }, timeoutMs: 100_000 });
    expect(tookMs).toBeGreaterThan(55_000);
  }, 120_000);

  it('with 77 at a wrong password, without saying it', async () => {
    await using pipeline = await openPipeline();
    await pipeline.send(10);
    await expectRefusal(pipeline, { exitCode: 77, says: ['GBX_WAREHOUSE_AUTH', 'DB_PASSWORD'], env: { DB_PASSWORD: 'wrong' } });
    expect(await pipeline.count()).toBe(0);
  });

  it('with 77 when there is no such database', async () => {
    await using pipeline = await openPipeline();
    await expectRefusal(pipeline, { exitCode: 77, says: ['GBX_WAREHOUSE_AUTH', 'nowhere'], env: { DB_NAME: 'nowhere' } });
  });

  it('with 78 and the way on when the ledger is missing', async () => {
    await using database = await openDatabase({ migrated: false });
    await using pipeline = await openPipeline({ database });
    await pipeline.send(10);
    await expectRefusal(pipeline, { exitCode: 78, says: ['GBX_WAREHOUSE_SCHEMA', 'gbx migrate up'] });
  });

  it('with 78 and the way on when the table is missing', async () => {
    await using pipeline = await openPipeline();
    await pipeline.database.query('DROP TABLE growthbook.experiment_exposures');
    await pipeline.send(10);
    await expectRefusal(pipeline, { exitCode: 78, says: ['GBX_WAREHOUSE_SCHEMA', 'experiment_exposures', 'gbx migrate up'] });
  });

  it('with 77 when it may read the ledger and not write the table', async () => {
    await using pipeline = await openPipeline();
    const { database } = pipeline;
    await pipeline.send(10);
    const grants = (user: string): string => `GRANT USAGE ON SCHEMA growthbook TO ${user}; GRANT ALL ON growthbook.gbx_ledger TO ${user};
      GRANT SELECT ON growthbook.experiment_exposures TO ${user}; GRANT TEMPORARY ON DATABASE ${database.name} TO ${user}`;
    await withUser(database, grants, ({ env }) =>
      expectRefusal(pipeline, { exitCode: 77, says: ['GBX_WAREHOUSE_PERMISSION', 'experiment_exposures'], env }).then(() => undefined),
    );
    expect(await pipeline.count()).toBe(0);
  });

  it('with 78 and the way on when the dead-letter topic is missing', async () => {
    await using pipeline = await openPipeline();
    const env = { GBX_DEAD_LETTER_TOPIC: `t-${randomUUID()}` };
    await expectRefusal(pipeline, { exitCode: 78, says: ['GBX_TOPIC_MISSING', env.GBX_DEAD_LETTER_TOPIC, 'gbx migrate up'], env });
  });

  it('with 78 and the way on when the topic is missing', async () => {
    await using pipeline = await openPipeline();
    const env = { GBX_TOPIC: `t-${randomUUID()}` };
    await expectRefusal(pipeline, { exitCode: 78, says: ['GBX_TOPIC_MISSING', env.GBX_TOPIC, 'gbx migrate up'], env });
  });

  it('with 78 when the group has committed beyond the ledger', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    await pipeline.send(50);
    await stopLoaded(pipeline);
    await pipeline.sendRecords(moreRecords(50).map((record) => ({ ...record, expected: { kind: 'copy' } })));
    await commitOffsets(pipeline, { group: pipeline.group, offsets: new Map([[0, 70n]]) });
    const says = ['GBX_COMMITTED_AHEAD', /committed offset 70, beyond the ledger's 50/, '--reset-ledger committed'];
    await expectRefusal(pipeline, { exitCode: 78, says });
    expect(await pipeline.count()).toBe(50);
  });

  it('with 78 when the topic was made anew and holds other records', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    await pipeline.send(50);
    await stopLoaded(pipeline);
    await remakeTopic(pipeline, { partitions: 1 });
    await pipeline.sendRecords(moreRecords(80).map((record) => ({ ...record, expected: { kind: 'copy' } })));
    await expectRefusal(pipeline, { exitCode: 78, says: ['GBX_TOPIC_CHANGED', 'another record stands at offset 49', '--reset-ledger'] });
    expect(await pipeline.count()).toBe(50);
  });

  it('with 78 after a minute when the topic was made anew and is shorter', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    await pipeline.send(50);
    await stopLoaded(pipeline);
    await remakeTopic(pipeline, { partitions: 1 });
    const says = ['GBX_TOPIC_CHANGED', 'the log ends before'];
    expect(await expectRefusal(pipeline, { exitCode: 78, says, timeoutMs: 100_000 })).toBeGreaterThan(55_000);
    expect(await pipeline.count()).toBe(50);
  }, 120_000);
});

function moreRecords(count: number) {
  const traffic = otherTraffic();
  return Array.from({ length: count }, (_, i) => recordOf(traffic.eventAt(i), 0));
}

/** Loads all that was sent, then ends the consumer in order. */
async function stopLoaded(pipeline: Pipeline): Promise<void> {
  await using consumer = await pipeline.consumer();
  await pipeline.untilLoaded();
  consumer.signal('SIGTERM');
  expect(await consumer.exit()).toMatchObject({ code: 0 });
}
