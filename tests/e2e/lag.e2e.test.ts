// Contract: `gbx lag` says how far a real consumer is behind, by the ledger where there is a warehouse, in one line a
// partition, and in forms for programs that all say the same; its exit code answers a check: 0 within the limits, 1 beyond
// one, 69 where it cannot tell, 78 for what does not exist, 124 when a wait was in vain.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Env, openPipeline, type Pipeline } from '../support/pipeline.ts';
import { startGbx } from '../support/process.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { commitOffsets, writeRecords } from '../support/topic-log.ts';

interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function lag({ env }: { readonly env: Env }, ...args: readonly string[]): Promise<Answer> {
  await using child = await startGbx(['lag', ...args], { cwd: tmpdir(), env });
  const { code } = await child.exit({ timeoutMs: 50_000 });
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

/** The same pipeline, with Kafka alone. */
function withoutWarehouse({ env }: Pipeline): { readonly env: Env } {
  return { env: Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('DB_'))) };
}

async function schema(): Promise<z.ZodType> {
  return z.fromJSONSchema(JSON.parse(await readFile(new URL('../../docs/lag.schema.json', import.meta.url), 'utf8')));
}

async function commit(pipeline: Pipeline, offsets: readonly (readonly [number, bigint])[]): Promise<void> {
  await commitOffsets({ brokers: pipeline.brokers, topic: pipeline.topic }, { group: pipeline.group, offsets: new Map(offsets) });
}

describe('gbx lag where something is missing', () => {
  test('ends with 2 for a flag that would say nothing, before it connects to anything', async () => {
    const env = { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' };
    for (const flag of ['--interval', '--timeout', '--stable-for']) {
      expect(await lag({ env }, flag, '1s')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(`${flag} alone`) });
    }
  });

  test('ends with 69, 78 and 78 without brokers that answer, for an unknown topic and for an unknown group', async () => {
    await using pipeline = await openPipeline();
    const kafka = withoutWarehouse(pipeline);
    const away = await lag({ env: { ...kafka.env, KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' } }, '--json');
    expect(away.code).toBe(69);
    expect(JSON.parse(away.stdout)).toMatchObject({ error: { code: 'GBX_KAFKA_UNREACHABLE' } });
    expect(await lag(kafka, '--topic', `none-${randomUUID()}`)).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('[GBX_TOPIC_MISSING]'),
    });
    expect(await lag(kafka)).toMatchObject({ code: 78, stdout: '', stderr: expect.stringContaining('[GBX_GROUP_MISSING]') });
  });

  test('goes on by the group when the warehouse is away, and says so; but a check of freshness has no answer then', async () => {
    await using pipeline = await openPipeline();
    await commit(pipeline, [[0, 0n]]);
    const away = { env: { ...pipeline.env, DB_PORT: '1' } };
    const { code, stdout } = await lag(away);
    expect(code).toBe(0);
    expect(stdout).toContain('! lag is by the group alone: cannot read the ledger');
    expect(await lag(away, '--max-freshness', '1h')).toMatchObject({
      code: 69,
      stderr: expect.stringContaining('[GBX_WAREHOUSE_UNREACHABLE]'),
    });
    expect(await lag(withoutWarehouse(pipeline), '--max-freshness', '1h')).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('DB_HOST'),
    });
  });

  test('ends with 2 for a partition that there is not, and for flags that contradict each other', async () => {
    await using pipeline = await openPipeline();
    await commit(pipeline, [[0, 0n]]);
    expect((await lag(withoutWarehouse(pipeline), '--explain', '7')).code).toBe(2);
    expect((await lag(withoutWarehouse(pipeline), '--watch', '--wait')).code).toBe(2);
  });
});

describe('gbx lag with Kafka alone', () => {
  test('shows a line a partition, ages as they are, and the same numbers in every form', async () => {
    await using pipeline = await openPipeline({ partitions: 3 });
    const kafka = withoutWarehouse(pipeline);
    const nowMs = Date.now();
    const records = [250, 200, 100].map((seconds) => ({ partition: 1, key: 'k', value: 'v', timestampMs: nowMs - seconds * 1000 }));
    await writeRecords({ brokers: pipeline.brokers, topic: pipeline.topic }, records);
    await writeRecords({ brokers: pipeline.brokers, topic: pipeline.deadLetterTopic }, [
      { partition: 0, key: 'k', value: 'v', timestampMs: nowMs - 180_000 },
    ]);
    await commit(pipeline, [
      [0, 0n],
      [1, 1n],
      [2, 0n],
    ]);

    const { code, stdout } = await lag(kafka, '--json');
    expect(code).toBe(0);
    const document = JSON.parse(stdout);
    expect((await schema()).parse(document)).toEqual(document);
    expect(document).toMatchObject({
      schema: 'gbx.lag/1',
      ok: true,
      group: { name: pipeline.group, state: 'Empty', members: 0 },
      topic: { timestampType: 'CreateTime' },
      total: { lag: 2, groupLag: 2, worstPartition: 1 },
      deadLetters: { records: 1 },
      table: null,
      warehouse: { state: 'off' },
    });
    const [, one] = document.partitions;
    expect(one).toMatchObject({
      partition: 1,
      committed: 1,
      loaded: null,
      position: 1,
      logEnd: 3,
      lag: 2,
      by: 'group',
      verdict: 'UNKNOWN',
    });
    expect(one.behind.seconds).toBeGreaterThan(199);
    expect(one.behind.seconds).toBeLessThan(225);
    expect(document.deadLetters.newestAgeSeconds).toBeGreaterThan(179);

    const table = (await lag(kafka)).stdout;
    expect(table).toMatch(/^ *PART +COMMITTED +END +LAG +BEHIND/mu);
    expect(table).toMatch(/^ +1 +1 +3 +2 +3m\d\ds +- +- +- +\?/mu);
    expect(table).toMatch(/^total +2 +3m\d\ds/mu);
    expect(table).toContain('it has no members');
    const csv = (await lag(kafka, '--output', 'csv', '--sort', 'lag')).stdout.trimEnd().split('\n');
    expect(csv[1]).toContain(`${pipeline.group},${pipeline.topic},1,0,3,1,,1,group,2,2,0,`);
    expect((await lag(kafka, '--output', 'prometheus')).stdout).toContain(
      `gbx_lag_records{group="${pipeline.group}",topic="${pipeline.topic}",partition="1"} 2\n`,
    );
    expect(JSON.parse((await lag(kafka, '--output', 'ndjson', '--only-lagging')).stdout).partitions).toHaveLength(1);
  });

  test('answers checks by its exit code', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    const kafka = withoutWarehouse(pipeline);
    const nowMs = Date.now();
    const records = [90, 60, 30].map((seconds) => ({ partition: 0, key: 'k', value: 'v', timestampMs: nowMs - seconds * 1000 }));
    await writeRecords({ brokers: pipeline.brokers, topic: pipeline.topic }, records);
    await commit(pipeline, [[0, 1n]]);
    const codes = async (...args: readonly string[]): Promise<number | null> => (await lag(kafka, ...args)).code;
    expect(await codes('--max-lag', '2', '--max-partition-lag', '2', '--max-dlq', '0')).toBe(0);
    expect(await codes('--max-lag', '1')).toBe(1);
    expect(await codes('--max-lag-seconds', '59')).toBe(1);
    expect(await codes('--max-lag-seconds', '3600')).toBe(0);
    expect(await codes('--fail-on', 'error', '--sample', '2s', '--stall-after', '1s')).toBe(1);
    const { stdout } = await lag(kafka, '--sample', '2s', '--stall-after', '1s', '--explain', '0');
    expect(stdout).toMatch(/p0: ■ STOP\n {2}because it has lag and has not moved for/u);
    expect(await lag(kafka, '--explain', '0', '--max-lag', '1')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^✗ --max-lag 1: 2$/mu),
    });
    const explained = await lag(kafka, '--explain', '0', '--max-lag', '1', '--json');
    expect({ code: explained.code, ...JSON.parse(explained.stdout) }).toMatchObject({
      code: 1,
      ok: false,
      breaches: [{ rule: 'max-lag', actual: 2 }],
    });
    expect(await codes('--explain', '0', '--max-lag', '2')).toBe(0);
    expect(stdout.match(/^ {2}\d\d:\d\d:\d\d\.\d{3} +1 +3 +2/gmu)?.length).toBe(5);
    const { code, stdout: report } = await lag(kafka, '--wait', '--timeout', '1s', '--json');
    expect({ code, ok: JSON.parse(report).ok }).toEqual({ code: 124, ok: false });
  });

  test('gives a wait up in time: against a broker that is frozen, and for a group or topic that does not come', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    const { env } = withoutWarehouse(pipeline);
    const [host = '', port = ''] = pipeline.brokers.split(':');
    await using frozen = await openTcpProxy({ target: { host, port: Number(port) } });
    frozen.blackHole();
    const startedMs = performance.now();
    const hung = await lag({ env: { ...env, KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:${frozen.port}` } }, '--wait', '--timeout', '1s');
    expect(hung).toMatchObject({
      code: 124,
      stdout: '',
      stderr: expect.stringContaining('Waited 1s in vain: Kafka has not answered yet [GBX_WAIT_OVER]'),
    });
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(hung.stderr).not.toContain('held open');
    const group = await lag({ env }, '--wait', '--timeout', '2s', '--json');
    expect(group.code).toBe(124);
    expect(JSON.parse(group.stdout)).toMatchObject({
      error: { code: 'GBX_WAIT_OVER', exitCode: 124, message: expect.stringContaining('knows no group') },
    });
    expect(await lag({ env }, '--wait', '--timeout', '2s', '--topic', `none-${randomUUID()}`)).toMatchObject({ code: 124 });
  });

  test('prints one line a look while it watches', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    await commit(pipeline, [[0, 0n]]);
    await using lines = await startGbx(['lag', '--watch', '--interval', '100ms'], { cwd: tmpdir(), env: withoutWarehouse(pipeline).env });
    await lines.line(/^\d\d:\d\d:\d\d lag=0 behind=0 in=0\/s out=0\/s dlq=0 OK$/u);
    lines.signal('SIGINT');
    expect((await lines.exit()).code).toBe(130);
    await using broken = await startGbx(['lag', '--watch', '--interval', '100ms', '--max-lag-seconds', '5', '--max-dlq', '0'], {
      cwd: tmpdir(),
      env: withoutWarehouse(pipeline).env,
    });
    await broken.line(/ OK$/u);
    await writeRecords({ brokers: pipeline.brokers, topic: pipeline.deadLetterTopic }, [{ partition: 0, key: 'k', value: 'v' }]);
    await broken.line(/ OK ✗ --max-dlq 0: 1$/u);
    broken.signal('SIGTERM');
    await broken.exit();
    await using json = await startGbx(['lag', '--watch', '--interval', '100ms', '--json'], {
      cwd: tmpdir(),
      env: withoutWarehouse(pipeline).env,
    });
    expect(JSON.parse(await json.line(/"inPerSecond":0/u))).toMatchObject({ schema: 'gbx.lag/1' });
    json.signal('SIGTERM');
    await json.exit();
  });
});

describe('gbx lag with a warehouse', () => {
  test('waits until a real consumer has loaded all, and tells ledger, group and freshness', async () => {
    await using pipeline = await openPipeline({ partitions: 2 });
    await pipeline.send(300);
    await using waiting = await startGbx(['lag', '--wait', '--stable-for', '500ms', '--timeout', '45s', '--json'], {
      cwd: tmpdir(),
      env: pipeline.env,
    });
    await using _consumer = await pipeline.consumer();
    const { code } = await waiting.exit({ timeoutMs: 50_000 });
    const document = JSON.parse(waiting.stdout());
    expect((await schema()).parse(document)).toEqual(document);
    expect({ code, lag: document.total.lag, warehouse: document.warehouse.state }).toEqual({ code: 0, lag: 0, warehouse: 'read' });
    expect(document.partitions.every((one: { by: string }) => one.by === 'ledger')).toBe(true);
    expect(await pipeline.count()).toBe(300);
    expect(document.table.loadDelay.rows).toBeGreaterThan(0);

    const { stdout } = await lag(pipeline);
    expect(stdout).toMatch(/^ *PART +LEDGER +END +LAG/mu);
    expect(stdout).toMatch(/^table +newest row .* old, load delay p50 /mu);
    expect(stdout).toMatch(/^total +0 +0 .*● OK/mu);
  });

  test('goes by the ledger where the group says otherwise, and shows both', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    await pipeline.send(50);
    const consumer = await pipeline.consumer();
    await pipeline.untilLoaded();
    consumer.signal('SIGTERM');
    await consumer.exit();
    await commit(pipeline, [[0, 20n]]);
    const document = JSON.parse((await lag(pipeline, '--json')).stdout);
    expect(document.total).toMatchObject({ lag: 0, groupLag: 30 });
    expect((await lag(pipeline)).stdout).toMatch(/^ *PART +LEDGER +COMMITTED +END +LAG +GROUP-LAG/mu);
    expect(JSON.parse((await lag(pipeline, '--json', '--by', 'group')).stdout).total).toMatchObject({ lag: 30, groupLag: 30 });
  });
});
