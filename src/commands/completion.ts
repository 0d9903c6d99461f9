// `gbx completion bash | zsh | fish`: prints the script that makes the shell complete gbx.
import type { CommandEntry } from '../command-entry.ts';
import { completionTree } from '../completion-tree.ts';
import { bashScript } from '../core/completion/bash-script.ts';
import { fishScript } from '../core/completion/fish-script.ts';
import type { Shell } from '../core/completion/tree.ts';
import { zshScript } from '../core/completion/zsh-script.ts';
import { EXIT } from '../core/errors.ts';
import type { CommandContext } from '../run-command.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript };

export async function printScript({ args, stdout }: CommandContext, commands: readonly CommandEntry[]): Promise<number> {
  // The command line takes none but these.
  const shell = args[0] as Shell;
  stdout.write(SCRIPTS[shell](completionTree(commands)));
  return EXIT.done;
}
