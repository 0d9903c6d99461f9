// Loggers for tests: one that says nothing, one that remembers.
import type { LogFields, Logger } from '../../src/core/log.ts';

export interface LoggedLine {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly event: string;
  readonly fields: LogFields;
}

export function silentLog(): Logger {
  const nothing = (): void => undefined;
  return { error: nothing, warn: nothing, info: nothing, debug: nothing };
}

/** `lines` grows as the program logs. */
export function collectingLog(): Logger & { readonly lines: readonly LoggedLine[]; events(): string[] } {
  const lines: LoggedLine[] = [];
  const at =
    (level: LoggedLine['level']) =>
    (event: string, fields: LogFields = {}): void =>
      void lines.push({ level, event, fields });
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    lines,
    events: () => lines.map(({ event }) => event),
  };
}
