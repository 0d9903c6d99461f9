// The tables of commands and settings as what can be typed: for `gbx completion`, so that a new command completes by itself.
import type { CommandEntry, CommandOption } from './command-entry.ts';
import { type CompletedCommand, type CompletedFlag, type CompletedValue, isPathName } from './core/completion/tree.ts';
import { type SettingKey, settingEntry } from './core/config.ts';
import { HELP_TOPICS } from './help-topics.ts';

export function completionTree(commands: readonly CommandEntry[]): readonly CompletedCommand[] {
  const topics = [...commands.map(({ name }) => name), ...HELP_TOPICS];
  const help = { name: 'help', about: 'Print the help of a command or topic', arguments: [{ choices: topics, isPath: false }], flags: [] };
  return [...commands.map(asCompleted), help];
}

function asCompleted({ name, summary, arguments: values = [], options = [], settings }: CommandEntry): CompletedCommand {
  return {
    name,
    about: summary,
    arguments: values.map(({ name: own, choices = [] }) => ({ choices, isPath: isPathName(own) })),
    flags: [...options.map(ownFlag), ...settings.flatMap(settingFlag)],
  };
}

function ownFlag({ flags, about, choices = [] }: CommandOption): CompletedFlag {
  const [, flag = flags, value] = /(--[\w-]+)(?:\s+[<[]([^>\]]+)[>\]])?$/u.exec(flags) ?? [];
  return value === undefined ? { flag, about } : { flag, about, value: { choices, isPath: isPathName(value) } };
}

function settingFlag(key: SettingKey): CompletedFlag[] {
  const { flag, about, choices = [] } = settingEntry(key);
  const value: CompletedValue = { choices, isPath: flag !== undefined && isPathName(flag) };
  return flag === undefined ? [] : [{ flag, about, value }];
}
