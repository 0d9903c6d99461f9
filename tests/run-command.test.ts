import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CommandEntry } from '../src/command-entry.ts';
import { systemClock } from '../src/core/clock.ts';
import { type CommandContext, type Host, type Invocation, runCommand } from '../src/run-command.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gbx-run-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs a command of the test's own in the frame; `said` is its stderr. */
async function runWith(env: Record<string, string>, given: Partial<CommandEntry> = {}) {
  let context: CommandContext | undefined;
  let said = '';
  let facts: Parameters<Host['configured']>[0] | undefined;
  const entry: CommandEntry = {
    name: 'probe',
    summary: '',
    description: '',
    settings: [],
    examples: [],
    load: async () => ({
      run: async (it) => {
        context = it;
        it.log.info('probe.ran', { password: 'x' });
        return 1;
      },
    }),
    ...given,
  };
  const invocation: Invocation = { entry, args: ['a'], options: { json: true }, flags: { kafkaTopic: 'flagged' } };
  const write = (text: string): void => {
    said += text;
  };
  const stderr = { write, isTty: false, columns: 80 };
  const signal = new AbortController().signal;
  const configured: Host['configured'] = (it) => {
    facts = it;
  };
  const exitCode = await runCommand(invocation, {
    env,
    folder,
    stdout: stderr,
    stderr,
    runtime: { version: '1.2.3', node: '20.20.2', platform: 'linux', arch: 'x64', memoryBytesMax: undefined },
    clock: systemClock,
    random: () => 0,
    signal,
    configured,
  });
  return { exitCode, context, said, facts };
}

test('runCommand() runs nothing when a setting is wrong', async () => {
  let loaded = false;
  const load: CommandEntry['load'] = async () => {
    loaded = true;
    return { run: async () => 0 };
  };
  await expect(runWith({ BATCH_SIZE: 'x' }, { load })).rejects.toThrow('BATCH_SIZE');
  expect(loaded).toBe(false);
});

test('runCommand() runs nothing when settings that the command needs are missing, and names them all', async () => {
  const load: CommandEntry['load'] = () => Promise.reject(new Error('loaded'));
  const needs = ['kafkaBootstrapServers', 'dbUser', 'kafkaTopic'] as const;
  await expect(runWith({}, { load, needs })).rejects.toThrow('KAFKA_BOOTSTRAP_SERVERS, DB_USER are not set');
});

test('runCommand() runs a command that shows the configuration although a setting is wrong', async () => {
  const { context, exitCode } = await runWith({ BATCH_SIZE: 'x' }, { showsConfig: true });
  expect(context?.problems).toMatchObject([{ name: 'BATCH_SIZE' }]);
  expect(exitCode).toBe(1);
});

test('runCommand() hands on flags, environment and .env of the folder, and tells the host what is secret', async () => {
  writeFileSync(join(folder, '.env'), 'DB_USER=dotted\nDB_PASSWORD=hunter22\n');
  const { context, facts, exitCode } = await runWith({ DB_HOST: 'db', GBX_DRAIN_TIMEOUT_SECONDS: '3' });
  expect(context).toMatchObject({ args: ['a'], options: { json: true }, problems: [] });
  expect(context?.config).toMatchObject({ kafkaTopic: 'flagged', dbHost: 'db', dbUser: 'dotted', dbPassword: 'hunter22' });
  expect(facts).toEqual({ secrets: ['hunter22'], drainTimeoutMs: 3000 });
  expect(exitCode).toBe(1);
});

test('runCommand() logs JSON lines of level info for what runs on', async () => {
  const { said } = await runWith({}, { runsOn: true });
  expect(JSON.parse(said)).toMatchObject({ level: 'info', event: 'probe.ran' });
});

test('runCommand() logs only what goes wrong for what answers once, unless the level is given', async () => {
  expect((await runWith({})).said).toBe('');
  expect((await runWith({ GBX_LOG_LEVEL: 'info', GBX_LOG_FORMAT: 'text' })).said).toContain('probe.ran');
});

test('runCommand() warns of names that look like settings', async () => {
  const { said } = await runWith({ GBX_TOPICS: 'x' });
  expect(JSON.parse(said)).toMatchObject({ level: 'warn', event: 'config.name_unknown', warning: expect.stringContaining('GBX_TOPIC?') });
});
