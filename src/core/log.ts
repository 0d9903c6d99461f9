// What the program says while it runs: the type only. src/telemetry writes it, tests collect it.

/** Facts of one line: numbers with their unit in the name, ids, never values of rows or secrets. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * One line a call; `event` is a fixed name in dotted past tense (`batch.loaded`).
 * error: somebody must look. warn: we coped. info: life cycle and batches. debug: the rest.
 */
export interface Logger {
  error(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  debug(event: string, fields?: LogFields): void;
}
