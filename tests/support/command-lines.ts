// The lines of a Markdown page that a reader may paste into a shell, as far as they are gbx's.

export interface CommandLine {
  /** `docs/lag.md:12`. */
  readonly place: string;
  readonly page: string;
  readonly text: string;
  readonly argv: readonly string[];
}

/** Languages of fenced blocks that are a shell's. */
const SHELL = /^(sh|bash|shell|console|zsh)$/u;

/** Those in blocks fenced for a shell, and in indented ones. */
export function commandLines(page: string, markdown: string): CommandLine[] {
  const found: CommandLine[] = [];
  let fence: string | undefined;
  let unfinished = '';
  for (const [index, line] of markdown.split('\n').entries()) {
    const mark = /^\s*```(\w*)/u.exec(line);
    if (mark !== null) {
      fence = fence === undefined ? (mark[1] ?? '') : undefined;
      continue;
    }
    const isCode = fence === undefined ? /^ {4}/u.test(line) : SHELL.test(fence);
    if (!isCode) continue;
    const text = `${unfinished}${line.trim().replace(/^\$ /u, '')}`;
    unfinished = text.endsWith('\\') ? `${text.slice(0, -1).trimEnd()} ` : '';
    if (unfinished !== '' || !/^(\w+=\S+ )*gbx(\s|$)/u.test(text)) continue;
    found.push({ place: `${page}:${index + 1}`, page, text, argv: words(text) });
  }
  return found;
}

/** What of the line goes to gbx: no settings before it, no comment, no pipe or file behind it; `<placeholders>` as they stand. */
function words(text: string): readonly string[] {
  const command = text.replace(/^(\w+=\S+ )*gbx\s*/u, '').split(/\s(?:#|\||&&|\|\||;|>|>>|<|2>|&)(?:\s|$)/u)[0] ?? '';
  return [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/gu)].map(([, double, single, plain]) => double ?? single ?? plain ?? '');
}
