// The contract of `gbx doctor`: it says what is wrong with a deployment and what to do, whatever of it is missing; it asks no
// question whose answer needs one that failed; its exit code is 0 or 1; and no secret appears in anything that it writes.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Env, openPipeline, type Pipeline } from '../support/pipeline.ts';
import { startGbx } from '../support/process.ts';
import { openDatabase, testStack } from '../support/stack.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { writeRecords } from '../support/topic-log.ts';

const CANARY = 'canary-5f1c"\\9e';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gbx-doctor-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Found {
  readonly id: string;
  readonly state: string;
  readonly found: string;
  readonly todo: string | null;
  readonly tookMs: number;
}

/** Runs to the end, in an empty folder. */
async function doctor(env: Env, args: readonly string[] = ['--json']) {
  await using child = await startGbx(['doctor', ...args], { env, cwd: folder });
  const { code } = await child.exit();
  const stdout = child.stdout();
  const checks: Found[] = args.includes('--json') ? JSON.parse(stdout).checks : [];
  const byId = new Map(checks.map((check) => [check.id, check]));
  return { code, stdout, stderr: child.stderr(), checks, byId };
}

/** As the pipeline's consumer is set, on an admin port that nobody has. */
function settings(pipeline: Pipeline, env: Env = {}): Env {
  return { ...pipeline.env, ...env };
}

/** A pipeline whose tables were made by gbx itself: the history of migrations is there. */
async function openMigrated(options: Parameters<typeof openPipeline>[0] = {}): Promise<Pipeline> {
  const pipeline = await openPipeline({ ...options, database: await openDatabase({ migrated: false }) });
  await using child = await startGbx(['migrate', 'up'], { env: pipeline.env, cwd: folder });
  expect({ ...(await child.exit()), stderr: child.stderr() }).toMatchObject({ code: 0 });
  return pipeline;
}

const bad = (checks: readonly Found[]) => checks.filter(({ state }) => state === 'fail').map(({ id }) => id);

describe.concurrent('gbx doctor says no', () => {
  it('where nothing is set, naming the settings, and skips what stands on them', async () => {
    const { code, checks, byId } = await doctor({});
    expect(code).toBe(1);
    expect(bad(checks)).toEqual(['config.kafka', 'config.warehouse']);
    expect(byId.get('config.warehouse')?.found).toContain('DB_HOST, DB_USER are not set');
    expect(byId.get('pipeline.ledger')).toMatchObject({ state: 'skipped', found: 'not asked, as config.warehouse failed' });
  });

  it('where settings are wrong, all at once, without their secrets', async () => {
    const { byId, stdout, code } = await doctor({ BATCH_SIZE: 'x', DB_PORT: '0', GBX_TOPICS: 'y', DB_PASSWORD: CANARY });
    expect(code).toBe(1);
    expect(byId.get('config.values')?.found).toContain('BATCH_SIZE (environment): "x" must be');
    expect(byId.get('config.values')?.found).toContain('DB_PORT (environment): "0" must be');
    expect(byId.get('config.names')).toMatchObject({ state: 'warn', found: expect.stringContaining('did you mean GBX_TOPIC') });
    expect(stdout).not.toContain('canary');
  });

  it('where nothing listens, and where nobody knows the name', async () => {
    const env = { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1', DB_HOST: 'nowhere.invalid', DB_USER: 'u' };
    const { code, byId } = await doctor(env);
    expect(code).toBe(1);
    expect(byId.get('kafka.tcp')).toMatchObject({ state: 'fail', found: '127.0.0.1:1: nothing listens there (ECONNREFUSED)' });
    expect(byId.get('warehouse.dns')?.state).toBe('fail');
    expect(byId.get('warehouse.tcp')).toMatchObject({ state: 'skipped', found: 'not asked, as warehouse.dns failed' });
  });

  it('within its 5 seconds where somebody listens and never answers', async () => {
    await using silent = await openSilent();
    const { code, byId } = await doctor({ KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:${silent.port}` }, ['--json', '--only', 'kafka']);
    expect(code).toBe(1);
    expect(byId.get('kafka.login')).toMatchObject({ state: 'fail', found: 'no answer within 5 s' });
    expect(byId.get('kafka.login')?.tookMs).toBeLessThan(6_000);
  });

  it('where a broker sends its clients to an address that is not reached', async () => {
    const [host = '', port] = testStack().brokers.split(':');
    // The one that is asked is reached; the one that it names is not, once the way there is cut.
    await using proxy = await openTcpProxy({ target: { host, port: Number(port) }, read: renameBroker });
    const env = { KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:${proxy.port}` };
    const { byId } = await doctor(env, ['--json', '--only', 'kafka']);
    expect(byId.get('kafka.login')?.state).toBe('ok');
    expect(byId.get('kafka.listeners')).toMatchObject({ state: 'fail', todo: expect.stringContaining('advertised.listeners') });
    expect(byId.get('kafka.listeners')?.found).toMatch(/^broker 1 at 127\.0\.0\.9:\d+: nothing listens there/u);
  });

  it('where topic, table and password are missing', async () => {
    await using pipeline = await openPipeline();
    const { byId } = await doctor(settings(pipeline, { GBX_TOPIC: 'not-there', DB_PASSWORD: CANARY }));
    expect(byId.get('kafka.topic')).toMatchObject({
      state: 'fail',
      found: 'there is no topic not-there',
      todo: 'create it: gbx migrate up',
    });
    expect(byId.get('kafka.dead_letter_topic')?.state).toBe('ok');
    expect(byId.get('warehouse.login')).toMatchObject({ state: 'fail', found: expect.stringContaining('GBX_WAREHOUSE_AUTH') });
  });

  it('where the table was changed and rights were taken', async () => {
    await using pipeline = await openMigrated();
    const { database } = pipeline;
    const user = `u_${database.name}`;
    await database.query(`CREATE ROLE ${user} LOGIN PASSWORD 'reads-only'`);
    await database.query(`GRANT USAGE ON SCHEMA growthbook TO ${user}; GRANT SELECT ON growthbook.experiment_exposures TO ${user}`);
    const reader = await doctor(settings(pipeline, { DB_USER: user, DB_PASSWORD: 'reads-only' }), ['--json', '--only', 'warehouse']);
    expect(reader.code).toBe(0);
    expect(reader.byId.get('warehouse.migrations')?.state).toBe('unknown');
    expect(reader.byId.get('warehouse.rights')).toMatchObject({
      state: 'warn',
      found: expect.stringContaining('INSERT on growthbook.experiment_exposures'),
    });
    await database.query('ALTER TABLE growthbook.experiment_exposures DROP COLUMN source');
    const changed = await doctor(settings(pipeline), ['--json', '--only', 'warehouse']);
    expect(changed.byId.get('warehouse.table')).toMatchObject({ state: 'fail', found: expect.stringContaining('source is missing') });
    await database.query(`DROP OWNED BY ${user}; DROP ROLE ${user}`);
  });

  it('where the ledger is not that of this topic, and where the group is ahead of it', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    await pipeline.send(20);
    const consumer = await pipeline.consumer();
    await pipeline.untilLoaded();
    consumer.signal('SIGTERM');
    await consumer.exit();
    await pipeline.database.query('UPDATE growthbook.gbx_ledger SET next_offset = 5');
    const ahead = await doctor(settings(pipeline));
    expect(ahead.code).toBe(1);
    expect(ahead.byId.get('pipeline.group')).toMatchObject({
      state: 'fail',
      found: expect.stringContaining('partition 0 at 20, the ledger at 5'),
    });
    await pipeline.database.query('UPDATE growthbook.gbx_ledger SET next_offset = 50');
    const beyond = await doctor(settings(pipeline));
    expect(beyond.byId.get('pipeline.ledger')).toMatchObject({ state: 'fail', found: expect.stringContaining('its log ends at 20') });
  });
});

describe.concurrent('gbx doctor says yes', () => {
  it('of a whole deployment, and warns of what will hurt one day', async () => {
    await using pipeline = await openMigrated();
    await pipeline.send(60);
    const consumer = await pipeline.consumer();
    await pipeline.untilLoaded();
    consumer.signal('SIGTERM');
    await consumer.exit();
    const { code, checks, byId, stderr } = await doctor(settings(pipeline));
    expect({ code, failed: bad(checks), stderr }).toEqual({ code: 0, failed: [], stderr: '' });
    expect(byId.get('pipeline.ledger')).toMatchObject({ state: 'ok', found: '3 partitions in the ledger, 0 records to load' });
    expect(byId.get('kafka.rights')?.state).toBe('ok');
    // One broker, one copy.
    expect(byId.get('kafka.replication')).toMatchObject({ state: 'warn', todo: expect.stringContaining('3 brokers') });
    expect((await doctor(settings(pipeline), ['--json', '--strict'])).code).toBe(1);
  });

  it('of encrypted connections too, with the time their certificates have', async () => {
    await using pipeline = await openMigrated();
    const caFile = join(folder, 'ca.pem');
    await writeFile(caFile, testStack().ca);
    const [, port] = testStack().tlsBrokers.split(':');
    const tls = { GBX_KAFKA_TLS: 'on', GBX_KAFKA_CA_FILE: caFile, GBX_DB_TLS: 'on', GBX_DB_CA_FILE: caFile };
    const { checks, byId } = await doctor(
      settings(pipeline, { ...tls, KAFKA_BOOTSTRAP_SERVERS: `localhost:${port}`, DB_HOST: 'localhost' }),
    );
    expect(bad(checks)).toEqual([]);
    for (const area of ['kafka', 'warehouse']) {
      expect(byId.get(`${area}.tls`)).toMatchObject({
        state: 'warn',
        found: expect.stringMatching(/\(localhost\) expires in (29|30) days/u),
      });
    }
    const untrusted = await doctor(settings(pipeline, { ...tls, GBX_DB_CA_FILE: '', DB_HOST: 'localhost' }), [
      '--json',
      '--only',
      'warehouse',
    ]);
    expect(untrusted.byId.get('warehouse.tls')).toMatchObject({ state: 'fail', found: expect.stringContaining('is not trusted') });
  });

  it('of lag and dead letters what Kafka knows of their age', async () => {
    await using pipeline = await openMigrated({ partitions: 1 });
    const consumer = await pipeline.consumer();
    await pipeline.until('its claim', async () => (await pipeline.ledger()).size === 1);
    consumer.signal('SIGTERM');
    await consumer.exit();
    const dayMs = 86_400_000;
    // 6.5 of the 7 days that the topic keeps; the future is somebody's clock.
    await writeRecords(pipeline, [
      { partition: 0, key: 'k', value: '{}', timestampMs: Date.now() - 6.5 * dayMs },
      { partition: 0, key: 'k', value: '{}', timestampMs: Date.now() + 3_600_000 },
    ]);
    await writeRecords({ brokers: pipeline.brokers, topic: pipeline.deadLetterTopic }, [
      { partition: 0, key: 'k', value: '{}', timestampMs: Date.now() - 2 * dayMs },
      { partition: 0, key: 'k', value: '{}', timestampMs: Date.now() },
    ]);
    const { byId } = await doctor(settings(pipeline));
    expect(byId.get('pipeline.retention')).toMatchObject({
      state: 'fail',
      found: expect.stringContaining('partition 0'),
      todo: expect.stringContaining('docs/lag-is-growing.md'),
    });
    expect(byId.get('pipeline.dead_letters')).toMatchObject({
      state: 'warn',
      found: expect.stringMatching(/^2 dead letters .* the newest of them in the last 60 minutes$/u),
    });
    expect(byId.get('clocks.kafka')).toMatchObject({
      state: 'warn',
      found: expect.stringMatching(/ahead of this clock, in partition 0$/u),
    });
  });

  it('to people line by line, with colour only where it is asked for', async () => {
    await using pipeline = await openMigrated();
    const plain = await doctor(settings(pipeline), []);
    expect(plain.stdout).toMatch(/^This machine\n {2}✓ node +Node \d+/u);
    expect(plain.stdout).toMatch(/\n\d+ checks: \d+ ok, .*\n$/u);
    expect(plain.stdout).not.toContain('\u001B');
    const coloured = await doctor(settings(pipeline, { FORCE_COLOR: '1' }), ['--only', 'runtime']);
    expect(coloured.stdout).toContain('\u001B[32m✓\u001B[39m');
    expect((await doctor(settings(pipeline, { NO_COLOR: '1' }), ['--only', 'runtime'])).stdout).not.toContain('\u001B');
  });
});

describe('gbx doctor --bundle', () => {
  it('holds checks, settings with their sources, migrations and why metrics are missing, and no secret', async () => {
    await using pipeline = await openMigrated();
    const file = join(folder, 'bundle.json');
    const secrets = { GBX_API_KEYS: `${CANARY},second-canary`, MONGODB_URI: `mongodb://root:${encodeURIComponent(CANARY)}@h/db` };
    // What answers there may say anything.
    await using admin = await openTalkative(`gbx_secret{key="${CANARY}"} 1`);
    const { stderr, stdout } = await doctor(settings(pipeline, { ...secrets, GBX_ADMIN_PORT: String(admin.port), GBX_HTTP_PORT: '1' }), [
      '--bundle',
      file,
    ]);
    expect(stderr).toContain(`written: ${file}`);
    const text = await readFile(file, 'utf8');
    expect(stdout + stderr + text).not.toMatch(/canary/u);
    expect(text).not.toContain(testStack().postgres.password);
    const bundle = JSON.parse(text);
    expect(bundle).toMatchObject({ schema: 'gbx.bundle/1', doctor: { schema: 'gbx.doctor/1' } });
    expect(bundle.settings).toContainEqual({ name: 'DB_PASSWORD', value: '[secret]', source: 'environment' });
    expect(bundle.metrics.consume).toBe('gbx_secret{key="[secret]"} 1');
    expect(bundle.metrics.serve).toMatch(/^not read: http:\/\/127\.0\.0\.1:1/u);
    expect(bundle.migrations).toContainEqual(expect.objectContaining({ name: '0001_experiment_exposures.sql', state: 'applied' }));
  });

  it('refuses a folder that is not there, with exit code 2, after the checks', async () => {
    const { code, stderr } = await doctor({}, ['--only', 'runtime', '--bundle', join(folder, 'none', 'b.json')]);
    expect(code).toBe(2);
    expect(stderr).toContain('Cannot write the bundle');
  });
});

/** Answers every request with this text. */
function openTalkative(text: string) {
  return listen(createHttpServer((_, response) => void response.end(text)));
}

/** Takes connections and says nothing. */
function openSilent() {
  return listen(createServer((socket) => socket.on('error', () => undefined)));
}

async function listen(server: Server): Promise<AsyncDisposable & { readonly port: number }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      if (server instanceof HttpServer) server.closeAllConnections();
      server.close();
    },
  };
}

/** Names another address of the same length in the broker's answers: nobody listens on 127.0.0.9. */
function renameBroker(link: Parameters<NonNullable<Parameters<typeof openTcpProxy>[0]['read']>>[0]) {
  return {
    fromClient: (bytes: Buffer) => link.toServer(bytes),
    fromServer: (bytes: Buffer) => link.toClient(Buffer.from(bytes.toString('latin1').replaceAll('127.0.0.1', '127.0.0.9'), 'latin1')),
  };
}
