// A migration's text as statements, each with the line it starts on, so that a failure can name its place. Knows comments,
// quoted strings and quoted names: all that SQL for Redshift and PostgreSQL alike may hold.

export interface SqlStatement {
  /** Without the semicolon and what stands before its first word. */
  readonly text: string;
  /** Line of its first word, from 1. */
  readonly line: number;
}

// One token at a time: a comment, a quoted thing (doubled quotes are two of them), a semicolon, white space, anything else.
const TOKEN = /--[^\n]*|\/\*[\s\S]*?\*\/|'[^']*'|"[^"]*"|;|\s+|[^-/'";\s]+|[\s\S]/g;

export function splitStatements(sql: string): readonly SqlStatement[] {
  const statements: SqlStatement[] = [];
  let text = '';
  let line = 1;
  let startLine = 1;
  const end = (): void => {
    if (text !== '') statements.push({ text: text.trimEnd(), line: startLine });
    text = '';
  };
  for (const [token] of sql.matchAll(TOKEN)) {
    const isBlank = /^\s/.test(token) || token.startsWith('--') || token.startsWith('/*');
    if (token === ';') end();
    else if (text !== '') text += token;
    else if (!isBlank) {
      text = token;
      startLine = line;
    }
    line += token.split('\n').length - 1;
  }
  end();
  return statements;
}

/** The line of a character in a statement. @param position from 1, as servers count; undefined gives the first line */
export function lineAt(statement: SqlStatement, position: number | undefined): number {
  if (position === undefined) return statement.line;
  return statement.line + statement.text.slice(0, position - 1).split('\n').length - 1;
}
