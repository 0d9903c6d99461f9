// `gbx replay range`: records of the main topic once more. Looks first: what the ledger has passed and the table lacks is what
// is missing, unless it stands among the dead letters. Memory holds the missing ones, never the range.

import { GbxError } from '../errors.ts';
import { decodeRecord } from '../exposure/decode.ts';
import type { LogRecord } from '../exposure/exposure.ts';
import { formatOrigin, originOf } from '../exposure/origin.ts';
import { markRecord } from '../load/last-record.ts';
import type { LedgerRow, LedgerScope } from '../load/ports.ts';
import type { Logs } from '../verify/ports.ts';
import { type PartitionRange, type Place, resolveRange, stretchesOf } from '../verify/range.ts';
import { type Reading, scanLetters } from '../verify/scan.ts';
import { placeOfOrigin } from './dialects.ts';
import { type Candidate, toCandidateExposure } from './gather.ts';
import { readLetter } from './letter.ts';
import type { ReplayTable } from './ports.ts';
import { findStanding, judgeRows } from './select.ts';

export interface RangeQuestion {
  readonly scope: LedgerScope;
  readonly deadLetterTopic: string;
  readonly from: Place | undefined;
  readonly to: Place | undefined;
  /** Every exposure, not only those that are missing. */
  readonly isAll: boolean;
}

export interface RangeDeps extends Reading {
  readonly logs: Logs;
  readonly table: ReplayTable;
  readonly readLedger: (scope: LedgerScope) => Promise<readonly LedgerRow[]>;
}

export interface RangeFound {
  readonly ranges: readonly PartitionRange[];
  readonly records: number;
  readonly exposures: number;
  /** In the range more than once. */
  readonly duplicates: number;
  /** Records that are no exposures. */
  readonly invalid: number;
  readonly loaded: number;
  /** Not in the table, and not among the dead letters either. */
  readonly missing: number;
  /** Not in the table, but given up with a reason. */
  readonly deadLetters: number;
  readonly idReused: number;
  /** Behind the ledger: to be loaded anyway. */
  readonly waiting: number;
  /** Of the range, gone from the topic: at most, where it begins at a time before the log does. */
  readonly expired: number;
  /** Of these, those that the ledger has not passed: lost. */
  readonly expiredUnloaded: number;
  /** Each with what is the matter with it for its code: see Standing. */
  readonly candidates: readonly Candidate[];
}

const CHUNK = 5_000;
const CANDIDATES_MAX = 1_000_000;

interface Look {
  readonly question: RangeQuestion;
  readonly deps: RangeDeps;
  readonly dead: ReadonlySet<string>;
  /** Ids that are planned already. */
  readonly planned: Map<string, Candidate>;
  readonly counts: {
    records: number;
    exposures: number;
    duplicates: number;
    invalid: number;
    loaded: number;
    missing: number;
    deadLetters: number;
    idReused: number;
  };
}

/** @throws {GbxError} GBX_TOPIC_MISSING, GBX_TOPIC_CHANGED, GBX_KAFKA_AUTH, GBX_USAGE, GBX_CONFIG where the ledger knows nothing of the topic */
export async function findInRange(question: RangeQuestion, deps: RangeDeps): Promise<RangeFound> {
  const { scope, deadLetterTopic } = question;
  const ranges = await rangesOf(question, deps);
  const dead = new Set<string>();
  const seen = await scanLetters(deps.logs, deadLetterTopic, {
    ...deps,
    onRecord: (record) => dead.add(placeOfOrigin(readLetter(record, deadLetterTopic).origin)),
  });
  // Without them every dead letter would be taken for missing.
  if (seen.kind === 'unreadable') throw seen.error;
  const counts = { records: 0, exposures: 0, duplicates: 0, invalid: 0, loaded: 0, missing: 0, deadLetters: 0, idReused: 0 };
  const look: Look = { question, deps, dead, planned: new Map(), counts };
  for (const stretch of stretchesOf(scope.topic, ranges)) {
    let chunk: LogRecord[] = [];
    for await (const { records } of deps.logs.read(stretch, deps.signal)) {
      deps.signal.throwIfAborted();
      chunk.push(...records);
      if (chunk.length < CHUNK) continue;
      await lookAt(look, chunk);
      chunk = [];
      deps.onProgress('reading the topic', counts.records, undefined);
    }
    deps.signal.throwIfAborted();
    await lookAt(look, chunk);
  }
  const total = (name: 'waiting' | 'expired' | 'expiredUnloaded'): number => ranges.reduce((sum, range) => sum + Number(range[name]), 0);
  return {
    ...{ ranges, ...counts, candidates: [...look.planned.values()] },
    ...{ waiting: total('waiting'), expired: total('expired'), expiredUnloaded: total('expiredUnloaded') },
  };
}

async function rangesOf({ scope, from, to }: RangeQuestion, { logs, readLedger }: RangeDeps): Promise<readonly PartitionRange[]> {
  const { topic, group } = scope;
  const found = await logs.ranges(topic);
  if (found === undefined) throw new GbxError('GBX_TOPIC_MISSING', `Cannot load ${topic} again as there is no such topic`);
  const rows = await readLedger(scope);
  if (rows.length === 0) {
    throw new GbxError('GBX_CONFIG', `Cannot tell what of ${topic} is missing as the ledger knows nothing of it for the group ${group}`, {
      hint: 'give the group of gbx consume: GBX_CONSUMER_GROUP',
    });
  }
  const ledger = new Map(rows.map(({ partition, nextOffset }) => [partition, nextOffset]));
  const logsInOrder = [...found].sort((one, other) => one.partition - other.partition);
  return await resolveRange({ topic, from, to }, { logs: logsInOrder, ledger, offsetsAt: (asked, ms) => logs.offsetsAt(asked, ms) });
}

async function lookAt(look: Look, records: readonly LogRecord[]): Promise<void> {
  const { question, deps, counts, planned } = look;
  counts.records += records.length;
  const candidates = new Map<string, Candidate>();
  for (const record of records) {
    const candidate = toCandidate(record, question.scope);
    const id = candidate?.exposure?.exposureId;
    if (candidate === undefined || id === undefined) counts.invalid++;
    else if (planned.has(id) || candidates.has(id)) counts.duplicates++;
    else candidates.set(id, candidate);
  }
  counts.exposures += candidates.size;
  const standing = await findStanding(
    deps.table,
    [...candidates.values()].flatMap(({ exposure }) => exposure ?? []),
  );
  for (const [id, candidate] of candidates) {
    const code = judge(look, candidate, standing.get(id) ?? []);
    if (code !== 'missing' && !question.isAll) continue;
    if (planned.size >= CANDIDATES_MAX)
      throw new GbxError('GBX_USAGE', `Cannot plan more than ${CANDIDATES_MAX} records at once`, { hint: 'narrow it: --from, --to' });
    planned.set(id, { ...candidate, code });
  }
}

type Standing = 'missing' | 'loaded' | 'dead-letter' | 'id-reused';

function judge({ dead, counts }: Look, { exposure, origin }: Candidate, rows: Parameters<typeof judgeRows>[1]): Standing {
  const standing = exposure === undefined ? undefined : judgeRows(exposure, rows);
  const isDead = standing === undefined && dead.has(origin.slice(0, origin.lastIndexOf('/')));
  if (standing === 'loaded') counts.loaded++;
  else if (standing === 'id-reused') counts.idReused++;
  else if (isDead) counts.deadLetters++;
  else counts.missing++;
  return standing ?? (isDead ? 'dead-letter' : 'missing');
}

function toCandidate(record: LogRecord, { clusterId, topic }: LedgerScope): Candidate | undefined {
  const decoded = decodeRecord(record, { clusterId, topic });
  if (decoded.kind === 'invalid') return undefined;
  const origin = originOf(record, topic);
  return {
    ...{ partition: record.partition, offset: record.offset, code: 'missing', failedAtMs: record.timestampMs },
    origin: formatOrigin(origin),
    originTopic: origin.topic,
    experimentId: decoded.exposure.experimentId,
    exposure: toCandidateExposure(decoded.exposure),
    replayCount: readLetter(record, topic).replayCount,
    hash: markRecord(record).hash,
    letters: 1,
  };
}
