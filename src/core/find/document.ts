// The answer of `gbx find --json` (docs/find.md): one document, schema gbx.find/1. Whose exposure it is stands there only where
// it was asked for.
import type { StoredExposure } from '../exposure/stored.ts';
import { formatTimestamp } from '../exposure/timestamp.ts';
import { describeLooked, describeNotLooked, TIME_MS_MAX } from './describe.ts';
import type { FindReport, Found } from './find.ts';
import type { FindPlan } from './ports.ts';
import type { SeenRecord, SpooledRecord } from './trails.ts';
import { isBad, standingOf, type VerdictFacts } from './verdict.ts';

interface DocumentOptions {
  /** Whether users, variations and attributes are to be shown. */
  readonly isContentShown: boolean;
}

type Json = Readonly<Record<string, unknown>>;

/** 0 found, 1 not found, or found as nobody wants it: doubled or missing. */
export function exitCodeOf({ exposures }: FindReport): 0 | 1 {
  return exposures.length === 0 || exposures.some(({ verdict }) => isBad(verdict.state)) ? 1 : 0;
}

export function toFindDocument(plan: FindPlan, report: FindReport, options: DocumentOptions): Json {
  const { wanted } = plan;
  const { facts, begin, exposures, isCut } = report;
  const [only] = exposures;
  return {
    schema: 'gbx.find/1',
    state: wanted.kind === 'id' ? (only?.verdict.state ?? 'not_found') : exposures.length === 0 ? 'not_found' : 'listed',
    askedAt: new Date(facts.nowMs).toISOString(),
    wanted:
      wanted.kind === 'id' ? { exposureId: wanted.exposureId } : { user: wanted.dsUserId ?? null, experiment: wanted.experimentId ?? null },
    since: begin.place.kind === 'time' ? new Date(begin.place.ms).toISOString() : begin.place.kind,
    exposures: exposures.map((found) => toExposure(found, facts, options)),
    more: isCut,
    looked: describeLooked(plan, report),
    notLooked: describeNotLooked(plan, report),
    // Of a part that is configured and could not be asked.
    failures: [...report.failures].map(([part, { code, message }]) => ({ part, code, message })),
  };
}

function toExposure({ exposureId, trail, verdict }: Found, facts: VerdictFacts, options: DocumentOptions): Json {
  const { spool, records, letters, rows, leftOut } = trail;
  return {
    exposureId: exposureId ?? null,
    experimentId: (rows[0] ?? [...records, ...letters, ...spool].find(({ identity }) => identity)?.identity)?.experimentId ?? null,
    state: verdict.state,
    sentence: verdict.sentence,
    spool: spool.map((seen) => toSpooled(seen, options)),
    records: records.map((seen) => toRecord(seen, facts, options)),
    deadLetters: letters.map((seen) => toRecord(seen, facts, options)),
    rows: rows.map((row) => toRow(row, options)),
    notListed: leftOut,
  };
}

function toSpooled({ file, acceptedMs, refusedReason, identity }: SpooledRecord, options: DocumentOptions): Json {
  return { file, acceptedAt: toTime(acceptedMs), refusedReason: refusedReason ?? null, ...content(identity, options) };
}

function toRecord(seen: SeenRecord, facts: VerdictFacts, options: DocumentOptions): Json {
  const { role, topic, partition, offset, writtenMs, isCopy, origin, retryCount, notBeforeMs, failure, invalid, identity } = seen;
  const standing = standingOf(seen, facts);
  return {
    ...{ topic, partition, offset: Number(offset), writtenAt: toTime(writtenMs) },
    acceptedAt: toTime(origin.timestampMs),
    origin: isCopy ? { topic: origin.topic, partition: origin.partition, offset: Number(origin.offset) } : null,
    ts: identity === undefined ? null : formatTimestamp(identity.tsMicros),
    retry: retryCount,
    notBefore: notBeforeMs === undefined ? null : toTime(notBeforeMs),
    invalid: invalid ?? null,
    failure: failure === undefined ? null : { code: failure.code, message: failure.message, lastAt: toTime(failure.lastMs) },
    // A dead letter waits for nobody.
    progress: role === 'dead-letters' ? null : { state: standing.kind, by: standing.by ?? null, recordsBefore: Number(standing.before) },
    ...content(identity, options),
  };
}

function toRow({ createdAtMicros, ...row }: StoredExposure, options: DocumentOptions): Json {
  return {
    ts: formatTimestamp(row.tsMicros),
    createdAt: formatTimestamp(createdAtMicros),
    loadDelayMs: Math.round((createdAtMicros - row.tsMicros) / 1000),
    source: row.source,
    ...content(row, options),
    ...(options.isContentShown ? { attributes: row.attributes } : {}),
  };
}

function content(
  identity: { readonly dsUserId: string; readonly variationId: string } | undefined,
  { isContentShown }: DocumentOptions,
): Json {
  return isContentShown ? { dsUserId: identity?.dsUserId ?? null, variationId: identity?.variationId ?? null } : {};
}

function toTime(ms: number | undefined): string | null {
  return ms === undefined || !(ms >= 0 && ms <= TIME_MS_MAX) ? null : new Date(ms).toISOString();
}
