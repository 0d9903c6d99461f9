// An error as plain data for a log line: what failed, its code, and the chain of causes, with nothing in it that
// must not be written down. Called by create-logger for every field that holds an error.
import { GbxError } from '../core/errors.ts';
import { redact } from '../core/redact.ts';

const CAUSES_MAX = 5;
const MESSAGE_CHARS_MAX = 500;

export interface DescribedError {
  readonly code?: string;
  readonly message: string;
  readonly from?: string;
  readonly hint?: string;
  /** Only of errors that are bugs: those with a name of their own explain themselves. */
  readonly stack?: string;
  readonly cause?: DescribedError;
}

/**
 * Passwords inside URLs, and every one of the given values, are blotted out of messages: vendor clients put
 * connection strings into theirs.
 */
export function describeError(error: unknown, secrets: readonly string[] = []): DescribedError {
  return describe(error, secrets, 0);
}

function describe(error: unknown, secrets: readonly string[], depth: number): DescribedError {
  if (!(error instanceof Error)) return { message: blot(String(error), secrets) };
  const isBug = !(error instanceof GbxError) || error.code === 'GBX_BUG';
  const code = codeOf(error);
  return {
    ...(code === undefined ? {} : { code }),
    message: blot(error.message, secrets),
    ...(error instanceof GbxError ? { hint: error.hint } : {}),
    ...(error instanceof GbxError && error.from !== undefined ? { from: error.from } : {}),
    ...(isBug && depth === 0 && error.stack !== undefined ? { stack: redact(error.stack, secrets) } : {}),
    ...(error.cause === undefined || depth >= CAUSES_MAX ? {} : { cause: describe(error.cause, secrets, depth + 1) }),
  };
}

function codeOf(error: Error): string | undefined {
  const code: unknown = 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function blot(text: string, secrets: readonly string[]): string {
  const clean = redact(text, secrets);
  return clean.length > MESSAGE_CHARS_MAX ? `${clean.slice(0, MESSAGE_CHARS_MAX)}…` : clean;
}
