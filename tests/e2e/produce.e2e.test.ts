// Contract: `gbx produce` sends a known load into Kafka or through serve, says honestly what became of it (report, exit code,
// manifest), and what it writes down is what stands in the topic and, after `gbx consume`, in the table: each once.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseManifest } from '../../src/core/traffic/manifest.ts';
import { compareSent } from '../../src/core/verify/compare.ts';
import { openPipeline, readRows } from '../support/pipeline.ts';
import { startGbx, startProcess, type TestProcess } from '../support/process.ts';
import { startServe } from '../support/serving.ts';
import { createTopic, testStack } from '../support/stack.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { readTopic } from '../support/topic-log.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gbx-produce-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Target {
  readonly brokers?: string;
  readonly topic?: string;
}

function start(args: readonly string[], { brokers = testStack().brokers, topic = 'exposures' }: Target = {}): Promise<TestProcess> {
  return startGbx(['produce', ...args], { cwd: folder, env: { KAFKA_BOOTSTRAP_SERVERS: brokers, GBX_TOPIC: topic } });
}

async function produce(args: readonly string[], target: Target = {}) {
  await using child = await start(args, target);
  const { code } = await child.exit({ timeoutMs: 40_000 });
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

const manifestOf = (name: string) => parseManifest(readFileSync(join(folder, name), 'utf8'));
const count = async (topic: string): Promise<number> => (await readTopic({ brokers: testStack().brokers, topic })).length;

describe('gbx produce sends nothing', () => {
  test.each([
    [['--rate', '0'], '--rate'],
    [['--threshold', 'p99<fast'], '--threshold'],
    [['--stage', '100/s'], '--stage'],
    [['--url', 'localhost:8000'], '--url'],
    [['--brokers', 'kafka-1.example.com:9092'], '--confirm exposures'],
    [['--url', 'https://exposures.example.com', '--confirm', 'exposures'], '--confirm exposures.example.com'],
    [['--file', 'no-such-file'], 'no-such-file'],
  ])('for %j: exit 2, and what to give instead', async (args, named) => {
    const { code, stdout, stderr } = await produce(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(named);
  });

  test('where there is no topic, no broker or no serve', async () => {
    expect(await produce(['--count', '1'], { topic: 'no-such-topic' })).toMatchObject({ code: 78, stdout: '' });
    await using proxy = await openTcpProxy({ target: { host: '127.0.0.1', port: 1 } });
    await proxy.refuse();
    expect(await produce(['--count', '1'], { brokers: `127.0.0.1:${proxy.port}` })).toMatchObject({ code: 69, stdout: '' });
    const { code, stdout, stderr } = await produce(['--count', '1', '--url', `http://127.0.0.1:${proxy.port}`, '--json']);
    expect(code).toBe(69);
    expect(JSON.parse(stdout)).toMatchObject({ schema: 'gbx.error/1', error: { code: 'GBX_SERVE_UNREACHABLE' } });
    expect(stderr).toContain('ECONNREFUSED');
  });

  test('of a file with a wrong line in it, and names the line', async () => {
    const topic = await createTopic();
    const good = '{"ds_user_id":"u","experiment_id":"e","variation_id":"v"}\n';
    writeFileSync(join(folder, 'lines'), `${good}${good}{"ds_user_id":"u"}\n`);
    const { code, stderr } = await produce(['--file', 'lines'], { topic });
    expect(code).toBe(65);
    expect(stderr).toContain('line 3 experiment_id is required');
    expect(stderr).toContain('nothing was sent');
    expect(await count(topic)).toBe(0);
  });

  test('with --dry-run, which needs no broker, and prints what it would send, the same for the same seed', async () => {
    const args = [
      '--dry-run',
      '--count',
      '50',
      '--seed',
      's',
      '--run-id',
      'r',
      '--duplicates',
      '10%',
      '--url',
      'https://exposures.example.com',
    ];
    const [one, other] = [await produce(args), await produce(args)];
    expect(one.code).toBe(0);
    const exposures = (text: string): unknown[] =>
      text
        .trim()
        .split('\n')
        .map((line) => ({ ...JSON.parse(line), timestamp: 0 }));
    expect(exposures(one.stdout)).toEqual(exposures(other.stdout));
    expect(exposures(one.stdout)).toHaveLength(50);
    expect(one.stderr).toContain('none was sent');
  });
});

describe('gbx produce tells what it sent', () => {
  test('when stdin is not NDJSON: the lines before, and the line at fault', async () => {
    const topic = await createTopic();
    await using child = await start(['--file', '-', '--json'], { topic });
    child.write('{"ds_user_id":"u","experiment_id":"e","variation_id":"v"}\nuser,experiment,variation\n');
    expect((await child.exit()).code).toBe(65);
    expect(child.stderr()).toContain('line 2 is not JSON');
    expect(JSON.parse(child.stdout())).toMatchObject({
      verdict: 'failed',
      error: { code: 'GBX_INPUT_INVALID' },
      counts: { sent: 1, ok: 1 },
    });
    expect(await count(topic)).toBe(1);
  });

  test('when its target goes away in the midst: exit 69, and a manifest that claims no more than is known', async () => {
    const topic = await createTopic();
    // A broker names its own address to its clients, past any proxy: so it is serve that goes away.
    await using serve = await startServe({ brokers: testStack().brokers, topic });
    await using front = await openTcpProxy({ target: { host: '127.0.0.1', port: Number(new URL(serve.url).port) } });
    const args = ['--url', `http://127.0.0.1:${front.port}`, '--rate', '500/s', '--duration', '30s', '--retry-for', '2s'];
    await using child = await start([...args, '--manifest', 'm', '--json']);
    await expect.poll(() => count(topic), { timeout: 20_000 }).toBeGreaterThan(100);
    await front.refuse();
    front.cut();
    expect((await child.exit({ timeoutMs: 30_000 })).code).toBe(69);
    const report = JSON.parse(child.stdout());
    expect(report).toMatchObject({ verdict: 'failed', error: { code: 'GBX_SERVE_UNREACHABLE' }, trusted: false });
    expect(report.counts.failed + report.counts.unknown).toBeGreaterThan(0);
    await expectHonest('m', topic);
  });

  test('when it is interrupted: exit 130, a report, and a manifest that is whole', async () => {
    const topic = await createTopic();
    await using child = await start(['--rate', '300/s', '--duration', '1h', '--manifest', 'm', '--json'], { topic });
    await expect.poll(() => count(topic), { timeout: 20_000 }).toBeGreaterThan(50);
    child.signal('SIGINT');
    expect((await child.exit()).code).toBe(130);
    const report = JSON.parse(child.stdout());
    expect(report).toMatchObject({ verdict: 'interrupted', counts: { failed: 0, unknown: 0 } });
    expect(report.counts.ok).toBe(await count(topic));
    await expectHonest('m', topic);
  });

  test('when a pipe is silent and it is interrupted: at once', async () => {
    const topic = await createTopic();
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const line = '{"ds_user_id":"u","experiment_id":"e","variation_id":"v"}';
    await using _writer = await startProcess('sh', ['-c', `exec > pipe; echo '${line}'; exec sleep 60`], { cwd: folder });
    await using child = await start(['--file', 'pipe'], { topic });
    await expect.poll(() => count(topic), { timeout: 20_000 }).toBe(1);
    child.signal('SIGINT');
    expect((await child.exit({ timeoutMs: 4_000 })).code).toBe(130);
  });

  test('when stdin is silent and it is interrupted: at once', async () => {
    const topic = await createTopic();
    await using child = await start(['--file', '-'], { topic });
    child.write('{"ds_user_id":"u","experiment_id":"e","variation_id":"v"}\n');
    await expect.poll(() => count(topic), { timeout: 20_000 }).toBe(1);
    child.signal('SIGINT');
    expect((await child.exit({ timeoutMs: 4_000 })).code).toBe(130);
    expect(child.stderr()).not.toContain('held open');
  });
});

describe('gbx produce', () => {
  test('sends as many as it should, at their rate, with key, header and time, and judges thresholds', async () => {
    const topic = await createTopic();
    const args = ['--rate', '1000/s', '--count', '2k', '--run-id', 'run-1', '--json', '--threshold', 'errors<=0%,rate>1000000'];
    const { code, stdout } = await produce(args, { topic });
    expect(code).toBe(1);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ schema: 'gbx.produce/1', verdict: 'done', runId: 'run-1', counts: { sent: 2000, ok: 2000 } });
    expect(report.thresholds.map((one: { reached: boolean }) => one.reached)).toEqual([true, false]);
    expect(report.durationMs).toBeGreaterThan(1_900);
    const records = await readTopic({ brokers: testStack().brokers, topic });
    expect(records).toHaveLength(2000);
    for (const { key, value, headers, timestampMs } of records) {
      const exposure = JSON.parse(String(value));
      expect(String(key)).toBe(exposure.ds_user_id);
      expect(headers).toEqual({ 'gbx-run-id': 'run-1' });
      expect(timestampMs).toBeGreaterThanOrEqual(Date.parse(exposure.timestamp));
    }
  });

  test('sends a file, its wrong lines left out where that is wanted', async () => {
    const topic = await createTopic();
    const lines = Array.from({ length: 500 }, (_, i) => `{"ds_user_id":${i},"experiment_id":"e","variation_id":"v"}`);
    writeFileSync(join(folder, 'lines'), [...lines, '', 'no', '{}'].join('\r\n'));
    const { code, stdout, stderr } = await produce(['--file', 'lines', '--skip-invalid', '--json'], { topic });
    expect({ code, report: JSON.parse(stdout) }).toMatchObject({ code: 0, report: { counts: { sent: 500, ok: 500 }, skippedLines: 2 } });
    expect(stderr).toContain('line 502 left out: it is not JSON');
    expect(await count(topic)).toBe(500);
  });

  test('sends what a pipe holds: it can be read but once', async () => {
    const topic = await createTopic();
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const line = '{"ds_user_id":"u","experiment_id":"e","variation_id":"v"}';
    await using writer = await startProcess('sh', ['-c', `for i in 1 2 3; do echo '${line}'; done > pipe`], { cwd: folder });
    const { code, stdout } = await produce(['--file', 'pipe', '--json'], { topic });
    expect({ code, report: JSON.parse(stdout) }).toMatchObject({ code: 0, report: { counts: { sent: 3, ok: 3 } } });
    expect((await writer.exit()).code).toBe(0);
    expect(await count(topic)).toBe(3);
  });

  test('sends trouble through serve, which refuses what is malformed: that is as it should be', async () => {
    const topic = await createTopic();
    await using serve = await startServe({ brokers: testStack().brokers, topic });
    for (const batch of ['1', '50']) {
      const trouble = ['--duplicates', '5%', '--late', '5%', '--malformed', '5%', '--batch', batch];
      const { code, stdout } = await produce([
        '--url',
        serve.url,
        '--rate',
        'max',
        '--count',
        '400',
        ...trouble,
        '--manifest',
        'm',
        '--json',
      ]);
      const { counts } = JSON.parse(stdout);
      expect({ code, ...counts }).toMatchObject({
        code: 0,
        sent: 400,
        failed: 0,
        unknown: 0,
        refused: 0,
        refusedAsMeant: counts.malformed,
      });
      expect(counts.malformed).toBeGreaterThan(10);
      expect(manifestOf('m').sent.filter(({ outcome }) => outcome === 'ok')).toHaveLength(400 - counts.malformed - counts.copies);
    }
  });

  test('writes a manifest that the table agrees with: each once, duplicates and malformed ones not', async () => {
    await using pipeline = await openPipeline();
    await using consumer = await pipeline.consumer();
    await consumer.line('partitions.claimed');
    const trouble = ['--duplicates', '10%', '--late', '10%:3h', '--malformed', '5%'];
    const { code } = await produce(['--rate', 'max', '--count', '3000', ...trouble, '--manifest', 'm'], pipeline);
    expect(code).toBe(0);
    const { sent } = manifestOf('m');
    const wanted = sent.filter(({ outcome }) => outcome === 'ok').length;
    await pipeline.until('all in the table', async () => (await pipeline.count()) >= wanted);
    const rows = (await readRows(pipeline.database)).map((row) => ({ ...row, createdAtMicros: 0 }));
    const comparison = compareSent(sent, rows);
    expect({ ...comparison, loaded: comparison.loaded.length }).toEqual({
      loaded: wanted,
      missing: [],
      doubled: [],
      altered: [],
      unexpected: [],
      unknownAbsent: [],
    });
    expect(await pipeline.count()).toBe(wanted);
  });
});

/** What the manifest calls ok stands in the topic, what it calls refused does not, and nothing stands there that it does not list. */
async function expectHonest(manifest: string, topic: string): Promise<void> {
  const { sent } = manifestOf(manifest);
  const records = await readTopic({ brokers: testStack().brokers, topic });
  const stored = new Set(records.map(({ value }) => String(JSON.parse(String(value)).exposure_id)));
  const outcomes = new Map(sent.map(({ exposureId, outcome }) => [exposureId, outcome]));
  expect(sent.filter(({ exposureId, outcome }) => outcome === 'ok' && !stored.has(exposureId))).toEqual([]);
  expect([...stored].filter((id) => (outcomes.get(id) ?? 'refused') === 'refused')).toEqual([]);
}
