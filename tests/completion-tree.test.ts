import { expect, test } from 'vitest';
import { COMMANDS } from '../src/commands.ts';
import { completionTree } from '../src/completion-tree.ts';

const tree = completionTree(COMMANDS);

test('completionTree() knows every command, and help with its topics', () => {
  expect(tree.map(({ name }) => name)).toEqual([...COMMANDS.map(({ name }) => name), 'help']);
  expect(tree.at(-1)?.arguments[0]?.choices).toContain('exit-codes');
});

test('completionTree() takes choices from arguments, own flags and settings, and no flag of a secret', () => {
  const flagsOf = (name: string) => new Map(tree.find((command) => command.name === name)?.flags.map((flag) => [flag.flag, flag]));
  expect(tree.find(({ name }) => name === 'migrate')?.arguments).toEqual([{ choices: ['status', 'plan', 'up'], isPath: false }]);
  expect(flagsOf('doctor').get('--only')?.value?.choices).toContain('kafka');
  expect(flagsOf('consume').get('--db-dialect')?.value?.choices).toEqual(['auto', 'redshift', 'postgres']);
  expect(flagsOf('consume').get('--kafka-ca-file')?.value).toEqual({ choices: [], isPath: true });
  expect(flagsOf('doctor').get('--bundle')?.value?.isPath).toBe(true);
  expect(flagsOf('doctor').get('--json')?.value).toBeUndefined();
  expect([...flagsOf('consume').keys()].some((flag) => flag.includes('password'))).toBe(false);
});
