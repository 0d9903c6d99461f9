// Contract: towards Kafka and the warehouse TLS is verified against GBX_KAFKA_CA_FILE and GBX_DB_CA_FILE: the whole way
// works over it, another authority's certificate is refused with words that help, and nothing falls back to plain text.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPostgres } from '../../src/dev/postgres-server.ts';
import { createAuthority } from '../support/certificates.ts';
import { lastWords } from '../support/log-lines.ts';
import { type Env, openPipeline, type Pipeline } from '../support/pipeline.ts';
import { startGbx } from '../support/process.ts';
import { testStack } from '../support/stack.ts';

let folder: string;
let rightCa: string;
let wrongCa: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gbx-tls-'));
  rightCa = join(folder, 'right.pem');
  wrongCa = join(folder, 'wrong.pem');
  await writeFile(rightCa, testStack().ca);
  await writeFile(wrongCa, createAuthority('another authority').ca);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** By name: `localhost` stands in the certificates, and is loopback, where TLS has to be asked for. */
function overTls(): Record<string, string> {
  const [, port] = testStack().tlsBrokers.split(':');
  return {
    KAFKA_BOOTSTRAP_SERVERS: `localhost:${port}`,
    GBX_KAFKA_TLS: 'on',
    GBX_KAFKA_CA_FILE: rightCa,
    DB_HOST: 'localhost',
    GBX_DB_TLS: 'on',
    GBX_DB_CA_FILE: rightCa,
  };
}

interface Refused {
  readonly env: Env;
  readonly says: readonly string[];
}

async function expectRefused(pipeline: Pipeline, { env, says }: Refused): Promise<void> {
  await pipeline.send(10);
  const consumer = await pipeline.consumer({ ...overTls(), ...env });
  expect({ ...(await consumer.exit()), stderr: consumer.stderr() }).toMatchObject({ code: 78 });
  const words = lastWords(consumer);
  for (const word of says) expect(words).toContain(word);
  expect(words).toMatch(/^ {2}try: +\S/mu);
  expect(await pipeline.count()).toBe(0);
}

describe.concurrent('over TLS', () => {
  it('an exposure goes from serve through Kafka into the warehouse', async () => {
    await using pipeline = await openPipeline();
    const env = { ...pipeline.env, ...overTls() };
    await using serve = await startGbx(['serve', '--host', '127.0.0.1', '--port', '0'], { cwd: folder, env });
    const address = /http:\/\/127\.0\.0\.1:\d+/u.exec(await serve.line(/http:\/\/127\.0\.0\.1:\d+/u))?.[0];
    await using consumer = await pipeline.consumer(overTls());
    const exposure = { ds_user_id: 'u-1', experiment_id: 'e', variation_id: 'v', exposure_id: 'over-tls' };
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${address}/exposure`, { method: 'POST', headers, body: JSON.stringify(exposure) });
    expect({ status: answer.status, body: await answer.json() }).toMatchObject({ status: 200, body: { exposure_id: 'over-tls' } });
    await pipeline.until('the row', async () => (await pipeline.count()) === 1);
    const sessions = await pipeline.database.query<{ ssl: boolean }>(
      `SELECT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.datname = $1 AND a.application_name = 'gbx-consume'`,
      [pipeline.database.name],
    );
    expect(sessions).toEqual([{ ssl: true }]);
    for (const running of [consumer, serve]) {
      running.signal('SIGTERM');
      expect(await running.exit()).toMatchObject({ code: 0 });
    }
  });

  it('a few hundred exposures are loaded exactly', async () => {
    await using pipeline = await openPipeline();
    await pipeline.send(300);
    await pipeline.consumer(overTls());
    expect(await pipeline.expectExact()).toMatchObject({ rows: 300, letters: 0 });
  });
});

describe.concurrent('gbx consume refuses', () => {
  it('brokers that another authority signed', async () => {
    await using pipeline = await openPipeline();
    await expectRefused(pipeline, { env: { GBX_KAFKA_CA_FILE: wrongCa }, says: ['GBX_KAFKA_TLS', 'localhost:', 'GBX_KAFKA_CA_FILE'] });
  });

  it('brokers of an authority that it was not told of', async () => {
    await using pipeline = await openPipeline();
    await expectRefused(pipeline, { env: { GBX_KAFKA_CA_FILE: '' }, says: ['GBX_KAFKA_TLS', 'GBX_KAFKA_CA_FILE'] });
  });

  it('a warehouse that another authority signed', async () => {
    await using pipeline = await openPipeline();
    await expectRefused(pipeline, { env: { GBX_DB_CA_FILE: wrongCa }, says: ['GBX_WAREHOUSE_TLS', 'localhost', 'GBX_DB_CA_FILE'] });
  });

  it('a warehouse without TLS, when TLS is on', async () => {
    // Where root's stand-in may not enter the folder, its data would be left elsewhere.
    await chmod(folder, 0o755);
    const dataDir = join(folder, 'postgres');
    await using plain = await openPostgres({ dataDir, password: 'only-for-tests', settings: { fsync: 'off' } });
    await using pipeline = await openPipeline();
    const env = { DB_PORT: String(plain.port), DB_NAME: plain.database };
    await expectRefused(pipeline, { env, says: ['GBX_WAREHOUSE_TLS', 'does not speak TLS', 'GBX_DB_TLS=off'] });
  });

  it('brokers without TLS, when TLS is on', async () => {
    await using pipeline = await openPipeline();
    await expectRefused(pipeline, { env: { KAFKA_BOOTSTRAP_SERVERS: pipeline.brokers }, says: ['GBX_KAFKA_TLS', 'does not speak TLS'] });
  });

  it('brokers with TLS, when TLS is off', async () => {
    await using pipeline = await openPipeline();
    await expectRefused(pipeline, { env: { GBX_KAFKA_TLS: 'off' }, says: ['GBX_KAFKA_TLS', 'GBX_KAFKA_TLS=on'] });
  });
});
