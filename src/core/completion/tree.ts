// What can be typed after `gbx`, as data: made from the tables of commands and settings, turned into a script for each shell.

export interface CompletedFlag {
  /** `--topic`. */
  readonly flag: string;
  readonly about: string;
  /** Undefined for a switch. */
  readonly value?: CompletedValue;
}

export interface CompletedValue {
  /** The only values it takes; empty where any text does. */
  readonly choices: readonly string[];
  readonly isPath: boolean;
}

export interface CompletedCommand {
  readonly name: string;
  readonly about: string;
  /** By position. */
  readonly arguments: readonly CompletedValue[];
  readonly flags: readonly CompletedFlag[];
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof SHELLS)[number];

/** Whether `<file>`, `<folder>` or a setting of that name wants a path. */
export function isPathName(name: string): boolean {
  return /(^|-)(file|folder|dir|path)$/iu.test(name);
}
