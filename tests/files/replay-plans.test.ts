import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatJournalLine, readJournal } from '../../src/core/replay/journal.ts';
import { formatPlan } from '../../src/core/replay/plan.ts';
import { listPlans, markCancelled, openJournal, readStoredPlan, writePlan } from '../../src/files/replay-plans.ts';
import { createWorld, exposure } from '../core/replay/world.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'gbx-plans-'));
});
afterAll(() => rm(root, { recursive: true }));
const newFolder = async (): Promise<string> => join(await mkdtemp(join(root, 'f-')), 'plans');

function planText(): string {
  const world = createWorld();
  world.letter(exposure('a'), { of: 1 });
  const { entries, hash: _hash, ...head } = world.plan();
  return formatPlan(head, entries).text;
}

const LINES = [
  { kind: 'started', plan: 'h', atMs: 1, by: 'host' },
  { kind: 'sent', from: 0, to: 5, gone: [], tooLarge: [], loaded: 0 },
] as const;

describe('writePlan()', () => {
  test('refuses a name that is taken, and a folder that cannot be made', async () => {
    const folder = await newFolder();
    const path = await writePlan(planText(), { folder, id: 'replay-1', file: undefined });
    await expect(writePlan('x', { folder, id: 'replay-1', file: undefined })).rejects.toThrow('something stands there');
    await expect(writePlan('x', { folder: join(path, 'in-a-file'), id: 'p', file: undefined })).rejects.toMatchObject({
      code: 'GBX_CONFIG',
    });
    expect(await readFile(path, 'utf8')).toBe(planText());
  });

  test('shows it under its name when it is whole, and leaves nothing else behind', async () => {
    const folder = await newFolder();
    const path = join(folder, 'replay-1.plan');
    const text = 'x'.repeat(64_000_000);
    const sizes = new Set<number | undefined>();
    let isWritten = false;
    const written = writePlan(text, { folder, id: 'replay-1', file: undefined }).finally(() => {
      isWritten = true;
    });
    while (!isWritten) sizes.add((await stat(path).catch(() => undefined))?.size);
    await written;
    sizes.delete(undefined);
    expect([...sizes].filter((size) => size !== text.length)).toEqual([]);
    await expect(writePlan('x', { folder, id: 'replay-1', file: undefined })).rejects.toMatchObject({ code: 'GBX_USAGE' });
    expect(await readdir(folder)).toEqual(['replay-1.plan']);
  });

  test('keeps it from others, since edited plans hold what users did', async () => {
    const path = await writePlan(planText(), { folder: await newFolder(), id: 'replay-1', file: undefined });
    expect((await stat(path)).mode & 0o077).toBe(0);
  });
});

describe('readStoredPlan()', () => {
  test('says where it looked for one that is not there', async () => {
    await expect(readStoredPlan('none', root)).rejects.toMatchObject({ code: 'GBX_USAGE', message: expect.stringContaining(root) });
  });

  test('finds it by id and by path, with its journal and whether it was cancelled', async () => {
    const folder = await newFolder();
    const path = await writePlan(planText(), { folder, id: 'replay-1', file: undefined });
    await writeFile(`${path}.journal`, `${LINES.map(formatJournalLine).join('')}torn`);
    await markCancelled(path);
    for (const name of ['replay-1', path])
      expect(await readStoredPlan(name, folder)).toMatchObject({ path, plan: { id: 'replay-1' }, journal: LINES, isCancelled: true });
  });
});

describe('openJournal()', () => {
  test('cuts what is torn, and goes on behind the last whole line', async () => {
    const path = join(root, 'j');
    await writeFile(`${path}.journal`, `${formatJournalLine(LINES[0])}0123abcd {"kind":"se`);
    {
      await using journal = await openJournal(path);
      await journal.append(formatJournalLine(LINES[1]));
    }
    await using _again = await openJournal(path);
    expect(readJournal(await readFile(`${path}.journal`))).toMatchObject({ entries: LINES, isTorn: false });
  });

  test('refuses a folder that is not there', async () => {
    await expect(openJournal(join(root, 'none', 'j'))).rejects.toMatchObject({ code: 'GBX_CONFIG' });
  });
});

test('listPlans() gives the newest first, and none where there is no folder', async () => {
  const folder = await newFolder();
  expect(await listPlans(folder)).toEqual([]);
  for (const id of ['replay-1', 'replay-2']) await writePlan(planText(), { folder, id, file: undefined });
  expect(await listPlans(folder)).toEqual([join(folder, 'replay-2.plan'), join(folder, 'replay-1.plan')]);
});
