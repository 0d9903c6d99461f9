// What the help of `gbx completion` says, and where its work is.
import type { CommandEntry } from '../command-entry.ts';

/** @param commands all of them, itself included: asked for when it runs */
export function completion(commands: () => readonly CommandEntry[]): CommandEntry {
  return {
    name: 'completion',
    summary: 'Print a script that completes gbx in your shell',
    description:
      'Made from the same tables as --help: commands, flags and what they take. Put the line of your shell into its start-up file.',
    arguments: [{ name: 'shell', choices: ['bash', 'zsh', 'fish'], about: 'The shell that reads it.' }],
    settings: [],
    examples: ['gbx completion bash', 'gbx completion zsh', 'gbx completion fish'],
    // Wrong settings must not break the start of a shell.
    showsConfig: true,
    load: async () => {
      const { printScript } = await import('../commands/completion.ts');
      return { run: (context) => printScript(context, commands()) };
    },
  };
}
