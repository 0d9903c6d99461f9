// The dead letters in numbers: by reason, experiment, hour, partition and how often they were replayed; each record once however
// often it was given up. Pure: fed letter by letter.
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
  add(letter: Letter, of: { readonly experimentId: string | undefined; readonly isDuplicate: boolean }): void;
  stats(): LetterStats;
}

/** All but `letters` counts each record once, by the letter that is met first. */
export function createLetterStats(): Counter {
  const maps = {
    byCode: new Map(),
    byExperiment: new Map(),
    byHour: new Map(),
    byPartition: new Map(),
    byReplayCount: new Map(),
    byDialect: new Map(),
  };
  let [letters, distinct] = [0, 0];
  let oldestMs: number | undefined;
  let newestMs: number | undefined;
  return {
    add(letter, { experimentId, isDuplicate }) {
      letters++;
      const { failedAtMs } = letter;
      oldestMs = Math.min(oldestMs ?? failedAtMs, failedAtMs);
      newestMs = Math.max(newestMs ?? failedAtMs, failedAtMs);
      if (isDuplicate) return;
      distinct++;
      count(maps.byCode, letter.code);
      count(maps.byExperiment, experimentId ?? '(none)');
      count(maps.byHour, hourOf(failedAtMs));
      count(maps.byPartition, String(letter.partition));
      count(maps.byReplayCount, String(letter.replayCount));
      count(maps.byDialect, letter.dialect);
    },
    stats: () => ({ letters, distinct, oldestMs, newestMs, ...maps }),
  };
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
