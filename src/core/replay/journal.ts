// What a run has done, line by line: each with a checksum, written behind what it tells of and on disk before the next begins.
// After a kill the last line may be torn: it is cut, and what it told of is sent again, which the ids make harmless.
import { hash } from 'node:crypto';
import { GbxError } from '../errors.ts';
import { isJsonObject } from '../exposure/validate.ts';

export type JournalEntry =
  | { readonly kind: 'started'; readonly plan: string; readonly atMs: number; readonly by: string }
  /** Entries `from` to `to`, exclusive, are acknowledged, but for those named: gone from the log, not taken by the topic, loaded before. */
  | {
      readonly kind: 'sent';
      readonly from: number;
      readonly to: number;
      readonly gone: readonly number[];
      readonly tooLarge: readonly number[];
      /** For another reason than their size; absent where there are none. */
      readonly refused?: readonly number[];
      readonly loaded: number;
    }
  | { readonly kind: 'canary'; readonly upTo: number }
  | { readonly kind: 'stopped'; readonly why: string; readonly atMs: number }
  | { readonly kind: 'ended'; readonly atMs: number; readonly loaded: number; readonly failedAgain: number };

export interface Progress {
  /** The first entry that is not done. */
  readonly next: number;
  readonly sent: number;
  readonly loadedBefore: number;
  readonly gone: readonly number[];
  readonly tooLarge: readonly number[];
  /** By the topic, for another reason than their size. */
  readonly refused: readonly number[];
  readonly startedAtMs: number | undefined;
  readonly by: string | undefined;
  /** The canaries are in: it goes on without. */
  readonly canaryPassed: boolean;
  readonly stopped: string | undefined;
  readonly ended: { readonly atMs: number; readonly loaded: number; readonly failedAgain: number } | undefined;
}

export interface ReadJournal {
  readonly entries: readonly JournalEntry[];
  /** How much of it is whole: the rest is to be cut. */
  readonly bytes: number;
  readonly isTorn: boolean;
}

const SUM_CHARS = 8;

export function formatJournalLine(entry: JournalEntry): string {
  const text = JSON.stringify(entry);
  return `${checksum(text)} ${text}\n`;
}

/** Whole lines from the beginning; nothing behind the first one that is not. Never throws. */
export function readJournal(content: Buffer): ReadJournal {
  const entries: JournalEntry[] = [];
  let bytes = 0;
  for (let end = content.indexOf(10); end !== -1; end = content.indexOf(10, bytes)) {
    const entry = parseLine(content.toString('utf8', bytes, end));
    if (entry === undefined) break;
    entries.push(entry);
    bytes = end + 1;
  }
  return { entries, bytes, isTorn: bytes < content.length };
}

function parseLine(line: string): JournalEntry | undefined {
  const text = line.slice(SUM_CHARS + 1);
  if (line[SUM_CHARS] !== ' ' || line.slice(0, SUM_CHARS) !== checksum(text)) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    // The checksum is right: it is as it was written.
    return isJsonObject(parsed) ? (parsed as unknown as JournalEntry) : undefined;
  } catch {
    return undefined;
  }
}

function checksum(text: string): string {
  return hash('sha256', text, 'hex').slice(0, SUM_CHARS);
}

/** @throws {GbxError} GBX_INPUT_INVALID where it is the journal of another plan, or its lines do not follow each other */
export function progressOf(entries: readonly JournalEntry[], plan: { readonly hash: string; readonly id: string }): Progress {
  const [head] = entries;
  if (head !== undefined && (head.kind !== 'started' || head.plan !== plan.hash)) throw notOurs(plan.id, 'it is of another plan');
  let progress: Progress = NOTHING_DONE;
  for (const entry of entries) {
    if (entry.kind === 'sent' && entry.from !== progress.next) throw notOurs(plan.id, 'its lines do not follow each other');
    progress = step(progress, entry);
  }
  return progress;
}

export const NOTHING_DONE: Progress = {
  ...{ next: 0, sent: 0, loadedBefore: 0, gone: [], tooLarge: [], refused: [], canaryPassed: false },
  ...{ startedAtMs: undefined, by: undefined, stopped: undefined, ended: undefined },
};

export function step(progress: Progress, entry: JournalEntry): Progress {
  switch (entry.kind) {
    case 'started':
      return { ...progress, startedAtMs: progress.startedAtMs ?? entry.atMs, by: entry.by, stopped: undefined, ended: undefined };
    case 'sent': {
      const { from, to, gone, tooLarge, refused = [], loaded } = entry;
      return {
        ...progress,
        next: to,
        sent: progress.sent + (to - from) - gone.length - tooLarge.length - refused.length - loaded,
        loadedBefore: progress.loadedBefore + loaded,
        gone: gone.length === 0 ? progress.gone : [...progress.gone, ...gone],
        tooLarge: tooLarge.length === 0 ? progress.tooLarge : [...progress.tooLarge, ...tooLarge],
        refused: refused.length === 0 ? progress.refused : [...progress.refused, ...refused],
      };
    }
    case 'canary':
      return { ...progress, canaryPassed: true };
    case 'stopped':
      return { ...progress, stopped: entry.why };
    case 'ended':
      return { ...progress, ended: entry };
  }
}

function notOurs(id: string, why: string): GbxError {
  return new GbxError('GBX_INPUT_INVALID', `Cannot go on with ${id} by its journal: ${why}`, {
    hint: 'make a new plan: what is in the table already will be left out',
  });
}
