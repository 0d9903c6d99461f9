// Real exposures as a source of a run: lines of JSON, each read by the rules of serve. A line at fault is named by its number,
// never by its content. Used by `gbx produce --file`.
import { hash } from 'node:crypto';
import { GbxError } from '../errors.ts';
import { encodeExposure } from '../exposure/encode.ts';
import { parsePosted } from '../exposure/posted.ts';
import type { Outgoing, Take } from './outgoing.ts';

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Undefined where it was longer than is read. */
  readonly text: string | undefined;
}

export type ParsedLine =
  | { readonly kind: 'exposure'; readonly outgoing: Outgoing }
  | { readonly kind: 'empty' }
  | { readonly kind: 'invalid'; readonly number: number; readonly reason: string };

interface ParseOptions {
  /** Exposures without id and time get an id from it and their line: the same file sent again under it doubles nothing. */
  readonly runId: string;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

export function parseLine({ number, text }: Line, { runId, nowMs }: ParseOptions): ParsedLine {
  if (text === undefined) return { kind: 'invalid', number, reason: 'is longer than an exposure can be' };
  if (text.trim() === '') return { kind: 'empty' };
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    return { kind: 'invalid', number, reason: 'is not JSON' };
  }
  const mintId = (): string => `line_${hash('sha256', runId, 'base64url').slice(0, 16)}-${number}`;
  const posted = parsePosted(input, { acceptedAtMs: nowMs, itemIndex: 0, mintId });
  if (posted.kind === 'valid') {
    return { kind: 'exposure', outgoing: { kind: 'plain', exposure: posted.exposure, value: encodeExposure(posted.exposure) } };
  }
  const reason = posted.fields.map(({ field, message }) => `${field} ${message}`.trim()).join(', ');
  return { kind: 'invalid', number, reason };
}

export function invalidLine({ number, reason }: { readonly number: number; readonly reason: string }): GbxError {
  return new GbxError('GBX_INPUT_INVALID', `line ${number} ${reason}`, {
    hint: 'mend the line, or leave out such lines with --skip-invalid',
  });
}

function noExposure(): GbxError {
  return new GbxError('GBX_INPUT_INVALID', 'the input holds no exposure', { hint: 'give one exposure a line, as serve takes them' });
}

interface LinesOptions {
  /** The next lines, at least one; undefined at the end. */
  readonly next: () => Promise<readonly Line[] | undefined>;
  readonly parse: (line: Line) => ParsedLine;
  /** Told of a line that is left out; throws where none may be. */
  readonly onInvalid: (line: { readonly number: number; readonly reason: string }) => void;
  /** Once it aborts, an input without an exposure is none's fault. */
  readonly signal: AbortSignal;
}

/**
 * Takes what is there rather than wait for a full batch: input may trickle. What stands before a line at fault is still taken.
 * The first take throws GBX_INPUT_INVALID where there is no exposure at all: nothing sent must not look like a success.
 */
export function takeLines({ next, parse, onInvalid, signal }: LinesOptions): Take {
  let waiting: Outgoing[] = [];
  let failure: unknown;
  let hasTaken = false;

  async function read(): Promise<boolean> {
    const lines = failure === undefined ? await next() : undefined;
    if (lines === undefined) return false;
    waiting = [];
    for (const line of lines) {
      const parsed = parse(line);
      if (parsed.kind === 'exposure') waiting.push(parsed.outgoing);
      if (parsed.kind !== 'invalid') continue;
      try {
        onInvalid(parsed);
      } catch (error) {
        failure = error;
        break;
      }
    }
    return true;
  }

  return async ({ recordsMax, bytesMax }) => {
    while (waiting.length === 0 && (await read())) {}
    if (waiting.length === 0 && failure !== undefined) throw failure;
    if (waiting.length === 0 && !hasTaken && !signal.aborted) throw noExposure();
    hasTaken = true;
    let count = 0;
    for (let bytes = 0; count < waiting.length && count < recordsMax && (count === 0 || bytes < bytesMax); count++) {
      bytes += waiting[count]?.value.length ?? 0;
    }
    return waiting.splice(0, count);
  };
}
