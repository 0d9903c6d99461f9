// Contract: `gbx verify` says whether a range of the topic, or what a manifest lists, was loaded exactly once: exit 0 when it
// was, 1 with the exposures at fault when not, and a code of its own when it could not be answered. It needs no right but to
// read, prints no user, and takes a running consumer for what it is. Faults are made in the database by hand.
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Env, openPipeline, type Pipeline } from '../support/pipeline.ts';
import { onStatement, openPostgresProxy } from '../support/postgres-proxy.ts';
import { startGbx } from '../support/process.ts';
import { startServe } from '../support/serving.ts';
import { createTopic } from '../support/stack.ts';

const COUNT = 400;

interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function verify({ env }: Pick<Pipeline, 'env'>, args: readonly string[] = [], more: Env = {}): Promise<Answer> {
  await using child = await startGbx(['verify', ...args], { cwd: tmpdir(), env: { ...env, ...more } });
  const { code } = await child.exit({ timeoutMs: 50_000 });
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

async function verifyJson(
  pipeline: Pipeline,
  args: readonly string[] = [],
  more: Env = {},
): Promise<{ code: number | null; document: ReturnType<typeof JSON.parse> }> {
  const { code, stdout } = await verify(pipeline, ['--json', ...args], more);
  return { code, document: JSON.parse(stdout) };
}

/** Known exposures, one record that is none, all loaded by a consumer that is gone. */
async function loadedPipeline(count = COUNT): Promise<Pipeline> {
  const pipeline = await openPipeline();
  await pipeline.send(count);
  await pipeline.sendRecords([{ partition: 1, key: null, value: 'garbage', expected: { kind: 'letter', code: 'GBX_NOT_JSON' } }]);
  await using consumer = await pipeline.consumer();
  await pipeline.expectExact();
  consumer.signal('SIGTERM');
  await consumer.exit();
  return pipeline;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gbx-verify-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('gbx verify cannot answer', () => {
  test('a place that is none, a range beside a manifest, and a manifest that is missing, torn or something else: 2', async () => {
    await using pipeline = await openPipeline();
    const head = JSON.stringify({ schema: 'gbx.manifest/1', run_id: 'r', start_ms: Date.now(), count: 2 });
    const sent = JSON.stringify({ exposure_id: 'x', content: 'A'.repeat(43), outcome: 'ok' });
    for (const [name, text] of [
      ['torn', `${head}\n${sent}\n`],
      ['half', `${head}\n${sent}\n${sent.slice(0, 20)}`],
      ['other', 'hello\n'],
      ['empty', ''],
    ] as const) {
      const path = join(folder, name);
      await writeFile(path, text);
      expect(await verify(pipeline, ['--manifest', path])).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringContaining('manifest'),
      });
    }
    expect(await verify(pipeline, ['--manifest', join(folder, 'none')])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('ENOENT'),
    });
    expect(await verify(pipeline, ['--manifest', 'x', '--from', '1h'])).toMatchObject({ code: 2 });
    expect(await verify(pipeline, ['--from', 'yesterday'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--from') });
    // And before anything is connected to: whoever mistypes a name is not told of the brokers.
    const away = { env: { ...pipeline.env, KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1', DB_PORT: '1' } };
    for (const path of [join(folder, 'none'), join(folder, 'torn'), folder]) {
      expect(await verify(away, ['--manifest', path])).toMatchObject({ code: 2, stderr: expect.stringContaining(path) });
    }
  });

  test('a topic that is not there, and a group that the ledger does not know: 78', async () => {
    await using pipeline = await openPipeline();
    const missing = await verify(pipeline, [], { GBX_TOPIC: `t-${randomUUID()}` });
    expect(missing).toMatchObject({ code: 78, stdout: '', stderr: expect.stringContaining('GBX_TOPIC_MISSING') });
    const unknown = await verifyJson(pipeline);
    expect(unknown).toMatchObject({ code: 78, document: { schema: 'gbx.error/1', error: { code: 'GBX_CONFIG' } } });
  });

  test('a warehouse or brokers that are not there: 69, also when the warehouse goes in the midst', async () => {
    await using pipeline = await loadedPipeline(10);
    expect(await verify(pipeline, [], { DB_PORT: '1' })).toMatchObject({ code: 69, stdout: '' });
    expect(await verify(pipeline, [], { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' })).toMatchObject({ code: 69, stdout: '' });
    const { onMessage } = onStatement({ sql: /^SELECT exposure_id.*ts [<>]|^SELECT exposure_id.*experiment_exposures$/ }, () => 'cut');
    await using proxy = await openPostgresProxy({ target: pipeline.database.connection, onMessage });
    const { code, document } = await verifyJson(pipeline, [], { DB_HOST: proxy.host, DB_PORT: String(proxy.port) });
    expect({ code, error: document.error?.code }).toEqual({ code: 69, error: 'GBX_WAREHOUSE_UNREACHABLE' });
  });
});

describe('gbx verify finds, and ends with 1 for', () => {
  test('what is missing, doubled, altered and phantom, all at once, without printing a user', async () => {
    await using pipeline = await loadedPipeline();
    const { database, sent } = pipeline;
    const ids = sent.flatMap(({ expected }) => (expected.kind === 'row' ? (expected.row.exposureId ?? []) : []));
    const [missing, doubled, altered] = ids;
    const table = 'growthbook.experiment_exposures';
    await database.query(`DELETE FROM ${table} WHERE exposure_id = $1`, [missing]);
    await database.query(`INSERT INTO ${table} SELECT * FROM ${table} WHERE exposure_id = $1`, [doubled]);
    await database.query(`UPDATE ${table} SET source = 'x', ts = ts + interval '1 us' WHERE exposure_id = $1`, [altered]);
    await database.query(
      `INSERT INTO ${table} (exposure_id, ds_user_id, experiment_id, variation_id, ts) VALUES ('nowhere', 'u', 'e', '1', now())`,
    );
    const { code, document } = await verifyJson(pipeline);
    expect(code).toBe(1);
    expect(document).toMatchObject({
      ...{ schema: 'gbx.verify/1', verdict: 'not_exact', records: COUNT + 1, invalidRecords: 1, expected: COUNT + 1 },
      ...{ loaded: COUNT - 3, missing: 1, doubled: 1, altered: 1, phantom: 1, deadLettered: 1 },
      deadLetterReasons: { GBX_NOT_JSON: 1 },
      ids: {
        missing: [{ exposureId: missing, partition: expect.any(Number), offset: expect.any(Number) }],
        doubled: [{ exposureId: doubled, rows: 2 }],
        altered: [{ exposureId: altered, fields: ['timestamp', 'source'] }],
        phantom: ['nowhere'],
      },
    });
    const text = await verify(pipeline, ['--ids', '0']);
    expect(text).toMatchObject({ code: 1, stderr: '' });
    expect(text.stdout).toContain('✗ 1 missing');
    expect(text.stdout).not.toContain(missing);
    expect(JSON.stringify(document)).not.toContain('user');
  });

  test('a dead letter that is gone', async () => {
    await using pipeline = await loadedPipeline(10);
    const { code, document } = await verifyJson(pipeline, [], { GBX_DEAD_LETTER_TOPIC: await createTopic({ partitions: 1 }) });
    expect({ code, missing: document.ids.missing }).toMatchObject({ code: 1, missing: [{ exposureId: null, partition: 1 }] });
  });
});

describe('gbx verify ends with 0', () => {
  test('when all is right, for the whole and for parts of it, in text and JSON', async () => {
    await using pipeline = await loadedPipeline();
    const whole = await verify(pipeline);
    expect(whole).toMatchObject({ code: 0, stderr: '' });
    expect(whole.stdout).toMatch(/✓ everything was loaded exactly once, or given up with a reason, seen in [\d.]+ s\n$/u);
    for (const [args, records] of [
      [['--from', '1h'], COUNT + 1],
      [['--to', '1h'], 0],
      [['--from', '0:10,1:10', '--to', '0:20,1:20'], 20],
      [['--from', new Date(Date.now() + 60_000).toISOString()], 0],
      [['--from', 'earliest', '--to', 'latest'], COUNT + 1],
    ] as const) {
      const { code, document } = await verifyJson(pipeline, args);
      expect({ args, code, records: document.records, verdict: document.verdict }).toEqual({ args, code: 0, records, verdict: 'exact' });
    }
  });

  test('beside a consumer that loads, and with the rights to read only', async () => {
    await using pipeline = await openPipeline();
    const user = `u_${randomUUID().replaceAll('-', '')}`;
    await pipeline.database.query(`CREATE ROLE ${user} LOGIN PASSWORD 'pw'`);
    try {
      await pipeline.database.query(
        `GRANT USAGE ON SCHEMA growthbook TO ${user}; GRANT SELECT ON ALL TABLES IN SCHEMA growthbook TO ${user}`,
      );
      await using _consumer = await pipeline.consumer();
      await pipeline.send(300);
      await pipeline.until('something loaded', async () => (await pipeline.count()) > 0);
      for (let round = 0; round < 3; round++) {
        const sending = pipeline.send(1_000);
        const { code, document } = await verifyJson(pipeline, [], { DB_USER: user, DB_PASSWORD: 'pw' });
        expect({ code, problems: document.missing + document.doubled + document.altered + document.phantom }).toEqual({
          code: 0,
          problems: 0,
        });
        await sending;
      }
    } finally {
      await pipeline.database.query(`DROP OWNED BY ${user}`);
      await pipeline.database.query(`DROP ROLE ${user}`);
    }
  });

  test('for the manifest of a smoke run, and with 1 once a row of it is gone', async () => {
    await using pipeline = await openPipeline();
    await using serve = await startServe({ brokers: pipeline.brokers, topic: pipeline.topic });
    await using _consumer = await pipeline.consumer();
    const path = join(folder, 'smoke.ndjson');
    await using smoke = await startGbx(['smoke', '--url', serve.url, '--manifest', path], { cwd: folder, env: pipeline.env });
    expect(await smoke.exit({ timeoutMs: 50_000 })).toMatchObject({ code: 0 });
    expect(await verifyJson(pipeline, ['--manifest', path])).toMatchObject({
      code: 0,
      document: { expected: 20, loaded: 20, records: null },
    });
    const id: unknown = JSON.parse((await readFile(path, 'utf8')).split('\n')[3] ?? '').exposure_id;
    await pipeline.database.query('DELETE FROM growthbook.experiment_exposures WHERE exposure_id = $1', [id]);
    const { code, document } = await verifyJson(pipeline, ['--manifest', path]);
    expect({ code, missing: document.ids.missing }).toMatchObject({ code: 1, missing: [{ exposureId: id }] });
  });
});
