// The dead letters in numbers: by reason, experiment, hour, partition and how often they were replayed; each record once however
// often it was given up, by its newest letter. Pure: fed letter by letter.
import type { Letter } from './letter.ts';

export interface LetterStats {
  readonly letters: number;
  readonly distinct: number;
  readonly oldestMs: number | undefined;
  readonly newestMs: number | undefined;
  readonly byCode: ReadonlyMap<string, number>;
  readonly byExperiment: ReadonlyMap<string, number>;
  /** By the hour they failed in, as `2026-01-31T12:00Z`. */
  readonly byHour: ReadonlyMap<string, number>;
  readonly byPartition: ReadonlyMap<string, number>;
  readonly byReplayCount: ReadonlyMap<string, number>;
  readonly byDialect: ReadonlyMap<string, number>;
}

const NAMES_MAX = 1_000;
const HOUR_MS = 3_600_000;

interface Counter {
  /** @param key of the record: the same for all its letters. */
  add(key: string, letter: Letter, of: { readonly experimentId: string | undefined; readonly isWanted: boolean }): void;
  stats(): LetterStats;
}

/** What is kept of a record: its newest letter, and of all of them what plan goes by. */
interface Given {
  readonly letters: number;
  readonly oldestMs: number;
  readonly replayCount: number;
  readonly newest: Pick<Letter, 'code' | 'failedAtMs' | 'partition' | 'dialect'>;
  readonly experimentId: string | undefined;
  /** Whether its newest letter is one of those asked for. */
  readonly isWanted: boolean;
}

/** By the newest letter of each record, as plan goes; of those that are met equally new, by the last. */
export function createLetterStats(): Counter {
  const byKey = new Map<string, Given>();
  return {
    add(key, { code, failedAtMs, partition, dialect, replayCount }, of) {
      const known = byKey.get(key);
      const isNewer = known === undefined || failedAtMs >= known.newest.failedAtMs;
      byKey.set(key, {
        ...(isNewer ? { newest: { code, failedAtMs, partition, dialect }, ...of } : known),
        letters: (known?.letters ?? 0) + 1,
        oldestMs: Math.min(known?.oldestMs ?? failedAtMs, failedAtMs),
        replayCount: Math.max(known?.replayCount ?? 0, replayCount),
      });
    },
    stats: () => countRecords([...byKey.values()].filter(({ isWanted }) => isWanted)),
  };
}

function countRecords(records: readonly Given[]): LetterStats {
  const maps = {
    byCode: new Map(),
    byExperiment: new Map(),
    byHour: new Map(),
    byPartition: new Map(),
    byReplayCount: new Map(),
    byDialect: new Map(),
  };
  let letters = 0;
  let oldestMs: number | undefined;
  let newestMs: number | undefined;
  for (const { newest, experimentId, replayCount, ...given } of records) {
    letters += given.letters;
    oldestMs = Math.min(oldestMs ?? given.oldestMs, given.oldestMs);
    newestMs = Math.max(newestMs ?? newest.failedAtMs, newest.failedAtMs);
    count(maps.byCode, newest.code);
    count(maps.byExperiment, experimentId ?? '(none)');
    count(maps.byHour, hourOf(newest.failedAtMs));
    count(maps.byPartition, String(newest.partition));
    count(maps.byReplayCount, String(replayCount));
    count(maps.byDialect, newest.dialect);
  }
  return { letters, distinct: records.length, oldestMs, newestMs, ...maps };
}

function count(counts: Map<string, number>, name: string): void {
  const key = counts.has(name) || counts.size < NAMES_MAX ? name : '(others)';
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function hourOf(ms: number): string {
  const hour = Math.floor(ms / HOUR_MS) * HOUR_MS;
  const isDate = Number.isFinite(hour) && Math.abs(hour) <= 8.64e15;
  return isDate ? `${new Date(hour).toISOString().slice(0, 16)}Z` : '(none)';
}
