// The colours of what was found: green, yellow and red as everybody has them, for a stream that wants colour.
import { Chalk } from 'chalk';

type State = 'ok' | 'warn' | 'fail' | 'skipped' | 'unknown';

/** @param hasColor of the stream that is written to */
export function createStatePaint(hasColor: boolean): (state: State, text: string) => string {
  const chalk = new Chalk({ level: hasColor ? 1 : 0 });
  const paints = { ok: chalk.green, warn: chalk.yellow, fail: chalk.red, skipped: chalk.dim, unknown: chalk.yellow };
  return (state, text) => paints[state](text);
}
