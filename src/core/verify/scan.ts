// Reading what a verification reads: stretches of a topic, the dead letters, a manifest, each with its progress. Ends by
// throwing what the signal was aborted with.
import type { GbxError } from '../errors.ts';
import { asGbxError } from '../errors.ts';
import type { LogRecord } from '../exposure/exposure.ts';
import { createManifestParser, type ManifestHead, type SentExposure } from '../traffic/manifest.ts';
import type { Logs, Stretch } from './ports.ts';
import { countOffsets } from './range.ts';

/** What is going on, for a line on a terminal. `of` is undefined where nobody knows. */
export type OnProgress = (step: string, done: number, of: number | undefined) => void;

export interface Reading {
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

export interface ScanOptions extends Reading {
  readonly step: string;
  readonly onRecord: (record: LogRecord) => void;
  /** Awaited before more is read: so that what was made of the records does not pile up. */
  readonly afterChunk?: () => Promise<void>;
}

export async function scanStretches(
  logs: Pick<Logs, 'read'>,
  stretches: readonly Stretch[],
  { step, onRecord, afterChunk, signal, onProgress }: ScanOptions,
): Promise<void> {
  const total = countOffsets(stretches);
  let before = 0;
  for (const stretch of stretches) {
    for await (const { records, nextOffset } of logs.read(stretch, signal)) {
      signal.throwIfAborted();
      for (const record of records) onRecord(record);
      await afterChunk?.();
      onProgress(step, before + Number(nextOffset - stretch.from), total);
    }
    signal.throwIfAborted();
    before += Number(stretch.to - stretch.from);
  }
}

export type LettersSeen =
  /** `expired`: offsets before the log's start. */
  | { readonly kind: 'read'; readonly records: number; readonly expired: number }
  | { readonly kind: 'no-topic' }
  /** May not be read. */
  | { readonly kind: 'unreadable'; readonly error: GbxError };

/** All of the dead letters. A missing right is an answer; every other failure is thrown. */
export async function scanLetters(
  logs: Logs,
  topic: string,
  { onRecord, signal, onProgress }: Omit<ScanOptions, 'step' | 'afterChunk'>,
): Promise<LettersSeen> {
  try {
    const ranges = await logs.ranges(topic);
    if (ranges === undefined) return { kind: 'no-topic' };
    const stretches = ranges
      .filter(({ start, end }) => start < end)
      .map(({ partition, start, end }) => ({ topic, partition, from: start, to: end }));
    let records = 0;
    const count = (record: LogRecord): void => {
      records++;
      onRecord(record);
    };
    await scanStretches(logs, stretches, { step: 'reading the dead letters', onRecord: count, signal, onProgress });
    return { kind: 'read', records, expired: ranges.reduce((sum, { start }) => sum + Number(start), 0) };
  } catch (error) {
    const known = asGbxError(error);
    if (known.code === 'GBX_KAFKA_AUTH') return { kind: 'unreadable', error: known };
    throw error;
  }
}

interface ManifestScan extends Reading {
  readonly onSent: (sent: SentExposure) => void;
  /** To be named where it is wrong. */
  readonly path?: string;
}

/** @throws {GbxError} GBX_USAGE for a manifest that is none, or is not whole */
export async function scanManifest(
  lines: AsyncIterable<string>,
  { onSent, path, signal, onProgress }: ManifestScan,
): Promise<ManifestHead> {
  const parser = createManifestParser(path);
  let taken = 0;
  for await (const line of lines) {
    const sent = parser.take(line);
    if (sent === undefined) continue;
    onSent(sent);
    taken++;
    if (taken % 10_000 === 0) {
      signal.throwIfAborted();
      onProgress('reading the manifest', taken, parser.head()?.count);
    }
  }
  return parser.end();
}
