// Completion for bash, from version 3.2 on, which macOS still has: no associative arrays, no mapfile, nothing to install.
import type { CompletedCommand, CompletedFlag, CompletedValue } from './tree.ts';

/** To be evaluated by a shell, or kept as a file that one reads. */
export function bashScript(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  return `# Completion of gbx for bash: source <(gbx completion bash)
_gbx() {
  local word previous command flag position index
  COMPREPLY=()
  word="\${COMP_WORDS[COMP_CWORD]}"
  previous=''
  if [ "$COMP_CWORD" -gt 0 ]; then previous="\${COMP_WORDS[COMP_CWORD - 1]}"; fi
  # bash cuts --flag=value at the sign.
  if [ "$word" = '=' ]; then
    word=''
  elif [ "$previous" = '=' ] && [ "$COMP_CWORD" -gt 1 ]; then
    previous="\${COMP_WORDS[COMP_CWORD - 2]}"
  fi
  command=''
  position=0
  index=1
  while [ "$index" -lt "$COMP_CWORD" ]; do
    flag="\${COMP_WORDS[index]}"
    case "$flag" in
      =) index=$((index + 1)) ;;
      -*) if [ -n "$command" ] && _gbx_takes_value "$command" "$flag" && [ "\${COMP_WORDS[index + 1]}" != '=' ]; then index=$((index + 1)); fi ;;
      *) if [ -z "$command" ]; then command="$flag"; else position=$((position + 1)); fi ;;
    esac
    index=$((index + 1))
  done
  if [ -z "$command" ]; then
    COMPREPLY=($(compgen -W '${names} --help --version' -- "$word"))
    return
  fi
  case "$command $previous" in
${commands.flatMap(valueCases).join('\n')}
  esac
  case "$word" in
    -*) COMPREPLY=($(compgen -W "$(_gbx_flags "$command")" -- "$word")); return ;;
  esac
  case "$command $position" in
${commands.flatMap(argumentCases).join('\n')}
  esac
}
_gbx_flags() {
  case "$1" in
${commands.map(({ name, flags }) => `    ${name}) echo '${[...flags.map(({ flag }) => flag), '--help'].join(' ')}' ;;`).join('\n')}
  esac
}
_gbx_takes_value() {
  case "$1 $2" in
${takersOf(commands)}
    *) return 1 ;;
  esac
}
complete -F _gbx gbx
`;
}

function valueCases({ name, flags }: CompletedCommand): string[] {
  return flags.flatMap(({ flag, value }) => (value === undefined ? [] : [`    '${name} ${flag}') ${replyOf(value)}; return ;;`]));
}

function argumentCases({ name, arguments: values }: CompletedCommand): string[] {
  return values.map((value, position) => `    '${name} ${position}') ${replyOf(value)} ;;`);
}

function replyOf({ choices, isPath }: CompletedValue): string {
  if (choices.length > 0) return `COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$word"))`;
  // Any other text: the shell has nothing to offer, and must not offer files instead.
  return isPath ? 'COMPREPLY=($(compgen -f -- "$word"))' : 'COMPREPLY=()';
}

function takersOf(commands: readonly CompletedCommand[]): string {
  const takers = commands.flatMap(({ name, flags }) => flags.filter(takesValue).map(({ flag }) => `'${name} ${flag}'`));
  return takers.length === 0 ? `    '') ;;` : `    ${takers.join(' | ')}) return 0 ;;`;
}

function takesValue({ value }: CompletedFlag): boolean {
  return value !== undefined;
}
