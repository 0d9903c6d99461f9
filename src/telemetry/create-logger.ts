// The Logger of core/log over pino: one JSON object a line for machines, or one short line for a terminal.
// Called once a process by run-command; everything else gets the Logger passed in.
import { pino } from 'pino';
import { type Clock, systemClock } from '../core/clock.ts';
import type { LogFields, Logger } from '../core/log.ts';
import { type DescribedError, describeError } from './describe-error.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

interface LoggerOptions {
  /** Least severe level that is written. */
  readonly level: LogLevel;
  readonly format: 'json' | 'text';
  /** Gets each line whole, its line feed included. */
  readonly write: (line: string) => void;
  readonly clock?: Clock;
  /** Values that are blotted out of the messages of errors, e.g. the warehouse's password. */
  readonly secrets?: readonly string[];
}

type WriteEvent = (level: LogLevel, event: string, fields: LogFields) => void;

const LEVELS: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];
const SECRET_NAME = /password|secret|token|authorization|apikeys?$/iu;
const RESERVED = new Set(['level', 'time', 'event']);

/** A field whose name speaks of a secret is written as `[secret]`, an error as its code, message and causes. */
export function createLogger({ level, format, write, clock = systemClock, secrets = [] }: LoggerOptions): Logger {
  const writeEvent = format === 'json' ? createJsonWriter(write, clock) : createTextWriter(write, clock);
  const rank = LEVELS.indexOf(level);
  const at = (lineLevel: LogLevel) => {
    if (LEVELS.indexOf(lineLevel) > rank) return () => undefined;
    return (event: string, fields: LogFields = {}): void => writeEvent(lineLevel, event, cleanFields(fields, secrets));
  };
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') };
}

function cleanFields(fields: LogFields, secrets: readonly string[]): LogFields {
  const clean: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    const key = RESERVED.has(name) ? `${name}_` : name;
    if (SECRET_NAME.test(name)) clean[key] = '[secret]';
    else clean[key] = value instanceof Error ? describeError(value, secrets) : value;
  }
  return clean;
}

function createJsonWriter(write: (line: string) => void, clock: Clock): WriteEvent {
  const logger = pino(
    {
      level: 'debug',
      base: null,
      timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  return (level, event, fields) => logger[level]({ event, ...fields });
}

function createTextWriter(write: (line: string) => void, clock: Clock): WriteEvent {
  return (level, event, fields) => {
    const time = new Date(clock.now()).toISOString().slice(11, 23);
    let line = `${time} ${level.toUpperCase().padEnd(5)} ${event}`;
    let stack = '';
    for (const [name, value] of Object.entries(fields)) {
      if (value === undefined) continue;
      if (isDescribedError(value)) {
        line += ` ${name}=${quote(sentence(value))}`;
        if (value.hint !== undefined) line += ` hint=${quote(value.hint)}`;
        if (value.stack !== undefined) stack += `${indent(value.stack)}\n`;
      } else line += ` ${name}=${quote(asText(value))}`;
    }
    write(`${line}\n${stack}`);
  };
}

function isDescribedError(value: unknown): value is DescribedError {
  return typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string';
}

function sentence({ code, message, cause }: DescribedError): string {
  const own = code === undefined ? message : `${code}: ${message}`;
  return cause === undefined ? own : `${own}; because ${sentence(cause)}`;
}

function asText(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner));
  } catch {
    return '[unprintable]';
  }
}

/** Bare where that is unmistakable; control characters never reach the terminal. */
function quote(text: string): string {
  if (/^[\w.:/@+,%()[\]-]+$/u.test(text)) return text;
  return JSON.stringify(text).replace(/[\u007f-\u009f]/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function indent(stack: string): string {
  return stack
    .split('\n')
    .map((line) => `    ${line.trimStart()}`)
    .join('\n');
}
