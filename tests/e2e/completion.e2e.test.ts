// The contract of `gbx completion`: the script that it prints makes a real shell offer commands, flags and what these take,
// and nothing where there is nothing to offer. bash is there wherever the tests run; zsh and fish are asked where they are.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGbx } from '../support/process.ts';

/** No dependencies of the project. */
const [ZSH, FISH] = ['zsh', 'fish'] as const;

let folder: string;
const scripts = new Map<string, string>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gbx-completion-'));
  mkdirSync(join(folder, 'certificates'));
  writeFileSync(join(folder, 'ca.pem'), '');
  for (const shell of ['bash', 'zsh', 'fish']) {
    // Settings that are wrong must not break the start of a shell.
    await using child = await startGbx(['completion', shell], { cwd: folder, env: { BATCH_SIZE: 'x' } });
    expect(await child.exit()).toMatchObject({ code: 0 });
    expect(child.stderr()).toBe('');
    scripts.set(shell, child.stdout());
    writeFileSync(join(folder, `gbx.${shell}`), child.stdout());
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

function hasShell(shell: string): boolean {
  return spawnSync(shell, ['-c', 'exit 0']).status === 0;
}

function reasonFor(shell: string): string {
  return `as there is no ${shell} on this machine`;
}

/** What bash offers for the last of the words, as readline would ask. */
function completeInBash(...words: readonly string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const ask = `source ./gbx.bash; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _gbx; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-u', '-c', ask], { cwd: folder, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((line) => line !== '');
}

describe('in bash gbx completion offers', () => {
  it('nothing for what it does not know', () => {
    expect(completeInBash('gbx', 'nonsense', '')).toEqual([]);
    expect(completeInBash('gbx', 'serve', '')).toEqual([]);
    expect(completeInBash('gbx', 'consume', '--topic', '')).toEqual([]);
    expect(completeInBash('gbx', 'xyz')).toEqual([]);
  });

  it('is registered for gbx', () => {
    const { stdout } = spawnSync('bash', ['--norc', '-c', 'source ./gbx.bash; complete -p gbx'], { cwd: folder, encoding: 'utf8' });
    expect(stdout).toBe('complete -F _gbx gbx\n');
  });

  it('commands', () => {
    const offered = completeInBash('gbx', '');
    for (const name of ['serve', 'consume', 'migrate', 'doctor', 'completion', 'help', '--version']) expect(offered).toContain(name);
    expect(completeInBash('gbx', 'con')).toEqual(['consume', 'config']);
  });

  it('arguments, also behind flags and their values', () => {
    expect(completeInBash('gbx', 'migrate', '')).toEqual(['status', 'plan', 'up']);
    expect(completeInBash('gbx', 'migrate', '--partitions', '3', 'p')).toEqual(['plan']);
    expect(completeInBash('gbx', 'migrate', '--json', 'up', '')).toEqual([]);
    expect(completeInBash('gbx', 'help', 'exit')).toEqual(['exit-codes']);
    expect(completeInBash('gbx', 'completion', '')).toEqual(['bash', 'zsh', 'fish']);
  });

  it('flags of the command, own ones and settings', () => {
    expect(completeInBash('gbx', 'consume', '--batch-')).toEqual(
      expect.arrayContaining(['--batch-size', '--batch-timeout', '--batch-rows-max', '--batch-bytes-max']),
    );
    expect(completeInBash('gbx', 'doctor', '--st')).toContain('--strict');
    expect(completeInBash('gbx', 'config', '--')).toEqual(['--json', '--help']);
  });

  it('what a flag takes, with a space or a sign before it', () => {
    expect(completeInBash('gbx', 'doctor', '--only', 'k')).toEqual(['kafka']);
    // bash cuts a word at the sign.
    expect(completeInBash('gbx', 'doctor', '--only', '=', 'w')).toEqual(['warehouse']);
    expect(completeInBash('gbx', 'doctor', '--only', '=')).toContain('runtime');
    expect(completeInBash('gbx', 'consume', '--db-dialect', '')).toEqual(['auto', 'redshift', 'postgres']);
  });

  it('files where a file is wanted', () => {
    expect(completeInBash('gbx', 'consume', '--kafka-ca-file', 'c')).toEqual(['certificates', 'ca.pem']);
  });
});

describe('in other shells gbx completion', () => {
  beforeAll(() => {
    // The reporter keeps the reasons of skipped tests to itself.
    for (const shell of [ZSH, FISH]) if (!hasShell(shell)) console.warn(`skipped: completion in ${shell} ${reasonFor(shell)}`);
  });

  it('is read by zsh', ({ skip }) => {
    skip(!hasShell(ZSH), reasonFor(ZSH));
    const ask = 'autoload -Uz compinit; compinit -D; source ./gbx.zsh; print $_comps[gbx]';
    const { stdout, stderr, status } = spawnSync(ZSH, ['-f', '-c', ask], { cwd: folder, encoding: 'utf8' });
    expect({ stdout, stderr, status }).toEqual({ stdout: '_gbx\n', stderr: '', status: 0 });
  });

  it.for([
    ['gbx con', ['config', 'consume']],
    ['gbx migrate --partitions 3 ', ['plan', 'status', 'up']],
    ['gbx migrate up ', []],
    ['gbx doctor --only=k', ['--only=kafka']],
    ['gbx consume --kafka-ca-file c', ['ca.pem', 'certificates/']],
    ['gbx consume --topic ', []],
    ['gbx nonsense ', []],
  ] as const)('is read by fish, which offers for "%s" %j', ([typed, offered], { skip }) => {
    skip(!hasShell(FISH), reasonFor(FISH));
    const ask = `source ./gbx.fish; complete -C '${typed}'`;
    const { stdout, status } = spawnSync(FISH, ['--no-config', '-c', ask], { cwd: folder, encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout.split('\n').flatMap((line) => line.split('\t')[0] || [])).toEqual(offered);
  });

  it('has balanced quotes and blocks, so far as can be told without them', () => {
    // zsh reads all of this as bash does, and so does fish, save its way to escape a quote.
    for (const shell of ['zsh', 'fish']) {
      const script = (scripts.get(shell) ?? '').replaceAll("\\'", shell === 'fish' ? '' : "\\'");
      const { stderr, status } = spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' });
      expect({ shell, stderr, status }).toEqual({ shell, stderr: '', status: 0 });
    }
    expect(
      scripts
        .get('fish')
        ?.split('\n')
        .every((line) => /^(#.*|complete -c gbx .*|)$/u.test(line)),
    ).toBe(true);
  });
});
