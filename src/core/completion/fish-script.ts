// Completion for fish: a line for each thing that can be typed, with the condition under which it can.
import type { CompletedCommand, CompletedValue } from './tree.ts';

/** To be sourced, or kept in ~/.config/fish/completions/gbx.fish. */
export function fishScript(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap((command) => [
    `complete -c gbx -n __fish_use_subcommand -a ${command.name} -d ${quote(command.about)}`,
    ...linesOf(command),
  ]);
  return `# Completion of gbx for fish: gbx completion fish | source
complete -c gbx -f
complete -c gbx -n __fish_use_subcommand -l help -d 'Print help'
complete -c gbx -n __fish_use_subcommand -l version -d 'Print the version'
${lines.join('\n')}
`;
}

function linesOf({ name, flags, arguments: values }: CompletedCommand): string[] {
  const seen = `complete -c gbx -n '__fish_seen_subcommand_from ${name}'`;
  const choices = values.flatMap((value) => value.choices);
  const own =
    choices.length === 0
      ? []
      : [
          `complete -c gbx -n '__fish_seen_subcommand_from ${name}; and not __fish_seen_subcommand_from ${choices.join(' ')}' -a ${quote(choices.join(' '))}`,
        ];
  const path = values.some(({ isPath }) => isPath) ? [`${seen} -F`] : [];
  const options = flags.map(({ flag, about, value }) => `${seen} -l ${flag.replace(/^--/u, '')}${valueWords(value)} -d ${quote(about)}`);
  return [...own, ...path, ...options, `${seen} -l help -d 'Print help'`];
}

function valueWords(value: CompletedValue | undefined): string {
  if (value === undefined) return '';
  if (value.choices.length > 0) return ` -x -a ${quote(value.choices.join(' '))}`;
  return value.isPath ? ' -r -F' : ' -x';
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
