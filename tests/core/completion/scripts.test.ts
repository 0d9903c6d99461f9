// The scripts of the shells that this machine has are run by them, in tests/e2e/completion.e2e.test.ts.
import { expect, test } from 'vitest';
import { bashScript } from '../../../src/core/completion/bash-script.ts';
import { fishScript } from '../../../src/core/completion/fish-script.ts';
import { type CompletedCommand, isPathName } from '../../../src/core/completion/tree.ts';
import { zshScript } from '../../../src/core/completion/zsh-script.ts';

const commands: readonly CompletedCommand[] = [
  {
    name: 'migrate',
    about: "Make the tables: the user's [all]",
    arguments: [{ choices: ['up', 'status'], isPath: false }],
    flags: [
      { flag: '--json', about: 'One document' },
      { flag: '--level', about: 'How much', value: { choices: ['low', 'high'], isPath: false } },
      { flag: '--out', about: 'Where to', value: { choices: [], isPath: true } },
      { flag: '--name', about: 'Any', value: { choices: [], isPath: false } },
    ],
  },
  { name: 'serve', about: 'Serve', arguments: [], flags: [] },
];

test('bashScript() has a case for each flag that takes a value, and for each argument', () => {
  const script = bashScript(commands);
  expect(script).toContain(`'migrate --level') COMPREPLY=($(compgen -W 'low high' -- "$word")); return ;;`);
  expect(script).toContain(`'migrate --out') COMPREPLY=($(compgen -f -- "$word")); return ;;`);
  expect(script).toContain(`'migrate --name') COMPREPLY=(); return ;;`);
  expect(script).toContain(`'migrate 0') COMPREPLY=($(compgen -W 'up status' -- "$word")) ;;`);
  expect(script).toContain(`'migrate --level' | 'migrate --out' | 'migrate --name') return 0 ;;`);
  expect(script).not.toContain("'migrate --json')");
});

test('zshScript() escapes what _arguments and the shell read otherwise', () => {
  const script = zshScript(commands);
  expect(script).toContain(`'migrate:Make the tables\\: the user'\\''s [all]'`);
  expect(script).toContain(
    `migrate) _arguments '--json[One document]' '--level=[How much]: :(low high)' '--out=[Where to]: :_files' '--name=[Any]: : ' '--help[Print help]' '1: :(up status)' ;;`,
  );
});

test('fishScript() has a line for each command, flag and argument, on its condition', () => {
  const lines = fishScript(commands).split('\n');
  expect(lines).toContain(`complete -c gbx -n __fish_use_subcommand -a migrate -d 'Make the tables: the user\\'s [all]'`);
  expect(lines).toContain(`complete -c gbx -n '__fish_seen_subcommand_from migrate' -l level -x -a 'low high' -d 'How much'`);
  expect(lines).toContain(`complete -c gbx -n '__fish_seen_subcommand_from migrate' -l out -r -F -d 'Where to'`);
  expect(lines).toContain(
    `complete -c gbx -n '__fish_seen_subcommand_from migrate; and not __fish_seen_subcommand_from up status' -a 'up status'`,
  );
});

test('isPathName() knows what names a file or a folder', () => {
  expect(['file', '--kafka-ca-file', 'folder', '--spool-dir', 'plan-file'].every(isPathName)).toBe(true);
  expect(['profile-name', 'directive', '--topic', 'seconds'].some(isPathName)).toBe(false);
});
