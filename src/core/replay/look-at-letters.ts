// Looking at dead letters without changing anything: the list, one letter, the numbers, and the lines of an export.
import { GbxError } from '../errors.ts';
import type { LogRecord } from '../exposure/exposure.ts';
import type { Reading, ScanOptions } from '../verify/scan.ts';
import { placeOfOrigin } from './dialects.ts';
import type { ListedLetter } from './documents.ts';
import { letterDocument } from './edit.ts';
import { isMatch, type LetterFilter, type OriginWanted, parseOriginWanted } from './filter.ts';
import { rangesOf, scanTopic } from './gather.ts';
import { decodeLetter, experimentOf, type Letter, readLetter } from './letter.ts';
import type { ReplayLogs } from './ports.ts';
import { createLetterStats, type LetterStats } from './stats.ts';

export interface LetterPlace {
  readonly topic: string;
  readonly clusterId: string;
}

export interface LookDeps extends Reading {
  readonly logs: ReplayLogs;
}

interface Met extends ListedLetter {
  readonly record: LogRecord;
}

/** Told of every letter that fits. @returns how many letters there are, and how many fit */
async function eachMatching(
  place: LetterPlace,
  { logs, ...reading }: LookDeps,
  { filter, onMatch, ...more }: { readonly filter: LetterFilter; readonly onMatch: (met: Met) => void } & Pick<ScanOptions, 'afterChunk'>,
): Promise<{ letters: number; matching: number }> {
  let [letters, matching] = [0, 0];
  const onRecord = (record: LogRecord): void => {
    letters++;
    const letter = readLetter(record, place.topic);
    const experimentId = experimentOf(record, decodeLetter(record, letter.origin, place.clusterId));
    if (!isMatch(filter, letter, { key: record.key, experimentId })) return;
    matching++;
    onMatch({ record, letter, experimentId });
  };
  await scanTopic(logs, place.topic, { ...reading, ...more, onRecord });
  return { letters, matching };
}

export interface ListWish {
  readonly filter: LetterFilter;
  readonly limit: number;
  readonly order: 'newest' | 'oldest';
}

export async function listLetters(
  place: LetterPlace,
  deps: LookDeps,
  { filter, limit, order }: ListWish,
): Promise<{ letters: number; matching: number; shown: readonly ListedLetter[] }> {
  const sign = order === 'newest' ? -1 : 1;
  let kept: ListedLetter[] = [];
  const trim = (): void => {
    kept.sort((one, other) => sign * (one.letter.failedAtMs - other.letter.failedAtMs || Number(one.letter.offset - other.letter.offset)));
    kept = kept.slice(0, limit);
  };
  const counts = await eachMatching(place, deps, {
    filter,
    onMatch({ letter, experimentId }) {
      kept.push({ letter, experimentId });
      // Memory holds what will be shown, and a little more.
      if (kept.length > limit + 10_000) trim();
    },
  });
  trim();
  return { ...counts, shown: kept };
}

export async function countLetters(place: LetterPlace, deps: LookDeps, filter: LetterFilter): Promise<LetterStats> {
  const counter = createLetterStats();
  // Each of them: the newest letter of a record may be another one than those that fit.
  await eachMatching(place, deps, {
    filter: {},
    onMatch({ record, letter, experimentId }) {
      const isWanted = isMatch(filter, letter, { key: record.key, experimentId });
      counter.add(placeOfOrigin(letter.origin), letter, { experimentId, isWanted });
    },
  });
  return counter.stats();
}

/** One line each, in the order of the log; each record once, by its newest letter. What `write` throws ends it. */
export async function exportLetters(
  place: LetterPlace,
  deps: LookDeps,
  { filter, limit, write }: { readonly filter: LetterFilter; readonly limit: number; readonly write: (lines: string) => Promise<void> },
): Promise<number> {
  // Once through for which letter is the newest of its record, once more for the lines: memory holds places only.
  const newest = new Map<string, { readonly failedAtMs: number; readonly at: string }>();
  const { logs, ...reading } = deps;
  await scanTopic(logs, place.topic, {
    ...reading,
    onRecord(record) {
      const letter = readLetter(record, place.topic);
      const key = placeOfOrigin(letter.origin);
      if (letter.failedAtMs >= (newest.get(key)?.failedAtMs ?? Number.NEGATIVE_INFINITY))
        newest.set(key, { failedAtMs: letter.failedAtMs, at: placeOf(letter) });
    },
  });
  let written = 0;
  let lines = '';
  await eachMatching(place, deps, {
    filter,
    onMatch({ record, letter }) {
      if (written >= limit || newest.get(placeOfOrigin(letter.origin))?.at !== placeOf(letter)) return;
      lines += `${JSON.stringify(letterDocument(record, letter, place.clusterId))}\n`;
      written++;
    },
    async afterChunk() {
      if (lines !== '') await write(lines);
      lines = '';
    },
  });
  return written;
}

function placeOf({ partition, offset }: Letter): string {
  return `${partition}/${offset}`;
}

const PLACE = /^(\d{1,5})\/(\d{1,18})$/u;

/** All letters of an origin, newest last, or the one at a place. @throws {GbxError} GBX_USAGE for what is neither */
export async function inspectLetters(place: LetterPlace, deps: LookDeps, what: string): Promise<readonly Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  const take = (record: LogRecord): void => {
    found.push(letterDocument(record, readLetter(record, place.topic), place.clusterId));
  };
  const [, partition, offset] = PLACE.exec(what) ?? [];
  if (partition !== undefined && offset !== undefined) {
    await readOne(place, deps, { partition: Number(partition), offset: BigInt(offset), take });
    return found;
  }
  const origin: OriginWanted = parseOriginWanted(what);
  if (origin.offset === undefined)
    throw new GbxError('GBX_USAGE', `Cannot inspect ${JSON.stringify(what)}`, {
      hint: 'give <partition>/<offset>, or an origin: <topic>/<partition>/<offset>',
    });
  await eachMatching(place, deps, { filter: { origin }, onMatch: ({ record }) => take(record) });
  return found;
}

async function readOne(
  { topic }: LetterPlace,
  { logs, signal }: LookDeps,
  { partition, offset, take }: { readonly partition: number; readonly offset: bigint; readonly take: (record: LogRecord) => void },
): Promise<void> {
  const range = (await rangesOf(logs, topic)).find((one) => one.partition === partition);
  if (range === undefined || offset < range.start || offset >= range.end) return;
  for await (const { records } of logs.read({ topic, partition, from: offset, to: offset + 1n }, signal)) records.forEach(take);
}
