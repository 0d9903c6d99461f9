// Contract: `gbx replay` loads dead letters again, each record once: it plans first, sends the original bytes with their origin,
// stops by itself when they fail again, and goes on after a kill, so that in the end the table holds each once. What was edited
// keeps its id. A range of the topic is loaded again as far as the table lacks it. Nothing is sent without --execute.
import { mkdtemp, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openPipeline, otherTraffic, type Pipeline, recordOf } from '../support/pipeline.ts';
import { startGbx } from '../support/process.ts';
import { replay, replayJson, writeLetters } from '../support/replaying.ts';
import { readTopic } from '../support/topic-log.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gbx-replay-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A folder of plans for one test. */
const ownFolder = (): Promise<string> => mkdtemp(join(folder, 'own-'));

/** Each id once. */
async function expectOnce({ database }: Pipeline, ids: readonly string[]): Promise<void> {
  const rows = await database.query<{ exposure_id: string }>('SELECT exposure_id FROM growthbook.experiment_exposures');
  expect(rows.map((row) => row.exposure_id).sort()).toEqual([...ids].sort());
}

async function verify({ env }: Pipeline): Promise<number | null> {
  await using child = await startGbx(['verify'], { cwd: folder, env });
  return (await child.exit({ timeoutMs: 50_000 })).code;
}

const QUICK = { MAX_RETRIES: '0', GBX_BATCH_ROWS_MAX: '16000' };

describe('gbx replay run', () => {
  test('stops by its canaries while the table refuses them, then resumes and loads the others; verify agrees', async () => {
    await using pipeline = await openPipeline({ partitions: 1, env: QUICK });
    const at = { folder: await ownFolder() };
    await pipeline.database.query(`ALTER TABLE growthbook.experiment_exposures ADD CONSTRAINT no_bad CHECK (source <> 'bad')`);
    const traffic = otherTraffic();
    const records = Array.from({ length: 300 }, (_, i) => {
      const isBad = i % 10 === 0;
      const record = recordOf({ ...traffic.eventAt(i), ...(isBad ? { source: 'bad' } : {}) }, 0);
      return isBad ? { ...record, expected: { kind: 'letter', code: 'GBX_ROW_REFUSED' } as const } : record;
    });
    await pipeline.sendRecords(records);
    await using _consumer = await pipeline.consumer();
    expect(await pipeline.expectExact()).toMatchObject({ rows: 270, letters: 30 });

    const stats = await replayJson(pipeline, ['stats'], at);
    expect(stats).toMatchObject({
      code: 0,
      document: { schema: 'gbx.replay-stats/1', letters: 30, distinct: 30, byCode: { GBX_ROW_REFUSED: 30 } },
    });
    const list = await replay(pipeline, ['list', '--limit', '5'], at);
    expect(list).toMatchObject({ code: 0, stdout: expect.stringContaining('30 of 30 dead letters') });
    expect(list.stdout).not.toMatch(/user/u);
    const planned = await replayJson(pipeline, ['plan', '--code', 'GBX_ROW_REFUSED'], at);
    expect(planned).toMatchObject({
      code: 0,
      document: { schema: 'gbx.replay-plan/1', selected: 30, duplicates: 0, skipped: {}, tableAsked: true },
    });
    const id: string = planned.document.id;

    const rehearsal = await replayJson(pipeline, ['run', id], at);
    expect(rehearsal).toMatchObject({ code: 0, document: { verdict: 'not_executed', left: 30, gone: [], loaded: 0 } });
    expect((await readTopic(pipeline)).length).toBe(300);

    const stopped = await replayJson(pipeline, ['run', id, '--execute', '--canary', '5'], at);
    expect(stopped).toMatchObject({ code: 1, document: { verdict: 'stopped', sent: 5 } });
    expect(await replayJson(pipeline, ['status'], at)).toMatchObject({ document: { plans: [{ id, state: 'stopped', done: 5 }] } });
    expect(await replay(pipeline, ['run', id, '--execute'], at)).toMatchObject({ code: 2, stderr: expect.stringContaining('resume') });

    await pipeline.database.query('ALTER TABLE growthbook.experiment_exposures DROP CONSTRAINT no_bad');
    const resumed = await replayJson(pipeline, ['resume', id, '--canary', '5'], at);
    expect(resumed).toMatchObject({ code: 1, document: { verdict: 'incomplete', sent: 30, loaded: 25, failedAgain: 5 } });
    // Those five are dead letters anew: counted and replayed by origin, once.
    const again = await replayJson(pipeline, ['plan'], at);
    expect(again).toMatchObject({ code: 0, document: { selected: 5, records: 35, duplicates: 5, skipped: { loaded: 25 } } });
    const done = await replayJson(pipeline, ['run', again.document.id, '--execute'], at);
    expect(done).toMatchObject({ code: 0, document: { verdict: 'done', sent: 5, loaded: 5, failedAgain: 0 } });
    expect(await pipeline.count()).toBe(300);
    expect(await verify(pipeline)).toBe(0);

    const copies = (await readTopic(pipeline)).slice(300);
    expect(copies).toHaveLength(35);
    for (const { headers, ...copy } of copies) {
      const original = records.find(({ value }) => value === copy.value?.toString());
      expect({ key: copy.key?.toString(), replays: headers['gbx-replay-count'] }).toMatchObject({
        key: original?.key,
        replays: expect.stringMatching(/^[12]$/u),
      });
      expect(headers['gbx-origin']).toMatch(new RegExp(`^${pipeline.topic}/0/`, 'u'));
      expect(headers).not.toHaveProperty('gbx-error-code');
    }
  });

  test('is killed ten times on its way, and the table holds each once', async () => {
    await using pipeline = await openPipeline({ partitions: 3, env: QUICK });
    const at = { folder: await ownFolder() };
    const letters = await writeLetters(pipeline, 2_400);
    await using _consumer = await pipeline.consumer();
    const plan = join(at.folder, 'p');
    expect(await replay(pipeline, ['plan', '--plan', plan], at)).toMatchObject({ code: 0 });
    const size = async (): Promise<number> => (await stat(`${plan}.journal`).catch(() => ({ size: 0 }))).size;
    for (let kill = 0; kill < 10; kill++) {
      const before = await size();
      const args = ['replay', ...(kill === 0 ? ['run', plan, '--execute'] : ['resume', plan]), '--rate', '400', '--canary', '0'];
      await using child = await startGbx(args, { cwd: at.folder, env: pipeline.env });
      // The first line says that it goes on, the second that a batch is acknowledged.
      await eventually(`kill ${kill}: the journal to grow`, async () => (await size()) > before + 150 + (kill % 3) * 60, {
        timeoutMs: 20_000,
        intervalMs: 3,
      });
      child.signal('SIGKILL');
      await child.exited;
      // What a kill may leave of the last line.
      if (kill % 3 === 2) await truncate(`${plan}.journal`, (await size()) - 20);
    }
    expect(await replayJson(pipeline, ['status', plan], at)).toMatchObject({ document: { plans: [{ state: 'interrupted' }] } });
    const done = await replayJson(pipeline, ['resume', plan, '--rate', '2000', '--canary', '0'], at);
    expect(done).toMatchObject({ code: 0, document: { verdict: 'done', selected: 2_400, failedAgain: 0, pending: 0 } });
    await expectOnce(
      pipeline,
      letters.map(({ exposureId }) => exposureId),
    );
    const copies = await readTopic(pipeline);
    // Some went twice, at most the batch that was under way each time.
    expect(copies.length).toBeGreaterThanOrEqual(2_400);
    expect(copies.length).toBeLessThan(2_400 + 11 * 400);
  });
});
