// Contract: `gbx smoke` says whether what a running serve accepts arrives in the warehouse, once and unaltered: exit 0 when
// it does, 1 with the exposures at fault, 69 when serve or the warehouse is not there, 124 when nothing came in time.
// Faults are made in the database itself, by triggers.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseManifest } from '../../src/core/traffic/manifest.ts';
import { openPipeline, type Pipeline } from '../support/pipeline.ts';
import { startGbx } from '../support/process.ts';
import { type Serving, startServe } from '../support/serving.ts';

interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function smoke(pipeline: Pipeline, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Answer> {
  await using child = await startGbx(['smoke', ...args], { cwd: tmpdir(), env: { ...pipeline.env, ...env } });
  const { code } = await child.exit({ timeoutMs: 50_000 });
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

function serveOf({ brokers, topic }: Pipeline): Promise<Serving> {
  return startServe({ brokers, topic });
}

/** Runs on the rows of one exposure out of twenty, the fourth, as soon as they are inserted. */
async function onFourth({ database }: Pipeline, action: string): Promise<void> {
  await database.query(`CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${action}; RETURN NULL; END $$`);
  await database.query(
    `CREATE TRIGGER fault AFTER INSERT ON growthbook.experiment_exposures FOR EACH ROW
      WHEN (NEW.exposure_id LIKE '%-3' AND pg_trigger_depth() = 0) EXECUTE FUNCTION fault()`,
  );
}

describe('gbx smoke without a pipeline behind it', () => {
  test('ends with 2 for an address that is none, and with 69 when nothing listens there, after seconds', async () => {
    await using pipeline = await openPipeline();
    expect(await smoke(pipeline, ['--url', 'localhost:8000'])).toMatchObject({ code: 2, stdout: '' });

    const serve = await serveOf(pipeline);
    await serve[Symbol.asyncDispose]();
    const { code, stdout, stderr } = await smoke(pipeline, ['--url', serve.url]);
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toContain('ECONNREFUSED [GBX_SERVE_UNREACHABLE]');
  });

  test('ends with 69 when the warehouse is not there, and has posted nothing', async () => {
    await using pipeline = await openPipeline();
    await using serve = await serveOf(pipeline);
    const { code, stdout } = await smoke(pipeline, ['--url', serve.url, '--json'], { DB_PORT: '1' });
    expect(code).toBe(69);
    expect(JSON.parse(stdout)).toMatchObject({ schema: 'gbx.error/1', error: { code: 'GBX_WAREHOUSE_UNREACHABLE' } });
    expect((await (await fetch(`${serve.url}/metrics`)).text()).match(/^gbx_exposures_accepted_total (\d+)/mu)?.[1] ?? '0').toBe('0');
  });

  test('ends with 124 when nothing is loaded in time', async () => {
    await using pipeline = await openPipeline();
    await using serve = await serveOf(pipeline);
    const { code, stdout } = await smoke(pipeline, ['--url', serve.url, '--timeout', '2', '--json']);
    expect(code).toBe(124);
    expect(JSON.parse(stdout)).toMatchObject({ schema: 'gbx.smoke/1', verdict: 'timeout', accepted: 20, loaded: 0 });
  });
});

describe('gbx smoke finds, and ends with 1 for', () => {
  test.each([
    ['missing', 'DELETE FROM growthbook.experiment_exposures WHERE exposure_id = NEW.exposure_id'],
    ['doubled', 'INSERT INTO growthbook.experiment_exposures SELECT NEW.*'],
    ['altered', "UPDATE growthbook.experiment_exposures SET source = 'x', ts = ts + interval '1 us' WHERE exposure_id = NEW.exposure_id"],
  ])('what is %s', async (what, action) => {
    await using pipeline = await openPipeline();
    await onFourth(pipeline, action);
    await using serve = await serveOf(pipeline);
    await using _consumer = await pipeline.consumer();
    const { code, stdout } = await smoke(pipeline, ['--url', serve.url, '--timeout', '12', '--json']);
    expect(code).toBe(1);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ verdict: 'failed', accepted: 20, loaded: 19 });
    const found = { missing: document.missing, doubled: document.doubled, altered: document.altered };
    const id = expect.stringMatching(/-3$/u);
    expect(found).toEqual({
      missing: what === 'missing' ? [id] : [],
      doubled: what === 'doubled' ? [{ exposureId: id, rows: 2 }] : [],
      altered: what === 'altered' ? [{ exposureId: id, fields: ['timestamp', 'source'] }] : [],
    });
  });
});

test('gbx smoke ends with 0 when all is right, tells the times, and writes down what it sent', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gbx-smoke-'));
  try {
    await using pipeline = await openPipeline();
    await using serve = await serveOf(pipeline);
    await using _consumer = await pipeline.consumer();
    const file = join(folder, 'manifest.ndjson');
    const { code, stdout, stderr } = await smoke(pipeline, ['--url', serve.url, '--count', '30', '--manifest', file]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^run smoke-\d{8}T\d{6}Z-[0-9a-f]{8}: 30 exposures to http:/u);
    expect(stdout).toMatch(/accepted +30 of 30 +p50 [\d.]+ m?s +p99 [\d.]+ m?s/u);
    expect(stdout).toMatch(/loaded +30 of 30 +p50 [\d.]+ m?s +p99 [\d.]+ m?s/u);
    expect(stdout).toContain('✓ each is in the warehouse, once, with the same content');
    expect(await pipeline.count()).toBe(30);
    const { sent } = parseManifest(await readFile(file, 'utf8'));
    expect(sent.filter(({ outcome }) => outcome === 'ok')).toHaveLength(30);
  } finally {
    await rm(folder, { recursive: true });
  }
});
