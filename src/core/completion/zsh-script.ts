// Completion for zsh, by _arguments (zshcompsys): a function for each command, chosen by the first word.
import type { CompletedCommand, CompletedFlag, CompletedValue } from './tree.ts';

/** To be evaluated after compinit, or kept as `_gbx` in a folder of $fpath. */
export function zshScript(commands: readonly CompletedCommand[]): string {
  return `#compdef gbx
# Completion of gbx for zsh: source <(gbx completion zsh)
_gbx() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C '(- *)--help[Print help]' '(- *)--version[Print the version]' '1: :->command' '*:: :->rest'
  case "$state" in
    command)
      local -a commands
      commands=(
${commands.map(({ name, about }) => `        ${quote(`${name}:${about.replaceAll(':', '\\:')}`)}`).join('\n')}
      )
      _describe -t commands command commands
      ;;
    rest)
      case "$words[1]" in
${commands.map(commandCase).join('\n')}
      esac
      ;;
  esac
}
# As a file of $fpath it is the function itself; evaluated, it says what it is for.
if [ "$funcstack[1]" = '_gbx' ]; then _gbx "$@"; else compdef _gbx gbx; fi
`;
}

function commandCase({ name, flags, arguments: values }: CompletedCommand): string {
  const specs = [
    ...flags.map(flagSpec),
    quote('--help[Print help]'),
    ...values.map((value, index) => quote(`${index + 1}: :${actionOf(value)}`)),
  ];
  return `        ${name}) _arguments ${specs.join(' ')} ;;`;
}

function flagSpec({ flag, about, value }: CompletedFlag): string {
  const words = about.replaceAll(/[[\]\\:]/gu, '\\$&');
  return value === undefined ? quote(`${flag}[${words}]`) : quote(`${flag}=[${words}]: :${actionOf(value)}`);
}

function actionOf({ choices, isPath }: CompletedValue): string {
  if (choices.length > 0) return `(${choices.join(' ')})`;
  return isPath ? '_files' : ' ';
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
