// Contract: `gbx replay` says what is in its way and changes nothing then: no broker, no topic, no rights to anything that is
// gone, expired or made anew, a plan that is torn, another run. An edited payload is held against what consume takes, line by
// line, and keeps its id. A range of the topic is loaded again as far as the table lacks it.
import { randomUUID } from 'node:crypto';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { userCacheDir } from '../../src/dev/kafka-jars.ts';
import { openKafka } from '../../src/dev/kafka-server.ts';
import { freePorts } from '../../src/dev/ports.ts';
import { eventually } from '../support/eventually.ts';
import { openKafkaProxy, TOPIC_AUTHORIZATION_FAILED } from '../support/kafka-proxy.ts';
import { openPipeline, otherTraffic, recordOf } from '../support/pipeline.ts';
import { startGbx } from '../support/process.ts';
import { replay, replayJson, writeLetters } from '../support/replaying.ts';
import { expireRecords, readTopic, remakeTopic } from '../support/topic-log.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gbx-replay-'));
});
afterAll(() => rm(folder, { recursive: true }));
const ownFolder = (): Promise<string> => mkdtemp(join(folder, 'own-'));

const QUICK = { MAX_RETRIES: '0', GBX_BATCH_ROWS_MAX: '16000' };
const AT_ONCE = ['--canary', '0', '--wait', '0'];

describe('gbx replay refuses', () => {
  test('what is wrong to say: 2; no broker: 69; no topic: 78; a plan that is torn: 65; a table that it cannot ask: 2', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    const at = { folder: await ownFolder() };
    for (const args of [
      ['run'],
      ['list', '0/1'],
      ['list', '--since', 'lately'],
      ['plan', '--offset', 'x'],
      ['plan', '--rate', '5/s'],
      ['inspect', 'x y'],
      ['run', 'none'],
    ])
      expect({ args, ...(await replay(pipeline, args, at)) }).toMatchObject({ args, code: 2, stdout: '' });
    expect(await replay(pipeline, ['stats'], { ...at, env: { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' } })).toMatchObject({ code: 69 });
    const none = await replayJson(pipeline, ['stats'], { ...at, env: { GBX_DEAD_LETTER_TOPIC: `t-${randomUUID()}` } });
    expect(none).toMatchObject({ code: 78, document: { error: { code: 'GBX_TOPIC_MISSING' } } });
    await writeLetters(pipeline, 3);
    const plan = join(at.folder, 'p');
    expect(await replay(pipeline, ['plan', '--plan', plan], at)).toMatchObject({ code: 0 });
    expect(await replay(pipeline, ['plan', '--plan', plan], at)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('stands there'),
    });
    const noTable = { ...at, env: { DB_HOST: '' } };
    expect(await replay(pipeline, ['run', plan, '--execute'], noTable)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--canary 0'),
    });
    const whole = await readFile(plan, 'utf8');
    for (const text of [whole.slice(0, -70), whole.replace('"replays":0', '"replays":7'), 'hello\n', '']) {
      await writeFile(join(at.folder, 'torn'), text);
      expect(await replay(pipeline, ['run', join(at.folder, 'torn')], at)).toMatchObject({
        code: 65,
        stderr: expect.stringContaining('plan'),
      });
    }
  });

  test('a second replay beside the first, naming it; and one that was cancelled', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    const at = { folder: await ownFolder() };
    await writeLetters(pipeline, 400);
    const { document: first } = await replayJson(pipeline, ['plan'], at);
    const { document: second } = await replayJson(pipeline, ['plan', '--limit', '5'], at);
    await using running = await startGbx(['replay', 'run', first.id, '--execute', '--rate', '20', ...AT_ONCE], {
      cwd: at.folder,
      env: pipeline.env,
    });
    await eventually('the first to run', async () => (await replay(pipeline, ['status'], at)).stdout.includes('running'), {
      timeoutMs: 20_000,
    });
    const refused = await replay(pipeline, ['run', second.id, '--execute', ...AT_ONCE], at);
    expect(refused).toMatchObject({ code: 75, stderr: expect.stringContaining(first.id) });
    // With a folder of plans of its own, by the path of the plan: its journal is the one that is being written.
    const path = join(at.folder, '.gbx/replay', `${first.id}.plan`);
    const elsewhere = await replay(pipeline, ['resume', path, ...AT_ONCE], { folder: await ownFolder() });
    expect(elsewhere).toMatchObject({ code: 75, stderr: expect.stringContaining(first.id) });
    expect(await replay(pipeline, ['cancel', first.id], at)).toMatchObject({ code: 0 });
    expect(await running.exit()).toMatchObject({ code: 1 });
    expect(running.stdout()).toContain('- cancelled');
    expect(await replay(pipeline, ['resume', first.id, ...AT_ONCE], at)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('cancelled'),
    });
    const sent = (await readTopic(pipeline)).length;
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(400);
    // A signal ends the batch that is under way, and says how to go on.
    await using stopped = await startGbx(['replay', 'run', second.id, '--execute', '--rate', '1', ...AT_ONCE], {
      cwd: at.folder,
      env: pipeline.env,
    });
    await eventually('a batch in the journal', async () =>
      (await readFile(join(at.folder, '.gbx/replay', `${second.id}.plan.journal`), 'utf8')).includes('sent'),
    );
    stopped.signal('SIGTERM');
    expect(await stopped.exit()).toMatchObject({ code: 143 });
  });

  test('what the broker does not allow: 77; and goes on once it does', async () => {
    const dataDir = await mkdtemp(join(folder, 'broker-'));
    const [port = 0] = await freePorts(1);
    await using proxy = await openKafkaProxy({ target: { host: '127.0.0.1', port } });
    await using kafka = await openKafka({ dataDir, cacheDir: userCacheDir(), ports: { plaintext: port }, advertisedPort: proxy.port });
    await using pipeline = await openPipeline({ brokers: kafka.brokers, partitions: 1 });
    const at = { folder: await ownFolder() };
    await writeLetters(pipeline, 5);
    const { document: plan } = await replayJson(pipeline, ['plan'], at);
    const refused = {
      code: 77,
      document: { error: { code: 'GBX_KAFKA_AUTH', message: expect.stringContaining('TOPIC_AUTHORIZATION_FAILED') } },
    };
    proxy.refuseFetch(TOPIC_AUTHORIZATION_FAILED);
    for (const args of [['stats'], ['list'], ['plan'], ['inspect', '0/0'], ['run', plan.id, '--execute', ...AT_ONCE]])
      expect({ args, ...(await replayJson(pipeline, args, at)) }).toMatchObject({ args, ...refused });
    proxy.refuseFetch(undefined);
    proxy.refuseProduce(TOPIC_AUTHORIZATION_FAILED);
    const write = await replayJson(pipeline, ['resume', plan.id, ...AT_ONCE], at);
    expect(write).toMatchObject({ code: 77, document: { error: { code: 'GBX_KAFKA_AUTH' } } });
    expect(await replayJson(pipeline, ['status'], at)).toMatchObject({ document: { plans: [{ state: 'interrupted', done: 0 }] } });
    proxy.refuseProduce(undefined);
    expect(await replayJson(pipeline, ['resume', plan.id, ...AT_ONCE], at)).toMatchObject({
      code: 0,
      document: { verdict: 'sent', sent: 5 },
    });
  });

  test('records that have expired, naming them, and does the rest: 1; a topic that was made anew: 78', async () => {
    await using pipeline = await openPipeline({ partitions: 1, env: QUICK });
    const at = { folder: await ownFolder() };
    await writeLetters(pipeline, 10);
    await using _consumer = await pipeline.consumer();
    const { document: plan } = await replayJson(pipeline, ['plan'], at);
    const { document: other } = await replayJson(pipeline, ['plan'], at);
    const letters = { brokers: pipeline.brokers, topic: pipeline.deadLetterTopic };
    await expireRecords(letters, new Map([[0, 4n]]));
    const gone = ['0/0', '0/1', '0/2', '0/3'];
    expect(await replayJson(pipeline, ['run', plan.id], at)).toMatchObject({ code: 1, document: { verdict: 'not_executed', gone } });
    const done = await replayJson(pipeline, ['run', plan.id, '--execute'], at);
    expect(done).toMatchObject({ code: 1, document: { verdict: 'incomplete', sent: 6, loaded: 6, gone } });
    await remakeTopic(letters, { partitions: 1 });
    const changed = await replayJson(pipeline, ['run', other.id, '--execute'], at);
    expect(changed).toMatchObject({ code: 78, document: { error: { code: 'GBX_TOPIC_CHANGED' } } });
    await writeLetters(pipeline, 20);
    expect(await replayJson(pipeline, ['run', other.id, '--execute'], at)).toMatchObject({
      code: 78,
      document: { error: { code: 'GBX_TOPIC_CHANGED' } },
    });
    expect(await pipeline.count()).toBe(6);
  });
});

describe('gbx replay import', () => {
  test('refuses lines that are still wrong by their number, and loads what was mended, under the id it had', async () => {
    await using pipeline = await openPipeline({ partitions: 1, env: QUICK });
    const at = { folder: await ownFolder() };
    const base = { ds_user_id: 'u1', experiment_id: 'checkout', timestamp: '2026-01-02T03:04:05Z' };
    const letter = (code: string) => ({ kind: 'letter', code }) as const;
    await pipeline.sendRecords([
      { partition: 0, key: 'u1', value: JSON.stringify(base), expected: letter('GBX_INVALID_FIELD') },
      { partition: 0, key: 'u2', value: 'not \u001b[31mJSON', expected: letter('GBX_NOT_JSON') },
      { partition: 0, key: 'u3', value: Buffer.from([0xff, 0xfe]), expected: letter('GBX_NOT_JSON') },
    ]);
    await using _consumer = await pipeline.consumer();
    await pipeline.expectExact();
    expect(await replayJson(pipeline, ['plan'], at)).toMatchObject({
      code: 1,
      document: { selected: 0, skipped: { invalid: 3 }, plan: null },
    });

    const shown = await replay(pipeline, ['inspect', '0/1'], at);
    expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining('not \u00b7[31mJSON') });
    expect(shown.stdout).not.toContain('\u001b');
    expect(await replayJson(pipeline, ['inspect', '0/2'], at)).toMatchObject({
      document: { letters: [{ valueBase64: '//4=', key: 'u3' }] },
    });
    expect(await replay(pipeline, ['inspect', '0/77'], at)).toMatchObject({ code: 1 });

    const path = join(at.folder, 'letters.ndjson');
    expect(await replay(pipeline, ['export', '--file', path], at)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('3 dead letters'),
    });
    const lines = (await readFile(path, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    await writeFile(
      path,
      `${[lines[0], { ...lines[1], value: '{}' }, { ...lines[2], origin: lines[0].origin, value: '{}' }].map((line) => JSON.stringify(line)).join('\n')}\nno JSON\n`,
    );
    const wrong = await replay(pipeline, ['import', path], at);
    expect(wrong).toMatchObject({ code: 65, stdout: '' });
    for (const part of [
      'line 1 is still no exposure: variation_id',
      'line 2 is still no exposure',
      'line 3 is the same record as line 1',
      'line 4 is not a JSON object',
    ])
      expect(wrong.stderr).toContain(part);

    const mended = { ...base, variation_id: '1' };
    await writeFile(
      path,
      `${JSON.stringify({ ...lines[0], value: mended })}\n${JSON.stringify({ ...lines[1], value: JSON.stringify({ ...mended, ds_user_id: 'u2' }) })}\n`,
    );
    const plan = await replayJson(pipeline, ['import', path], at);
    expect(plan).toMatchObject({ code: 0, document: { kind: 'import', selected: 2 } });
    expect(await replayJson(pipeline, ['run', plan.document.id, '--execute'], at)).toMatchObject({
      code: 0,
      document: { verdict: 'done', loaded: 2 },
    });
    const rows = await pipeline.database.query<{ exposure_id: string; ds_user_id: string }>(
      'SELECT exposure_id, ds_user_id FROM growthbook.experiment_exposures ORDER BY ds_user_id',
    );
    expect(rows.map(({ ds_user_id }) => ds_user_id)).toEqual(['u1', 'u2']);
    const copies = (await readTopic(pipeline)).slice(3);
    expect(copies.map(({ headers }) => headers['gbx-origin'])).toEqual([lines[0].origin, lines[1].origin]);

    // Edited in another way it is still the same exposure: it stands in the table already.
    await appendFile(path, '\n');
    await writeFile(path, `${JSON.stringify({ ...lines[0], value: { ...mended, attributes: { later: true } } })}\n`);
    expect(await replayJson(pipeline, ['import', path], at)).toMatchObject({ code: 1, document: { selected: 0, skipped: { loaded: 1 } } });
  });
});

describe('gbx replay range', () => {
  test('says what is missing and loads it, and no more; with --all everything, which changes nothing', async () => {
    await using pipeline = await openPipeline({ partitions: 2, env: QUICK });
    const at = { folder: await ownFolder() };
    await pipeline.send(200);
    await pipeline.sendRecords([{ partition: 1, key: null, value: 'garbage', expected: { kind: 'letter', code: 'GBX_NOT_JSON' } }]);
    await using _consumer = await pipeline.consumer();
    await pipeline.expectExact();
    expect(await replayJson(pipeline, ['range'], at)).toMatchObject({
      code: 0,
      document: { selected: 0, range: { records: 201, loaded: 200, missing: 0, invalid: 1 } },
    });
    await pipeline.database.query(
      'DELETE FROM growthbook.experiment_exposures WHERE exposure_id IN (SELECT exposure_id FROM growthbook.experiment_exposures LIMIT 7)',
    );
    expect(await replayJson(pipeline, ['range', '--from', '1h'], at)).toMatchObject({
      code: 1,
      document: { kind: 'range', selected: 7, range: { missing: 7 } },
    });
    expect(await pipeline.count()).toBe(193);
    const done = await replayJson(pipeline, ['range', '--from', '1h', '--execute'], at);
    expect(done).toMatchObject({ code: 0, document: { schema: 'gbx.replay-run/1', verdict: 'done', sent: 7, loaded: 7 } });
    expect(await pipeline.count()).toBe(200);
    const all = await replayJson(pipeline, ['range', '--to', '0:50,1:50', '--all', '--execute'], at);
    expect(all).toMatchObject({ code: 0, document: { verdict: 'done', selected: 100, sent: 100, loadedBefore: 0 } });
    await pipeline.untilDrained();
    expect(await pipeline.count()).toBe(200);
    await pipeline.expectExact();

    // What it leaves out stays missing, whatever becomes of the others.
    const [often, other] = [0, 1].map((at) => otherTraffic().eventAt(at));
    if (often === undefined || other === undefined) throw new Error('no traffic');
    await pipeline.sendRecords([{ ...recordOf(often, 0), headers: { 'gbx-replay-count': '2' } }, recordOf(other, 0)]);
    await pipeline.expectExact();
    const ids = [often, other].map(({ exposure_id }) => `'${exposure_id}'`).join();
    await pipeline.database.query(`DELETE FROM growthbook.experiment_exposures WHERE exposure_id IN (${ids})`);
    expect(await replayJson(pipeline, ['range', '--execute'], at)).toMatchObject({
      code: 1,
      document: { verdict: 'done', sent: 1, loaded: 1, skipped: { 'replayed-often': 1 }, range: { missing: 2 } },
    });
  });
});
