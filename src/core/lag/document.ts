// A report as programs read it: the document of docs/lag.schema.json, which a test holds against this. What is not known is
// null, never -1, NaN or a guess. The other machine forms are made from this one, so that all say the same.
import { GbxError } from '../errors.ts';
import type { DeadLetterReport, LagReport, PartitionReport } from './assess.ts';
import type { Breach } from './limits.ts';
import type { SideTopicSample, WarehouseSample } from './sample.ts';

export const LAG_SCHEMA = 'gbx.lag/1';

type Json = Readonly<Record<string, unknown>>;

export interface LagDocument extends Json {
  readonly schema: typeof LAG_SCHEMA;
  readonly partitions: readonly Json[];
}

/** @throws {GbxError} GBX_BUG for an offset that a JSON number cannot hold */
export function toDocument(report: LagReport, { breaches, partitions }: DocumentContext): LagDocument {
  const { sample, total } = report;
  return {
    schema: LAG_SCHEMA,
    at: new Date(sample.atMs).toISOString(),
    durationMs: round(sample.tookMs, 1),
    ...breachesDocument(breaches),
    warnings: report.warnings,
    cluster: { id: sample.clusterId, brokers: sample.brokers },
    group: { name: sample.target.group, state: sample.state, members: sample.members.length },
    topic: { name: sample.target.topic, partitions: sample.partitions.length, timestampType: sample.timestampType ?? null },
    total: {
      lag: orNull(total.lag),
      groupLag: orNull(total.groupLag),
      lost: total.lost,
      behindSeconds: seconds(total.behindMs),
      inPerSecond: round(total.inPerSecond, 3),
      outPerSecond: round(total.outPerSecond, 3),
      ...eta(total.etaSeconds),
      verdict: total.verdict,
      severity: total.severity,
      worstPartition: orNull(total.worst),
    },
    partitions: partitions.map(toPartition),
    deadLetters: toDeadLetters(report.deadLetters),
    retries: toRetries(sample.retries),
    table: toTable(report),
    warehouse: toWarehouse(sample.warehouse),
  };
}

export interface DocumentContext {
  readonly breaches: readonly Breach[];
  /** Those that are to be shown, in their order. */
  readonly partitions: readonly PartitionReport[];
}

/** Of a check; `gbx lag --explain` answers one too. */
export function breachesDocument(breaches: readonly Breach[]): Json {
  const found = breaches.map(({ rule, limit, actual, partition }) => ({
    rule,
    limit,
    actual: actual ?? null,
    partition: partition ?? null,
  }));
  return { ok: breaches.length === 0, breaches: found };
}

function toPartition(one: PartitionReport): Json {
  const { partition, start, end, committed, loaded, position, by, timeLag, member, error } = one.sample;
  return {
    partition,
    logStart: offset(start),
    logEnd: offset(end),
    committed: offset(committed),
    loaded: offset(loaded),
    position: offset(position),
    by,
    lag: orNull(one.lag),
    groupLag: orNull(one.groupLag),
    lost: one.lost,
    behind: timeLag === undefined ? null : { seconds: seconds(timeLag.maxMs), atLeastSeconds: seconds(timeLag.minMs) },
    inPerSecond: round(one.inPerSecond, 3),
    outPerSecond: round(one.outPerSecond, 3),
    ...eta(one.etaSeconds),
    retentionShare: round(one.retentionShare, 4),
    hotness: round(one.hotness, 2),
    verdict: one.verdict,
    severity: one.severity,
    because: one.because,
    member: member === undefined ? null : { memberId: member.memberId, clientId: member.clientId, host: member.host },
    error: error ?? null,
  };
}

function toDeadLetters({ topic, records, newestAgeMs, perMinute }: DeadLetterReport): Json {
  return { topic, records: orNull(records), newestAgeSeconds: seconds(newestAgeMs), perMinute: round(perMinute, 3) };
}

function toRetries(retries: SideTopicSample | undefined): Json | null {
  return retries === undefined ? null : { topic: retries.topic, waiting: orNull(retries.records) };
}

function toTable({ freshness, freshnessMs }: LagReport): Json | null {
  if (freshness === undefined) return null;
  const { newestTsMs, loadDelayMs } = freshness;
  return {
    newestTs: newestTsMs === undefined ? null : new Date(newestTsMs).toISOString(),
    freshnessSeconds: seconds(freshnessMs),
    loadDelay:
      loadDelayMs === undefined
        ? null
        : { p50Seconds: seconds(loadDelayMs.p50), p95Seconds: seconds(loadDelayMs.p95), rows: loadDelayMs.rows },
  };
}

function toWarehouse(warehouse: WarehouseSample): Json {
  if (warehouse.kind !== 'failed') return { state: warehouse.kind, error: null };
  return { state: 'failed', error: { code: warehouse.error.code, message: warehouse.error.message } };
}

/** `neverDrains` tells "at this rate never" from "not known". */
function eta(etaSeconds: number | undefined): Json {
  const isNever = etaSeconds === Number.POSITIVE_INFINITY;
  return { etaSeconds: isNever ? null : round(etaSeconds, 0), neverDrains: isNever };
}

function offset(value: bigint | undefined): number | null {
  if (value === undefined) return null;
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new GbxError('GBX_BUG', `the offset ${value} is beyond what a JSON number holds exactly`);
  return Number(value);
}

function orNull(value: number | undefined): number | null {
  return value ?? null;
}

function seconds(ms: number | undefined): number | null {
  return ms === undefined ? null : round(ms / 1000, 3);
}

function round(value: number | undefined, digits: number): number | null {
  if (value === undefined || !Number.isFinite(value)) return null;
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
