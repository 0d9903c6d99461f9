import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GbxError } from '../../src/core/errors.ts';
import { carryOut } from '../../src/replay/execute.ts';
import { lookAt } from '../../src/replay/look.ts';
import { planImport, planLetters, planRange } from '../../src/replay/make.ts';
import type { Stack } from '../../src/replay/open-stack.ts';
import type { CommandContext } from '../../src/run-command.ts';
import { createWorld, exposure, type World } from '../core/replay/world.ts';
import { createBench } from './bench.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'gbx-make-'));
});
afterAll(() => rm(root, { recursive: true }));
const newFolder = (): Promise<string> => mkdtemp(join(root, 'f-'));

describe('gbx replay range', () => {
  /** Three exposures of which the table has the first one, and a ledger that has passed them all unless told otherwise. */
  async function range(options: Readonly<Record<string, unknown>> = {}, { start = 0n, ledger = 3n, isLoaded = false } = {}) {
    const world = createWorld();
    for (const id of ['a', 'b', 'c']) world.put(exposure(id), { topic: 't', headers: id === 'c' ? { 'gbx-replay-count': '1' } : {} });
    world.load(...(isLoaded ? ['a', 'b', 'c'] : ['a']).map((id) => exposure(id)));
    const folder = await newFolder();
    const { context, stack, ...out } = createBench(world, { folder, ledger, options: { json: true, ...options } });
    const ranges: World['logs']['ranges'] = async (topic) =>
      (await world.logs.ranges(topic))?.map((one) => (topic === 't' ? { ...one, start } : one));
    const code = await planRange(context, { ...stack, logs: { ...stack.logs, ranges } });
    return { code, document: JSON.parse(out.stdout()) };
  }

  test('exits 1 where all that is missing is left out, with or without --execute', async () => {
    for (const execute of [undefined, true])
      expect(await range({ maxReplays: 0, execute })).toMatchObject({
        code: 1,
        document: { selected: 0, plan: null, skipped: { 'replayed-often': 2 }, range: { missing: 2 } },
      });
  });

  test('exits 1 where records of the range were lost, though nothing else is missing', async () => {
    expect(await range({}, { start: 2n, ledger: 1n, isLoaded: true })).toMatchObject({
      code: 1,
      document: { selected: 0, range: { missing: 0, expired: 2, expiredUnloaded: 1 } },
    });
  });

  test('exits 0 where nothing is missing: also with expired ones that the ledger has passed, and where --all has made a plan', async () => {
    expect(await range({}, { start: 2n, isLoaded: true })).toMatchObject({
      code: 0,
      document: { range: { expired: 2, expiredUnloaded: 0 } },
    });
    expect(await range({ all: true }, { isLoaded: true })).toMatchObject({ code: 0, document: { selected: 3, codes: { loaded: 3 } } });
  });
});

describe('gbx replay import -', () => {
  async function importStdin(world: World, stdin: Buffer) {
    const { context, stack, ...out } = createBench(world, { folder: await newFolder(), stdin, options: { json: true } });
    return { code: await planImport(context, stack, '-'), document: JSON.parse(out.stdout()) };
  }

  function worldOf(value: string): World {
    const world = createWorld();
    world.letter(value, { of: 1, code: 'GBX_INVALID_FIELD' });
    return world;
  }

  test.each([
    ['text', Buffer.from('hello\n'), 'line 1 is not a JSON object'],
    ['bytes that are no text', Buffer.from([0xff, 0x00, 0xfe, 0x0a, 0x80]), 'line 1 is not a JSON object; line 2 is not a JSON object'],
    ['an array of letters', Buffer.from('[\n{"place":"0/0"}\n]\n'), 'line 1 is not a JSON object'],
  ])('refuses %s by the lines, and plans nothing', async (_, stdin, message) => {
    await expect(importStdin(worldOf('{}'), stdin)).rejects.toMatchObject({
      code: 'GBX_INPUT_INVALID',
      exitCode: 65,
      message: expect.stringContaining(message),
    });
  });

  test('takes lines of an export', async () => {
    const world = worldOf('{}');
    const exported = createBench(world, { folder: await newFolder() });
    await lookAt(exported.context, exported.stack, { action: 'export', what: undefined });
    const value = { ds_user_id: 'u', experiment_id: 'checkout', variation_id: '1', timestamp: '2026-01-02T03:04:05Z' };
    const line = { ...JSON.parse(exported.stdout()), value };
    expect(await importStdin(world, Buffer.from(JSON.stringify(line)))).toMatchObject({
      code: 0,
      document: { kind: 'import', selected: 1 },
    });
  });
});

describe('where the broker does not allow it', () => {
  const auth = new GbxError('GBX_KAFKA_AUTH', 'the broker does not allow it');
  const REFUSED = {
    ranges: { ranges: () => Promise.reject(auth) },
    read: {
      // biome-ignore lint/correctness/useYield: it fails before it has read anything
      async *read(): ReturnType<World['logs']['read']> {
        throw auth;
      },
    },
  };

  /** On one dead letter and one record of the topic. */
  async function openRefusing(at: keyof typeof REFUSED) {
    const world = createWorld();
    world.letter(exposure('a'), { of: 1 });
    world.put(exposure('b'), { topic: 't' });
    const stdin = Buffer.from('{"place":"0/0","origin":"t/0/1/1768478400000","value":{}}');
    const bench = createBench(world, { folder: await newFolder(), ledger: 1n, stdin, options: { json: true } });
    return { ...bench, refusing: { ...bench.stack, logs: { ...bench.stack.logs, ...REFUSED[at] } } };
  }

  const look =
    (action: string) =>
    (context: CommandContext, stack: Stack): Promise<number> =>
      lookAt(context, stack, { action, what: 't/0/1' });
  const ACTIONS = {
    ...{ list: look('list'), stats: look('stats'), inspect: look('inspect'), export: look('export') },
    ...{ plan: planLetters, range: planRange },
    import: (context: CommandContext, stack: Stack) => planImport(context, stack, '-'),
  };

  test.each(Object.keys(ACTIONS).flatMap((action) => [[action, 'ranges'] as const, [action, 'read'] as const]))(
    'gbx replay %s answers nothing and exits 77, be it at %s()',
    async (action, at) => {
      const { context, refusing, stdout } = await openRefusing(at);
      await expect(ACTIONS[action as keyof typeof ACTIONS](context, refusing)).rejects.toMatchObject({ exitCode: 77 });
      expect(stdout()).toBe('');
    },
  );

  test('gbx replay run does not take a plan for one that holds', async () => {
    const { context, stack, refusing, stdout } = await openRefusing('ranges');
    await planLetters(context, stack);
    const name: string = JSON.parse(stdout()).plan;
    await expect(carryOut(context, refusing, { name, isResumed: false })).rejects.toMatchObject({ exitCode: 77 });
  });
});
