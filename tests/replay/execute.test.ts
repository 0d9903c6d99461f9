import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { formatJournalLine, type JournalEntry } from '../../src/core/replay/journal.ts';
import { formatPlan, type Plan } from '../../src/core/replay/plan.ts';
import { openReplayLock } from '../../src/files/replay-lock.ts';
import { lockOf, markCancelled, writePlan } from '../../src/files/replay-plans.ts';
import { carryOut, showStatus } from '../../src/replay/execute.ts';
import { createWorld, exposure, NOON_MS, type World } from '../core/replay/world.ts';
import { type Bench, createBench } from './bench.ts';

let root: string;
let folder: string;
let world: World;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'gbx-execute-'));
});
beforeEach(async () => {
  folder = join(await mkdtemp(join(root, 'f-')), 'plans');
  world = createWorld();
  for (let of = 0; of < 3; of++) world.letter(exposure(`e${of}`), { of });
});
afterAll(() => rm(root, { recursive: true }));

/** Of the three letters, in the folder of plans. */
async function storePlan(id: string): Promise<{ readonly plan: Plan; readonly path: string }> {
  const { entries, hash: _hash, ...head } = world.plan();
  const { text, plan } = formatPlan({ ...head, id }, entries);
  return { plan, path: await writePlan(text, { folder, id, file: undefined }) };
}

const BEGUN = { kind: 'started', atMs: NOON_MS, by: 'host' } as const;
const ALL_SENT = { kind: 'sent', from: 0, to: 3, gone: [], tooLarge: [], loaded: 0 } as const;
const note = (path: string, ...entries: readonly JournalEntry[]): Promise<void> =>
  appendFile(`${path}.journal`, entries.map(formatJournalLine).join(''));

const status = async (bench: Bench, name?: string) => ({
  code: await showStatus(bench.context, name),
  document: JSON.parse(bench.stdout()),
});
const asJson = (more: Readonly<Record<string, unknown>> = {}): Bench => createBench(world, { folder, options: { json: true, ...more } });

describe('gbx replay status', () => {
  test('shows the others where one is torn and the journal of another is foreign: 1, and why', async () => {
    const { plan } = await storePlan('replay-1');
    const torn = join(folder, 'replay-2.plan');
    await writeFile(torn, (await readFile(join(folder, 'replay-1.plan'), 'utf8')).slice(0, -70));
    const { path: foreign } = await storePlan('replay-3');
    await note(foreign, { ...BEGUN, plan: plan.hash });
    expect(await status(asJson())).toMatchObject({
      code: 1,
      document: {
        plans: [{ id: 'replay-1', state: 'planned' }],
        unreadable: [
          { plan: foreign, why: expect.stringContaining('it is of another plan') },
          { plan: torn, why: expect.stringContaining('torn') },
        ],
      },
    });
    await expect(status(asJson(), 'replay-2')).rejects.toMatchObject({ code: 'GBX_INPUT_INVALID' });
    expect(await status(asJson(), 'replay-1')).toMatchObject({ code: 0, document: { unreadable: [] } });
  });

  test('does not call a run interrupted that has sent all', async () => {
    const { path, plan } = await storePlan('replay-1');
    await note(path, { ...BEGUN, plan: plan.hash }, ALL_SENT);
    expect(await status(asJson())).toMatchObject({ code: 0, document: { plans: [{ state: 'sent', done: 3, selected: 3 }] } });
  });

  test('calls a plan running that is run by its path, with another folder of plans', async () => {
    const { path } = await storePlan('replay-1');
    await using _other = await openReplayLock(lockOf(path), { planId: 'replay-1', nowMs: NOON_MS });
    expect(await status(asJson())).toMatchObject({ document: { plans: [{ state: 'running' }] } });
  });
});

describe('gbx replay run', () => {
  const execute = (name: string, more: Readonly<Record<string, unknown>> = {}): Promise<number> => {
    const { context, stack } = asJson({ execute: true, ...more });
    return carryOut(context, stack, { name, isResumed: false });
  };

  test('does not write the journal of a plan that somebody else runs by its path', async () => {
    const { path } = await storePlan('replay-1');
    await using _other = await openReplayLock(lockOf(path), { planId: 'replay-1', nowMs: NOON_MS });
    await expect(execute(path)).rejects.toMatchObject({ code: 'GBX_REPLAY_RUNNING', message: expect.stringContaining('replay-1, since') });
  });

  test('refuses to hold the first ones back without waiting for them, before it sends any', async () => {
    const { path } = await storePlan('replay-1');
    const refused = { code: 'GBX_USAGE', hint: expect.stringContaining('--canary 0 --wait 0') };
    await expect(execute(path, { wait: 0 })).rejects.toMatchObject(refused);
    // As far as what is configured it may go on: the broker of the test is none.
    await expect(execute(path, { wait: 0, canary: 0 })).rejects.toMatchObject({ code: 'GBX_KAFKA_UNREACHABLE' });
  });

  const rehearse = async (name: string): Promise<string> => {
    const { context, stack, ...out } = createBench(world, { folder });
    expect(await carryOut(context, stack, { name, isResumed: false })).toBe(0);
    return out.stdout();
  };

  test('without --execute names the step that can be taken: run, or resume where it was begun', async () => {
    const { path, plan } = await storePlan('replay-1');
    expect(await rehearse(path)).toContain('next: gbx replay run replay-1 --execute');
    await note(path, { ...BEGUN, plan: plan.hash }, { ...ALL_SENT, to: 2 });
    const text = await rehearse(path);
    expect(text).toContain('would load 1 of 3');
    expect(text).toContain('next: gbx replay resume replay-1');
    expect(text).not.toContain('--execute');
  });

  test('without --execute refuses a plan that is done or cancelled, as it would with it', async () => {
    const done = await storePlan('replay-1');
    await note(done.path, { ...BEGUN, plan: done.plan.hash }, ALL_SENT, { kind: 'ended', atMs: NOON_MS, loaded: 3, failedAgain: 0 });
    await expect(rehearse(done.path)).rejects.toMatchObject({ code: 'GBX_USAGE', message: expect.stringContaining('it is done') });
    const cancelled = await storePlan('replay-2');
    await markCancelled(cancelled.path);
    await expect(rehearse(cancelled.path)).rejects.toMatchObject({ code: 'GBX_USAGE', message: expect.stringContaining('cancelled') });
  });
});
