// Contract: `gbx find` says where an exposure is now (spool, topic, held back, dead letter, table), each with its times, on the
// real broker and database; exit 0 found, 1 not found, doubled or missing, and a code of its own where it cannot tell. It lists
// what a user or an experiment has, shows no user unless asked, and says what it could not see. Without Kafka or without a
// warehouse it answers with the rest.
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Env, openPipeline, otherTraffic, type Pipeline, recordOf } from '../support/pipeline.ts';
import { startGbx } from '../support/process.ts';
import { openSpoolFixture } from '../support/spooling.ts';
import { writeRecords } from '../support/topic-log.ts';

const TABLE = 'growthbook.experiment_exposures';

async function findText(env: Env, args: readonly string[]) {
  await using child = await startGbx(['find', ...args], { cwd: tmpdir(), env });
  const { code } = await child.exit({ timeoutMs: 40_000 });
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

async function findJson(env: Env, args: readonly string[]): Promise<{ code: number | null; document: ReturnType<typeof JSON.parse> }> {
  const { code, stdout } = await findText(env, ['--json', ...args]);
  return { code, document: JSON.parse(stdout) };
}

function without(env: Env, ...names: readonly string[]): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));
}

const WAREHOUSE_NAMES = ['DB_HOST', 'DB_PORT', 'DB_NAME', 'DB_USER', 'DB_PASSWORD'];

/** As gbx requeues a record. */
async function writeCopy(
  { brokers, topic }: Pipeline,
  copy: { readonly partition: number; readonly key: Buffer | string | null; readonly value: Buffer | string | null; readonly headers: Env },
): Promise<void> {
  const producer = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  await producer.send({ topic, messages: [copy] }).finally(() => producer.disconnect());
}

function idsOf({ sent }: Pipeline): string[] {
  return sent.flatMap(({ expected }) => (expected.kind === 'row' ? (expected.row.exposureId ?? []) : []));
}

/** Loaded: 30 known exposures, one of a former producer without an id, two dead letters. Then stopped; five more wait. */
let pipeline: Pipeline;
let env: Env;
let loaded: string[];
let waiting: string[];
const FORMER = `former-${randomUUID()}`;
const REFUSED = `refused-${randomUUID()}`;

beforeAll(async () => {
  pipeline = await openPipeline();
  ({ env } = pipeline);
  await pipeline.send(30);
  const value = JSON.stringify({ ds_user_id: FORMER, experiment_id: 'old', variation_id: 1, timestamp: new Date().toISOString() });
  const invalid = JSON.stringify({ exposure_id: REFUSED, ds_user_id: 'u', variation_id: '1' });
  await pipeline.sendRecords([{ partition: 2, key: null, value: invalid, expected: { kind: 'letter', code: 'GBX_INVALID_FIELD' } }]);
  await writeRecords(pipeline, [{ partition: 1, key: null, value }]);
  await using consumer = await pipeline.consumer();
  await pipeline.untilDrained();
  consumer.signal('SIGTERM');
  await consumer.exit();
  loaded = idsOf(pipeline);
  await pipeline.send(5);
  waiting = idsOf(pipeline).slice(loaded.length);
});
afterAll(() => pipeline[Symbol.asyncDispose]());

describe('gbx find cannot answer', () => {
  test('what asks for nothing, for too much, or in no form it knows: 2', async () => {
    for (const args of [
      [],
      ['x', '--experiment', 'e'],
      ['--user', ''],
      ['x', '--since', 'yesterday'],
      ['--experiment', 'e', '--all-partitions'],
    ]) {
      expect({ args, ...(await findText(env, args)) }).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('GBX_USAGE') });
    }
  });

  test('with nothing configured: 78; with brokers, warehouse or topic that are not there, and nothing found in the rest: 69, 69, 78', async () => {
    expect(await findJson({}, ['x'])).toMatchObject({ code: 78, document: { schema: 'gbx.error/1', error: { code: 'GBX_CONFIG' } } });
    const away = { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' };
    expect(await findJson({ ...env, ...away }, ['x'])).toMatchObject({ code: 69, document: { error: { code: 'GBX_KAFKA_UNREACHABLE' } } });
    expect(await findJson({ ...env, DB_PORT: '1' }, ['x'])).toMatchObject({
      code: 69,
      document: { error: { code: 'GBX_WAREHOUSE_UNREACHABLE' } },
    });
    const other = { GBX_TOPIC: `t-${randomUUID()}` };
    expect(await findJson({ ...env, ...other }, ['x'])).toMatchObject({ code: 78, document: { error: { code: 'GBX_TOPIC_MISSING' } } });
  });
});

describe('gbx find says of', () => {
  test('an exposure that is loaded: once, with its times and its record, and not whose it is', async () => {
    const [id = ''] = loaded;
    const { code, document } = await findJson(env, [id]);
    expect({ code, document }).toMatchObject({
      code: 0,
      document: {
        schema: 'gbx.find/1',
        state: 'loaded',
        exposures: [
          {
            exposureId: id,
            records: [{ topic: pipeline.topic, partition: 0, offset: 0, progress: { state: 'passed', by: 'ledger' } }],
            deadLetters: [],
            rows: [{ ts: expect.stringMatching(/Z$/u), createdAt: expect.stringMatching(/Z$/u), loadDelayMs: expect.any(Number) }],
          },
        ],
        failures: [],
      },
    });
    const user = String(pipeline.sent[0]?.key);
    const text = await findText(env, [id]);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toContain('✓ loaded once');
    expect(text.stdout).toContain('load delay');
    expect(text.stdout + JSON.stringify(document)).not.toContain(user);
    expect((await findText(env, [id, '--show-content'])).stdout).toContain(`user ${user},`);
  });

  test('one that waits: where, and how many records are before it', async () => {
    // The second of its partition.
    const last = waiting[1] ?? '';
    const { code, document } = await findJson(env, [last]);
    expect(code).toBe(0);
    expect(document).toMatchObject({
      state: 'waiting',
      exposures: [{ rows: [], records: [{ progress: { state: 'waiting', by: 'ledger', recordsBefore: 1 } }] }],
    });
    expect((await findText(env, [last])).stdout).toContain('about 1 record before it');
  });

  test('a copy that is held back for its retry: until when, and why', async () => {
    const event = otherTraffic().eventAt(0);
    const headers = {
      'gbx-origin': `${pipeline.topic}/0/0/${Date.now() - 5_000}`,
      'gbx-retry-count': '2',
      'gbx-not-before': String(Date.now() + 50_000),
      'gbx-error-code': 'GBX_ROW_REFUSED',
      'gbx-error-message': 'too long',
      'gbx-last-failed-at': String(Date.now()),
    };
    await writeCopy(pipeline, { ...recordOf(event, 0), headers });
    const { code, document } = await findJson(env, [event.exposure_id]);
    expect({ code, document }).toMatchObject({
      code: 0,
      document: { state: 'held', exposures: [{ records: [{ retry: 2, failure: { code: 'GBX_ROW_REFUSED', message: 'too long' } }] }] },
    });
    expect(document.exposures[0].sentence).toMatch(/^held for retry 2 until \S+Z, for \d+s more, after GBX_ROW_REFUSED$/u);
  });

  test('a dead letter: its reason and where it comes from', async () => {
    const { code, document } = await findJson(env, [REFUSED]);
    expect({ code, document }).toMatchObject({
      code: 0,
      document: {
        state: 'dead_letter',
        exposures: [
          {
            records: [{ progress: { state: 'passed' }, invalid: { code: 'GBX_INVALID_FIELD' } }],
            deadLetters: [
              { topic: pipeline.deadLetterTopic, failure: { code: 'GBX_INVALID_FIELD' }, origin: { topic: pipeline.topic, partition: 2 } },
            ],
          },
        ],
      },
    });
    expect((await findText(env, [REFUSED])).stdout).toContain('- dead letter: GBX_INVALID_FIELD (experiment_id is required)');
  });

  test('one that nobody has seen: not found, and what was not looked at', async () => {
    const { code, document } = await findJson(env, ['nobody', '--since', '1h']);
    expect({ code, document }).toMatchObject({ code: 1, document: { state: 'not_found', exposures: [{ records: [], rows: [] }] } });
    expect(document.notLooked.join()).toContain('GBX_SPOOL_DIR is not set');
    const { stdout, code: textCode } = await findText(env, ['nobody', '--since', '2:1']);
    expect(textCode).toBe(1);
    expect(stdout).toContain('before that (--since earliest looks at all)');
    expect(stdout).toContain('✗ not found in anything that was looked at');
  });

  test('one that stands twice in a table without a key: doubled; one whose row is gone: missing', async () => {
    const [, doubled, missing] = loaded;
    await pipeline.database.query(`INSERT INTO ${TABLE} SELECT * FROM ${TABLE} WHERE exposure_id = $1`, [doubled]);
    await pipeline.database.query(`DELETE FROM ${TABLE} WHERE exposure_id = $1`, [missing]);
    expect(await findJson(env, [doubled ?? ''])).toMatchObject({ code: 1, document: { state: 'doubled' } });
    expect(await findJson(env, [missing ?? ''])).toMatchObject({ code: 1, document: { state: 'missing' } });
    // The warehouse alone cannot tell that.
    expect(await findJson(without(env, 'KAFKA_BOOTSTRAP_SERVERS'), [missing ?? ''])).toMatchObject({
      code: 1,
      document: { state: 'not_found' },
    });
  });

  test('a record of a former producer, by the id that it was given', async () => {
    const [row] = await pipeline.database.query<{ exposure_id: string }>(`SELECT exposure_id FROM ${TABLE} WHERE ds_user_id = $1`, [
      FORMER,
    ]);
    const id = row?.exposure_id ?? '';
    expect(id).toMatch(/^rec_/u);
    const { code, document } = await findJson(env, [id]);
    expect({ code, document }).toMatchObject({
      code: 0,
      document: { state: 'loaded', exposures: [{ records: [{ partition: 1 }], rows: [{}] }] },
    });
  });

  test('one in the spool of this machine, while Kafka is away and when it is there', async () => {
    await using spool = await openSpoolFixture();
    const [id = ''] = await spool.leaveBehind(pipeline.topic, 3);
    const there = { ...env, GBX_SPOOL_DIR: spool.dir };
    const segments = await spool.segments();
    for (const brokers of [pipeline.brokers, '127.0.0.1:1']) {
      const { code, document } = await findJson({ ...there, KAFKA_BOOTSTRAP_SERVERS: brokers }, [id]);
      expect({ code, document }).toMatchObject({
        code: 0,
        document: { state: 'in_spool', exposures: [{ spool: [{ refusedReason: null }] }] },
      });
    }
    expect(await spool.segments()).toEqual(segments);
    const none = await findJson({ ...env, GBX_SPOOL_DIR: `${spool.dir}-none` }, [id]);
    expect(none).toMatchObject({ code: 1 });
    expect(none.document.notLooked.join()).toContain('there is no folder');
  });
});

describe('gbx find with a part of it', () => {
  test('Kafka alone: what the group has passed, and that the table was not looked at', async () => {
    const alone = without(env, ...WAREHOUSE_NAMES);
    const { code, document } = await findJson(alone, [loaded[0] ?? '']);
    expect({ code, document }).toMatchObject({
      code: 0,
      document: { state: 'in_topic', exposures: [{ records: [{ progress: { by: 'group' } }] }] },
    });
    expect(document.notLooked.join()).toContain('warehouse: DB_HOST is not set');
  });

  test('the warehouse alone, or with Kafka away: loaded', async () => {
    for (const part of [without(env, 'KAFKA_BOOTSTRAP_SERVERS'), { ...env, KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' }]) {
      expect(await findJson(part, [loaded[5] ?? ''])).toMatchObject({ code: 0, document: { state: 'loaded' } });
    }
  });
});

describe('gbx find lists', () => {
  test('what a user has, from the table and from the topic, the partition of gbx first and all of them on demand', async () => {
    const user = String(pipeline.sent[0]?.key);
    const own = pipeline.sent.flatMap(({ key, expected }) =>
      String(key) === user && expected.kind === 'row' ? [expected.row.exposureId] : [],
    );
    const { code, document } = await findJson(env, ['--user', user, '--all-partitions', '--limit', '1000']);
    expect(document.exposures.map((one: { exposureId: string }) => one.exposureId).sort()).toEqual([...own].sort());
    expect({ code, state: document.state, more: document.more }).toEqual({ code: 0, state: 'listed', more: false });
    const narrow = await findJson(env, ['--user', user]);
    expect(narrow.document.notLooked.join()).toContain('--all-partitions');
  });

  test('what an experiment has, the newest first, as many as were asked for', async () => {
    const key = pipeline.sent.flatMap(({ expected }) => (expected.kind === 'row' ? [expected.row.experimentId] : []))[0] ?? '';
    const all = await findJson(env, ['--experiment', key, '--limit', '500']);
    const ids: string[] = all.document.exposures.map((one: { exposureId: string }) => one.exposureId);
    const expected = pipeline.sent.flatMap(({ expected: one }) =>
      one.kind === 'row' && one.row.experimentId === key ? [one.row.exposureId] : [],
    );
    expect(expected.filter((id) => !ids.includes(id ?? ''))).toEqual([]);
    const { stdout, code } = await findText(env, ['--experiment', key, '--limit', '3']);
    expect(stdout.split('\n').filter((line) => line.includes(` ${key} `)).length).toBe(3);
    expect(stdout).toContain('and more: see --limit');
    expect([0, 1]).toContain(code);
    expect(await findJson(env, ['--experiment', 'nothing-like-it'])).toMatchObject({
      code: 1,
      document: { state: 'not_found', exposures: [] },
    });
  });
});
