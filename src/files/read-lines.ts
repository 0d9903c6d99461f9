// Lines of a file or of stdin, as they come: memory holds one chunk and one line, however long the input is. Called by
// commands that take NDJSON.
import { constants, createReadStream, openSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { GbxError } from '../core/errors.ts';

export interface ReadLine {
  /** From 1. */
  readonly number: number;
  /** Without its line feed; undefined where it is longer than `bytesMax`. */
  readonly text: string | undefined;
}

export interface LineReader extends AsyncDisposable {
  /** The next ones, at least one; undefined at the end, or once it is closed. @throws {GbxError} GBX_USAGE when it cannot be read */
  next(): Promise<readonly ReadLine[] | undefined>;
}

interface LinesOptions {
  /** A path, or a stream that stands for itself. */
  readonly from: string | Readable;
  /** Longest line. */
  readonly bytesMax: number;
}

const LINE_FEED = 10;

export function openLines({ from, bytesMax }: LinesOptions): LineReader {
  // Opened by the first read: it is there that a failure is told.
  let stream: Readable | undefined;
  let chunks: AsyncIterator<Buffer | string> | undefined;
  const lines = createSplitter(bytesMax);
  let isClosed = false;

  async function next(): Promise<readonly ReadLine[] | undefined> {
    for (;;) {
      const chunk = await readChunk();
      const found = chunk === undefined ? lines.end() : lines.push(chunk);
      if (found.length > 0) return found;
      if (chunk === undefined) return undefined;
    }
  }

  async function readChunk(): Promise<Buffer | undefined> {
    if (isClosed) return undefined;
    try {
      stream ??= typeof from === 'string' ? await openPath(from) : from;
      if (isClosed) stream.destroy();
      chunks ??= stream[Symbol.asyncIterator]();
      const { done, value } = await chunks.next();
      if (done === true) return undefined;
      return typeof value === 'string' ? Buffer.from(value) : value;
    } catch (error) {
      // Closing it ends a read that waits.
      if (isClosed) return undefined;
      const name = typeof from === 'string' ? from : 'stdin';
      const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      const why = reason === 'ENOENT' ? 'there is no such file' : reason;
      throw new GbxError('GBX_USAGE', `Cannot read ${name}: ${why}`, {
        cause: error,
        hint: 'give a file that can be read, or - for stdin',
      });
    }
  }

  return {
    next,
    async [Symbol.asyncDispose]() {
      isClosed = true;
      if (typeof from !== 'string') from.destroy();
      stream?.destroy();
    },
  };
}

/** False for a pipe, a terminal, `<(…)`: what was read of those is gone. What is not there can be read as often as anyone likes. */
export async function canBeReadAgain(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  return stats === undefined || stats.isFile();
}

/** A pipe as a socket: a read of a file cannot be called off, and one that waits for a silent pipe would hold the process. */
async function openPath(path: string): Promise<Readable> {
  const stats = await stat(path);
  if (!stats.isFIFO()) return createReadStream(path);
  return new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true, writable: false });
}

interface Splitter {
  push(chunk: Buffer): readonly ReadLine[];
  /** The last line where no line feed ends it. */
  end(): readonly ReadLine[];
}

function createSplitter(bytesMax: number): Splitter {
  let number = 0;
  let parts: Buffer[] = [];
  let bytes = 0;

  function keep(part: Buffer): void {
    bytes += part.length;
    // What is too long already is counted, not kept.
    if (bytes <= bytesMax) parts.push(part);
    else parts = [];
  }

  function take(): ReadLine {
    const text = bytes <= bytesMax ? Buffer.concat(parts).toString('utf8') : undefined;
    const line = { number: ++number, text: number === 1 ? text?.replace(/^\uFEFF/u, '') : text };
    parts = [];
    bytes = 0;
    return line;
  }

  return {
    push(chunk) {
      const lines: ReadLine[] = [];
      let from = 0;
      for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, from)) {
        keep(chunk.subarray(from, at));
        lines.push(take());
        from = at + 1;
      }
      if (from < chunk.length) keep(chunk.subarray(from));
      return lines;
    },
    end: () => (bytes > 0 ? [take()] : []),
  };
}
