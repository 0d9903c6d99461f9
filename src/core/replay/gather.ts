// All dead letters as they stand, brought together by origin: a record that was given up more than once is one candidate, and
// its newest letter speaks for it. Holds a few hundred bytes for each, none of the records.
import { hash } from 'node:crypto';
import { GbxError } from '../errors.ts';
import type { Exposure, LogRecord } from '../exposure/exposure.ts';
import { formatOrigin } from '../exposure/origin.ts';
import { markRecord } from '../load/last-record.ts';
import type { LogRange } from '../verify/ports.ts';
import { type Reading, type ScanOptions, scanStretches } from '../verify/scan.ts';
import { placeOfOrigin } from './dialects.ts';
import { isMatch, type LetterFilter } from './filter.ts';
import { decodeLetter, experimentOf, type Letter, readLetter } from './letter.ts';
import type { ReplayLogs } from './ports.ts';

/** One record that was given up: its newest letter. */
export interface Candidate {
  readonly partition: number;
  readonly offset: bigint;
  /** As gbx-origin has it. */
  readonly origin: string;
  readonly originTopic: string;
  readonly code: string;
  readonly failedAtMs: number;
  readonly experimentId: string | undefined;
  /** Undefined where the record is no exposure as it stands. */
  readonly exposure: CandidateExposure | undefined;
  /** The most that any of its letters says. */
  readonly replayCount: number;
  /** Of key and value: whether it is still the same record when it is read again. */
  readonly hash: string;
  /** How many letters there are of it. */
  readonly letters: number;
}

export interface CandidateExposure {
  readonly exposureId: string;
  readonly tsMicros: number;
  /** Hash over user, experiment and variation. */
  readonly who: string;
}

export interface Gathered {
  /** Of the topic as it was read. */
  readonly ranges: readonly LogRange[];
  readonly letters: number;
  /** By origin, without its time. */
  readonly byOrigin: ReadonlyMap<string, Candidate>;
}

const CANDIDATES_MAX = 1_000_000;

interface Place {
  readonly topic: string;
  readonly clusterId: string;
}

/** @throws {GbxError} GBX_TOPIC_MISSING */
export async function rangesOf(logs: ReplayLogs, topic: string): Promise<readonly LogRange[]> {
  const ranges = await logs.ranges(topic);
  if (ranges === undefined) throw new GbxError('GBX_TOPIC_MISSING', `Cannot read the topic ${topic} as there is none`);
  return [...ranges].sort((one, other) => one.partition - other.partition);
}

/** Every record of the topic, as it stands now. @throws {GbxError} GBX_TOPIC_MISSING, GBX_KAFKA_AUTH, GBX_KAFKA_UNREACHABLE */
export async function scanTopic(logs: ReplayLogs, topic: string, reading: Omit<ScanOptions, 'step'>): Promise<readonly LogRange[]> {
  const ranges = await rangesOf(logs, topic);
  const stretches = ranges
    .filter(({ start, end }) => start < end)
    .map(({ partition, start, end }) => ({ topic, partition, from: start, to: end }));
  await scanStretches(logs, stretches, { ...reading, step: 'reading the dead letters' });
  return ranges;
}

/** @throws {GbxError} as scanTopic; GBX_USAGE where there are too many for one plan */
export async function gatherLetters(
  logs: ReplayLogs,
  place: Place,
  options: Reading & { readonly filter: LetterFilter },
): Promise<Gathered> {
  const { filter, ...reading } = options;
  const byOrigin = new Map<string, Candidate & { readonly matches: boolean }>();
  let letters = 0;
  const onRecord = (record: LogRecord): void => {
    letters++;
    const letter = readLetter(record, place.topic);
    const key = placeOfOrigin(letter.origin);
    const known = byOrigin.get(key);
    const isNewer = known === undefined || letter.failedAtMs >= known.failedAtMs;
    const merged = { letters: (known?.letters ?? 0) + 1, replayCount: Math.max(known?.replayCount ?? 0, letter.replayCount) };
    if (!isNewer) {
      byOrigin.set(key, { ...known, ...merged });
      return;
    }
    if (known === undefined && byOrigin.size >= CANDIDATES_MAX) throw tooMany();
    const candidate = toCandidate(record, letter, place.clusterId);
    const matches = isMatch(filter, letter, { key: record.key, experimentId: candidate.experimentId });
    byOrigin.set(key, { ...candidate, ...merged, matches });
  };
  const ranges = await scanTopic(logs, place.topic, { ...reading, onRecord });
  return { ranges, letters, byOrigin: new Map([...byOrigin].filter(([, { matches }]) => matches)) };
}

export function toCandidate(record: LogRecord, letter: Letter, clusterId: string): Candidate {
  const decoded = decodeLetter(record, letter.origin, clusterId);
  return {
    ...{ partition: letter.partition, offset: letter.offset, code: letter.code, failedAtMs: letter.failedAtMs },
    origin: formatOrigin(letter.origin),
    originTopic: letter.origin.topic,
    experimentId: experimentOf(record, decoded),
    exposure: decoded.kind === 'exposure' ? toCandidateExposure(decoded.exposure) : undefined,
    replayCount: letter.replayCount,
    hash: markRecord(record).hash,
    letters: 1,
  };
}

export function toCandidateExposure(exposure: Exposure): CandidateExposure {
  return { exposureId: exposure.exposureId, tsMicros: exposure.tsMicros, who: whoOf(exposure) };
}

export function whoOf({ dsUserId, experimentId, variationId }: Exposure): string {
  return hash('sha256', JSON.stringify([dsUserId, experimentId, variationId]), 'base64url').slice(0, 16);
}

function tooMany(): GbxError {
  return new GbxError('GBX_USAGE', `Cannot take more than ${CANDIDATES_MAX} dead letters together`, {
    hint: 'narrow it: --since, --until or --offset',
  });
}
