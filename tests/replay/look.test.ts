import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../src/commands/replay.ts';
import { lookAt } from '../../src/replay/look.ts';
import { createWorld, exposure, type World } from '../core/replay/world.ts';
import { createBench } from './bench.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gbx-look-'));
});
afterAll(() => rm(folder, { recursive: true }));

const EXPORT = { action: 'export', what: undefined };

function worldOf(letters: number): World {
  const world = createWorld();
  for (let of = 0; of < letters; of++) world.letter(exposure(`e${of}`), { of });
  return world;
}

describe('gbx replay export', () => {
  test('writes every line into the file, in the order of the log, and says so on stderr', async () => {
    const file = join(folder, 'letters');
    const { context, stack, ...out } = createBench(worldOf(2_000), { folder, options: { file } });
    expect(await lookAt(context, stack, EXPORT)).toBe(0);
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).place)).toEqual(Array.from({ length: 2_000 }, (_, offset) => `0/${offset}`));
    expect(out.stderr()).toContain(`2000 dead letters written to ${file}`);
    expect(out.stdout()).toBe('');
  });

  test('answers with one document where both --json and --file are given', async () => {
    const file = join(folder, 'with-json');
    const { context, stack, ...out } = createBench(worldOf(3), { folder, options: { file, json: true } });
    expect(await lookAt(context, stack, EXPORT)).toBe(0);
    expect(JSON.parse(out.stdout())).toEqual({ schema: 'gbx.replay-export/1', topic: 'dlq', file, written: 3 });
    expect(out.stderr()).toBe('');
  });

  test('refuses --json where stdout takes the lines, before it connects to anything', async () => {
    const { context } = createBench(createWorld(), { folder, args: ['export'], options: { json: true } });
    await expect(run(context)).rejects.toMatchObject({ code: 'GBX_USAGE', hint: expect.stringContaining('--file') });
  });

  test.runIf(process.platform === 'linux')('ends at a disk that is full, and names the file', async () => {
    const { context, stack, ...out } = createBench(worldOf(3), { folder, options: { file: '/dev/full' } });
    await expect(lookAt(context, stack, EXPORT)).rejects.toMatchObject({
      code: 'GBX_CONFIG',
      message: 'Cannot write the dead letters to /dev/full: ENOSPC',
      hint: expect.stringContaining('not whole'),
    });
    expect(out.stderr()).toBe('');
  });
});
