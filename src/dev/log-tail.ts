// The end of a server's log, for the message that says why it died.
import { readFile } from 'node:fs/promises';

/** Frames of a Java stack trace: noise beside the exceptions' own lines. */
const FRAME = /^\s+(at |\.\.\. \d+ more)/;

/** The last lines of the file, indented; a sentence where there are none. */
export async function logTail(file: string, lines: number): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const telling = text.split('\n').filter((line) => line.trim() !== '' && !FRAME.test(line));
  if (telling.length === 0) return '  (its log is empty)';
  return telling
    .slice(-lines)
    .map((line) => `  | ${line}`)
    .join('\n');
}
