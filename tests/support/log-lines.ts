// What a process under GBX_LOG_FORMAT=json said, as objects.
import type { TestProcess } from './process.ts';

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

/** Its log lines so far; what else stands on stderr is left out. */
export function logLines(child: TestProcess): LogLine[] {
  return child
    .stderr()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as LogLine);
}

/** Those with this event. */
export function logged(child: TestProcess, event: string): LogLine[] {
  return logLines(child).filter((line) => line.event === event);
}

/** What a command says last when it fails: from `error:` on. */
export function lastWords(child: TestProcess): string {
  return /^error: [\s\S]*/mu.exec(child.stderr())?.[0] ?? '';
}

/** How many partitions a consumer claimed last. */
export function partitionsHeld(consumer: TestProcess): number {
  const claimed = logged(consumer, 'partitions.claimed').at(-1)?.['partitions'];
  return Array.isArray(claimed) ? claimed.length : 0;
}
