// Which of the candidates can be replayed, and why the others are left out: what is in the table already, what would be given
// up again as it stands, what has been replayed often enough.
import type { StoredExposure } from '../exposure/stored.ts';
import type { Candidate, CandidateExposure } from './gather.ts';
import { whoOf } from './gather.ts';
import type { ReplayTable } from './ports.ts';

export const SKIP_REASONS = ['invalid', 'loaded', 'id-reused', 'replayed-often', 'other-topic'] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

/** In words, for people. */
export const SKIP_WORDS: Readonly<Record<SkipReason, string>> = {
  invalid: 'no exposures as they stand: they would be given up again (edit them: gbx replay export, then import)',
  loaded: 'in the table already',
  'id-reused': 'their exposure_id stands for another user, experiment or variation (edit them: export, then import)',
  'replayed-often': 'replayed as often as --max-replays allows',
  'other-topic': 'from another topic (choose it: --origin <topic>)',
};

export interface Selection {
  readonly chosen: readonly Candidate[];
  readonly skipped: ReadonlyMap<SkipReason, number>;
  /** Matching, but beyond the limit. */
  readonly beyondLimit: number;
}

export interface SelectOptions {
  /** Origins that are meant; undefined: any. */
  readonly topics: ReadonlySet<string> | undefined;
  readonly maxReplays: number;
  readonly limit: number;
  /** Undefined where no warehouse is configured: then nothing is known to be loaded. */
  readonly table: ReplayTable | undefined;
}

const IDS_PER_READ = 5_000;
const HORIZON_MICROS = 24 * 3_600_000_000;

/** The chosen in the order of the log. */
export async function selectCandidates(candidates: Iterable<Candidate>, options: SelectOptions): Promise<Selection> {
  const skipped = new Map<SkipReason, number>();
  const skip = (reason: SkipReason): void => void skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
  const possible: Candidate[] = [];
  for (const candidate of candidates) {
    const reason = reasonOf(candidate, options);
    if (reason === undefined) possible.push(candidate);
    else skip(reason);
  }
  possible.sort((one, other) => one.partition - other.partition || (one.offset < other.offset ? -1 : 1));
  const chosen: Candidate[] = [];
  const known = await findStanding(
    options.table,
    possible.flatMap(({ exposure }) => exposure ?? []),
  );
  for (const candidate of possible) {
    const standing = candidate.exposure && known.get(candidate.exposure.exposureId);
    const reason = candidate.exposure && standing ? judgeRows(candidate.exposure, standing) : undefined;
    if (reason === undefined) chosen.push(candidate);
    else skip(reason);
  }
  return { chosen: chosen.slice(0, options.limit), skipped, beyondLimit: Math.max(0, chosen.length - options.limit) };
}

function reasonOf(
  { exposure, originTopic, replayCount, code }: Candidate,
  { topics, maxReplays, table }: SelectOptions,
): SkipReason | undefined {
  if (topics !== undefined && !topics.has(originTopic)) return 'other-topic';
  if (exposure === undefined) return 'invalid';
  // Without the table nobody knows whether the other row is still there.
  if (code === 'GBX_ID_REUSED' && table === undefined) return 'id-reused';
  return replayCount >= maxReplays ? 'replayed-often' : undefined;
}

/** Rows by id. */
export async function findStanding(
  table: ReplayTable | undefined,
  exposures: readonly Pick<CandidateExposure, 'exposureId' | 'tsMicros'>[],
): Promise<ReadonlyMap<string, readonly StoredExposure[]>> {
  const found = new Map<string, StoredExposure[]>();
  if (table === undefined || exposures.length === 0) return found;
  const since = exposures.reduce((least, { tsMicros }) => Math.min(least, tsMicros), Number.POSITIVE_INFINITY) - 2 * HORIZON_MICROS;
  const ids = [...new Set(exposures.map(({ exposureId }) => exposureId))];
  for (let from = 0; from < ids.length; from += IDS_PER_READ) {
    for (const row of await table.rowsByIds(ids.slice(from, from + IDS_PER_READ), since)) {
      const own = found.get(row.exposureId);
      if (own === undefined) found.set(row.exposureId, [row]);
      else own.push(row);
    }
  }
  return found;
}

/** A row of the same exposure wins over its dead letter; one of another exposure keeps it out within a day (docs/delivery.md). */
export function judgeRows({ tsMicros, who }: CandidateExposure, rows: readonly StoredExposure[]): 'loaded' | 'id-reused' | undefined {
  if (rows.some((row) => whoOf(row) === who)) return 'loaded';
  return rows.some((row) => Math.abs(row.tsMicros - tsMicros) <= HORIZON_MICROS) ? 'id-reused' : undefined;
}
